"""The reward manager of verl, and what belongs to it."""

__all__ = ["functions", "manager", "sampler"]
