"""`memreward evaluate` and `memreward bench`: the engine measured on labelled rollouts, beside simpler means.

READ FIRST: comparison.py (one split, every method), then command.py (what is printed).
"""

__all__ = ["answers", "command", "stored_encoder"]
