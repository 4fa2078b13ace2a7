"""Texts to vectors: the encoder, its caches, and the one worker that runs it."""
