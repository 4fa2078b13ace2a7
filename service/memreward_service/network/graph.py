"""The heterogeneous experience graph of a batch of groups (MemReward, arXiv 2603.19310, section 3).

Nodes: query, thinking, answer. Edges inside a group: query-has-thinking, thinking-leads_to-answer, both with
their reverse, answer-answers-query, and answer-agrees_with-answer. Nothing connects two groups; what a new query
takes from memory comes over query-similar_to-query edges, which only the attachment has (network/gnn.py).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from memreward_service.groups.batch import GroupBatch
from memreward_service.groups.features import rollout_features

AGREEMENT_NEIGHBORS = 32
"""Agreement edges into one answer at most. A group of 256 equal answers would have 65,280 edges otherwise; which
32 is decided by the order of the rollouts inside the group, so it does not depend on the batch."""

EDGE_TYPES: tuple[tuple[str, str, str], ...] = (
    ("query", "has", "thinking"),
    ("thinking", "rev_has", "query"),
    ("thinking", "leads_to", "answer"),
    ("answer", "rev_leads_to", "thinking"),
    ("answer", "agrees_with", "answer"),
    ("answer", "answers", "query"),
)


def experience_graph(batch: GroupBatch, with_labels: bool = False) -> HeteroData:
    """The graph of B groups with N rollouts, stored ones `with_labels`, new ones without.

    Node attributes: x, the embedding (B or N, D); for answers also `features` (N, F), `group` (N,), and `labels`
    (N, 2): how right and how wrong a rollout is known to be, both 0 where its label is unknown.
    """
    graph = HeteroData()
    graph["query"].x = batch.query_vectors
    graph["thinking"].x = batch.thinking_vectors
    graph["answer"].x = batch.answer_vectors
    graph["answer"].features = rollout_features(batch)
    if with_labels:
        right = torch.where(batch.known, batch.label, torch.zeros(()))
        graph["answer"].labels = torch.stack([right, batch.known.float() - right], dim=1)
    graph["answer"].group = batch.group
    rollout = torch.arange(len(batch.group))
    down, across = torch.stack([batch.group, rollout]), torch.stack([rollout, rollout])
    edges = (down, down.flip(0), across, across, agreement_edges(batch.key), down.flip(0))
    for edge_type, edge_index in zip(EDGE_TYPES, edges, strict=True):
        graph[edge_type].edge_index = edge_index
    return graph


def agreement_edges(key: Tensor) -> Tensor:
    """(2, E) from each answer to those that agree with it: `key` (N,) is equal for those.

    Each answer hears the next AGREEMENT_NEIGHBORS of its kind in circular order, all of them if there are fewer.
    """
    if len(key) == 0:
        return torch.empty(2, 0, dtype=torch.int64)
    order = torch.argsort(key, stable=True)
    size = torch.bincount(key)
    start = (size.cumsum(0) - size)[key[order]]
    size = size[key[order]]
    place = torch.arange(len(key)) - start
    hops = (size - 1).clamp(max=AGREEMENT_NEIGHBORS)
    target = torch.repeat_interleave(torch.arange(len(key)), hops)
    hop = torch.arange(len(target)) - torch.repeat_interleave(hops.cumsum(0) - hops, hops) + 1
    source = start[target] + (place[target] + hop) % size[target]
    return torch.stack([order[source], order[target]])
