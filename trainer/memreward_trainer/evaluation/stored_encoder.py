"""An encoder that remembers on disk, so that a second evaluation of a file encodes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from memreward_service.arrays import Vectors
from memreward_service.embedding.encoder import Encoder
from memreward_service.store import ExperienceStore

SLICE = 128
CACHE_FOLDER = Path("~/.cache/memreward")
"""Where evaluations and benchmarks keep what a second run need not compute again."""


class StoredEncoder:
    """`encoder` with its vectors kept in the embedding table of `store`."""

    def __init__(self, encoder: Encoder, store: ExperienceStore) -> None:
        self._encoder = encoder
        self._store = store

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""
        return self._encoder.dimension

    @property
    def revision(self) -> str:
        """That of the encoder inside."""
        return self._encoder.revision

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(N, D) float32, L2-normalised, in order."""
        keys = [self._key(text) for text in texts]
        known = self._store.embeddings(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            vectors = self._encoder.encode(list(missing.values())).astype("<f4")
            made = {key: row.tobytes() for key, row in zip(missing, vectors, strict=True)}
            self._store.put_embeddings(made)
            known |= made
        return np.frombuffer(bytearray().join(known[key] for key in keys), "<f4").reshape(len(keys), self.dimension)

    def warm(self, texts: Sequence[str], advance: Callable[[int], object]) -> None:
        """Encode what is not stored yet, shortest first; `advance` hears how many more are done."""
        distinct = sorted(set(texts), key=len)
        for start in range(0, len(distinct), SLICE):
            part = distinct[start : start + SLICE]
            self.encode(part)
            advance(len(part))

    def _key(self, text: str) -> str:
        return f"{self._encoder.revision}:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
