"""How good the rewards are, measured on labels."""
