"""Rollout files: read, written and turned into records."""

__all__ = ["atomic", "convert", "rollouts"]
