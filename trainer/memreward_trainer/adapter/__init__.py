"""What the adapters of all trainers share: the connection, the outcomes of a group, the text of a query."""

__all__ = ["connection", "kept_client", "outcomes", "query_text", "unscored"]
