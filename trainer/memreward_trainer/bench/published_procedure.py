"""What the published implementation does in every request, in our own code, as the baseline of `memreward bench`.

Read from its source (github.com/ulab-uiuc/MemReward, mixed_gnn_reward_base.py and gnn_models.py): the graph of the
whole memory and of the new groups is built row by row, with the cosines of all thinkings of the memory, and a GATv2
network of 512 units runs over all of it; nothing is kept from one request to the next. Weights are random: only the
time counts here.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.nn import GATv2Conv, HeteroConv

from memreward_service.arrays import Vectors

QUERY_NEIGHBORS = 15
THINKING_NEIGHBORS = 2
HIDDEN, HEADS, LAYERS = 512, 4, 2

EDGE_TYPES = (
    ("query", "has", "thinking"),
    ("thinking", "rev_has", "query"),
    ("thinking", "leads_to", "answer"),
    ("answer", "rev_leads_to", "thinking"),
    ("query", "similar_to", "query"),
    ("thinking", "competes_with", "thinking"),
)

Edges = dict[tuple[str, str, str], Tensor]


def whole_graph(queries: Vectors, thinkings: Vectors, memory: int) -> Edges:
    """Edges over `queries` (Q, D) and `thinkings` (Q x n, D); the first `memory` queries are the memory's."""
    n = len(thinkings) // len(queries)
    has = [[row // n, row] for row in range(len(thinkings))]
    own = [[row, row] for row in range(len(thinkings))]
    similar: list[list[int]] = []
    cosine = queries @ queries.T
    for row in range(len(queries)):
        scores = cosine[row, :memory].copy()
        if row < memory:
            scores[row] = -1
        similar += [[row, int(near)] for near in np.argsort(scores)[-QUERY_NEIGHBORS:]]
    competes: list[list[int]] = []
    for first, part in ((0, thinkings[: memory * n]), (memory * n, thinkings[memory * n :])):
        cosine = part @ part.T
        for row in range(len(part)):
            start = row // n * n
            scores = cosine[row, start : start + n].copy()
            scores[row - start] = -1
            nearest = np.argsort(scores)[::-1][: min(THINKING_NEIGHBORS, n - 1)]
            competes += [[first + row, first + start + int(near)] for near in nearest]
    pairs = (has, [edge[::-1] for edge in has], own, own, similar, competes)
    return {kind: _tensor(edges) for kind, edges in zip(EDGE_TYPES, pairs, strict=True)}


class WholeGraphNetwork(nn.Module):
    """GATv2 over all nodes, dot product of query and response: the published sizes."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.project = nn.ModuleDict({kind: nn.Linear(dimension, HIDDEN) for kind in ("query", "thinking", "answer")})
        self.layers = nn.ModuleList(
            HeteroConv(
                {kind: GATv2Conv(HIDDEN, HIDDEN // HEADS, HEADS, add_self_loops=False) for kind in EDGE_TYPES},
                aggr="mean",
            )
            for _ in range(LAYERS)
        )
        self.read_query = nn.Linear(HIDDEN, HIDDEN // 2)
        self.read_response = nn.Linear(2 * HIDDEN, HIDDEN // 2)

    def forward(self, nodes: dict[str, Tensor], edges: Edges) -> Tensor:
        """Scores of all rollouts, those of the memory too, (Q x n,)."""
        x = {kind: self.project[kind](vectors) for kind, vectors in nodes.items()}
        for layer in self.layers:
            x = {kind: value.relu() for kind, value in layer(x, edges).items()}
        query = self.read_query(x["query"])[edges["query", "has", "thinking"][0]]
        response = self.read_response(torch.cat([x["thinking"], x["answer"]], dim=1))
        score: Tensor = (query * response).sum(1)
        return score


def _tensor(pairs: list[list[int]]) -> Tensor:
    return torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T.contiguous()
