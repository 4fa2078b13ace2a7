"""Choosing the memory queries that a new query hangs on; the same rule in training and in serving."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SAME_TEXT = 0.99999
"""Cosine from which two queries are the same text. A query is never attached to itself: its stored labels would
reach its own rollouts."""


@dataclass(frozen=True, slots=True)
class AttachRule:
    """Part of a model version, because a prediction depends on it.

    `neighbors`: memory queries attached at most; `similarity_floor`: none below this cosine; `same_domain`: only
    queries of the new query's domain.
    """

    neighbors: int
    similarity_floor: float
    same_domain: bool


@dataclass(frozen=True, slots=True)
class Neighbors:
    """Of each of B new queries: rows of memory (B, k), their cosines (B, k), and which of them are attached (B, k)."""

    rows: Tensor
    similarity: Tensor
    valid: Tensor


def nearest(new: Tensor, new_domain: Tensor, memory: Tensor, memory_domain: Tensor, rule: AttachRule) -> Neighbors:
    """What the index answers in serving, by exact search: for training, where memory is a set of vectors in hand.

    `new` (B, D) and `memory` (M, D) of unit length, domains as numbers (B,) and (M,); 1,024 new queries at a time.
    """
    parts = []
    for rows in torch.arange(len(new)).split(1024):  # type: ignore[no-untyped-call]
        cosine = new[rows] @ memory.T
        cosine[cosine >= SAME_TEXT] = -torch.inf
        if rule.same_domain:
            cosine[new_domain[rows][:, None] != memory_domain[None]] = -torch.inf
        parts.append(cosine.topk(min(rule.neighbors, len(memory)), dim=1))
    similarity = torch.cat([part.values for part in parts])
    return Neighbors(torch.cat([part.indices for part in parts]), similarity, similarity >= rule.similarity_floor)
