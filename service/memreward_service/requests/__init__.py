"""What a request must be before anything is done with it."""

__all__ = ["limits", "unreadable", "validation"]
