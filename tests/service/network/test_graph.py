"""Which nodes and edges a group becomes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from memreward_service.network.graph import AGREEMENT_NEIGHBORS, EDGE_TYPES, agreement_edges, experience_graph
from service.synthetic_groups import batch_of, synthetic_group, with_labels


def pairs(edges: Tensor) -> set[tuple[int, int]]:
    return {(int(source), int(target)) for source, target in edges.T}


@pytest.mark.parametrize("size", [1, 2, 5, 32, 33])
def test_up_to_the_cap_agreement_edges_are_exactly_the_pairs_with_equal_keys(size: int) -> None:
    key = torch.randint(0, 4, (size,), generator=torch.Generator().manual_seed(size)).unique(return_inverse=True)[1]
    edges = agreement_edges(key)
    expected = {(i, j) for i in range(size) for j in range(size) if i != j and key[i] == key[j]}
    assert pairs(edges) == expected
    assert edges.shape[1] == len(expected), "none is there twice"


def test_beyond_the_cap_each_answer_hears_as_many_and_is_heard_as_often() -> None:
    key = torch.tensor([0, 1] * 50)
    edges = agreement_edges(key)
    assert len(pairs(edges)) == edges.shape[1] == 100 * AGREEMENT_NEIGHBORS
    assert torch.bincount(edges[0]).tolist() == torch.bincount(edges[1]).tolist() == [AGREEMENT_NEIGHBORS] * 100
    assert (key[edges[0]] == key[edges[1]]).all()
    assert (edges[0] != edges[1]).all()


def test_agreement_edges_do_not_depend_on_the_batch() -> None:
    large = synthetic_group(7, 120)
    before = synthetic_group(8, 9)
    alone, behind = batch_of([large]).key, batch_of([before, large]).key
    edges = pairs(agreement_edges(behind))
    assert {(s - 9, t - 9) for s, t in edges if t >= 9} == pairs(agreement_edges(alone))
    assert all((s < 9) == (t < 9) for s, t in edges), "nothing connects two groups"


def test_no_rollouts_no_edges() -> None:
    assert agreement_edges(torch.empty(0, dtype=torch.int64)).shape == (2, 0)


def test_the_edges_of_two_groups() -> None:
    batch = batch_of([synthetic_group(1, 2), synthetic_group(2, 1)])
    graph = experience_graph(batch)
    edges = {kind: pairs(graph[kind].edge_index) for kind in EDGE_TYPES}
    assert edges["query", "has", "thinking"] == {(0, 0), (0, 1), (1, 2)}
    assert edges["thinking", "rev_has", "query"] == {(0, 0), (1, 0), (2, 1)}
    assert edges["thinking", "leads_to", "answer"] == {(0, 0), (1, 1), (2, 2)}
    assert edges["answer", "rev_leads_to", "thinking"] == {(0, 0), (1, 1), (2, 2)}
    assert edges["answer", "answers", "query"] == {(0, 0), (1, 0), (2, 1)}
    assert set(graph.edge_types) == set(EDGE_TYPES)


def test_only_a_stored_group_shows_its_labels() -> None:
    batch = batch_of([with_labels(synthetic_group(1, 4), [1.0, 0.0, 0.75, None])])
    assert "labels" not in experience_graph(batch)["answer"]
    told = experience_graph(batch, with_labels=True)["answer"].labels
    assert told.tolist() == [[1.0, 0.0], [0.0, 1.0], [0.75, 0.25], [0.0, 0.0]]
