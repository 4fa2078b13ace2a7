"""The demo: made-up word problems, policies that err like people, and a tour of a service that runs for real.

READ FIRST: tour.py, which the command `memreward demo` runs from top to bottom.
"""

__all__ = ["process", "rollouts", "tour"]
