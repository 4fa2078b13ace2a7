"""A deterministic fake encoder: the hash of a text as a unit vector. Unlike texts are about orthogonal."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from memreward_service.arrays import Vectors

DIMENSION = 16


class HashEncoder:
    """Notes every text that it encodes."""

    dimension = DIMENSION

    def __init__(self, revision: str = "hash") -> None:
        self.revision = revision
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.encoded += texts
        return vectors_of(texts)


def vectors_of(texts: Sequence[str]) -> Vectors:
    """(N, DIMENSION) unit vectors."""
    values = [np.frombuffer(sha256(text.encode()).digest(), np.uint16) for text in texts]
    centred = np.array(values).reshape(-1, DIMENSION).astype(np.float32) / 32767.5 - 1
    vectors: Vectors = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    return vectors
