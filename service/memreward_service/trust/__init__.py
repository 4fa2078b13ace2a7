"""How good the rewards are, measured on labels."""

__all__ = ["consensus", "estimate", "figures", "trust", "window"]
