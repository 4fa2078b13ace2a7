"""How good the rewards are, measured on labels."""

__all__ = ["figures", "trust", "window"]
