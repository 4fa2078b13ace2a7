"""Groups of rollouts, pure: advantages, behaviour of programs, batches, features.

The trainer may import this room.
"""

__all__ = ["advantage", "batch", "behaviour", "datasets", "deduced", "drift", "features", "history"]
