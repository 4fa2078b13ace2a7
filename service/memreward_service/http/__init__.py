"""The HTTP transport."""

__all__ = ["app"]
