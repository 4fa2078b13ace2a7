"""Which memory queries a training query hangs on: the rule that serving follows by its index."""

from __future__ import annotations

import numpy as np
import torch

from memreward_proto.records import Domain, Query
from memreward_service.memory.memory import Memory
from memreward_service.network.attachment import AttachRule, nearest
from service.hash_encoder import DIMENSION, vectors_of

MEMORY = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0], [-1.0, 0.0]])
DOMAIN = torch.tensor([0, 0, 1, 0, 0])


def attached(rule: AttachRule) -> list[list[int]]:
    """For the new queries (1, 0) of domain 0 and (0, 1) of domain 1."""
    new, domain = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
    found = nearest(new, domain, MEMORY, DOMAIN, rule)
    return [rows[valid].tolist() for rows, valid in zip(found.rows, found.valid, strict=True)]


def test_never_to_itself_and_only_above_the_floor() -> None:
    assert attached(AttachRule(3, 0.5, same_domain=False)) == [[1, 2], [2, 1]]
    assert attached(AttachRule(1, 0.5, same_domain=False)) == [[1], [2]]
    assert attached(AttachRule(9, -0.5, same_domain=False)) == [[1, 2, 3], [2, 1, 0, 4]]
    assert attached(AttachRule(0, -1.0, same_domain=False)) == [[], []]


def test_only_to_its_own_domain_where_the_rule_says_so() -> None:
    assert attached(AttachRule(3, -0.5, same_domain=True)) == [[1, 3], [2]]


def test_serving_attaches_what_training_attached() -> None:
    texts = [f"question {i}" for i in range(60)]
    vectors = vectors_of(texts)
    domains = [list(Domain)[i % 3] for i in range(60)]
    memory = Memory(DIMENSION, "hash", "store", exact_limit=1000)
    queries = [Query(text, text, domain) for text, domain in zip(texts, domains, strict=True)]
    memory.put(queries, vectors, None, [()] * len(texts))
    numbers = torch.tensor([i % 3 for i in range(60)])
    for rule in (AttachRule(4, 0.1, True), AttachRule(4, 0.3, False)):
        trained = nearest(torch.from_numpy(vectors), numbers, torch.from_numpy(vectors), numbers, rule)
        served = memory.near(vectors, domains, texts, rule)
        for place in range(60):
            rows = trained.rows[place][trained.valid[place]]
            assert [texts[row] for row in rows] == [near.query_id for near in served[place]]
            expected = trained.similarity[place][trained.valid[place]].numpy()
            assert np.allclose(expected, [near.similarity for near in served[place]], atol=1e-5)
