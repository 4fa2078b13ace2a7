"""The gRPC transport."""

__all__ = ["health", "servicer"]
