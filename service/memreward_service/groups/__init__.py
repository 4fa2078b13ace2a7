"""Groups of rollouts, pure: behaviour of programs, batches, features.

The trainer may import this room.
"""

__all__ = ["batch", "behaviour", "datasets", "deduced", "drift", "features", "history"]
