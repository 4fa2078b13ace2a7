"""The experience that predictions use: follows the store, indexes its queries, keeps their states, writes snapshots.

A query is found only once everything of it is there; what is here can be built again from the store.
"""

__all__ = ["follower", "memory", "pruning", "snapshot"]
