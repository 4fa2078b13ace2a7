"""The command `memreward` and the commands that only speak to a service."""

__all__ = ["extras", "ingestion", "main", "predictions", "progress", "training"]
