"""Which rollouts are worth a label, and what a run has been asked for."""

__all__ = ["audit", "planner", "requests"]
