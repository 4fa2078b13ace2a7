"""Groups of rollouts, pure: answers and their keys, behaviour of programs, batches, features.

The trainer may import this room.
"""
