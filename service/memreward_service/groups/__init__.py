"""Groups of rollouts, pure: answers and their keys, behaviour of programs, batches, features.

The trainer may import this room.
"""

__all__ = ["answers", "batch", "behaviour", "datasets", "deduced", "features", "math_answers"]
