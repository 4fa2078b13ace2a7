"""How good the rewards are, measured on labels."""

__all__ = ["estimate", "figures", "trust", "window"]
