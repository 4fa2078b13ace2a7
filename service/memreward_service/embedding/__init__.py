"""Texts to vectors: the encoder, its caches, and the one worker that runs it.

Every vector is one that this encoder gave: what a cache or the store has of another kind is encoded again.
"""

__all__ = ["cache", "embedder", "encoder"]
