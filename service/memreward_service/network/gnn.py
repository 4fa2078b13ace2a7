"""The graph neural network: GATv2 layers over a group, attached to memory, read out by a dot product.

Two passes share the layers. `memory_states` encodes a stored group with its known labels into one state of its
query node. `forward` encodes a new group, lets its query node hear the states of its memory neighbours over
query-similar_to-query edges, and scores each answer; it reads no label of the new group. Messages flow memory -> new
only, and a stored group hears nobody but itself: a state depends on its own group and the weights alone, so it is
computed once, kept, and never spoilt by a query that comes later; and a training query that is taken as new cannot
leak through its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import HeteroData
from torch_geometric.nn import GATv2Conv, HeteroConv

from memreward_proto.errors import Conflict
from memreward_service.groups.features import FEATURES
from memreward_service.network.graph import EDGE_TYPES

FEATURE_BOUND = 3.0
"""Standard deviations of the training set that a feature counts at most."""

AGREEMENT_PRIOR = {"share": 0.8, "agreement": 0.8}
"""Weights of the linear term before training, for features in standard deviations: who agrees is likelier right. On
HumanEval (even queries) 16 labelled queries then give an AUC of 0.918 in place of 0.912."""

NODE_TYPES = ("query", "thinking", "answer")


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Shape of the network; part of a model version."""

    dimension: int = 384
    features: int = len(FEATURES)
    hidden: int = 32
    heads: int = 4
    layers: int = 2
    dropout: float = 0.3
    embedding_scale: float = 0.3
    """Factor on the unit-length embeddings: small, because a thousand labels teach little about 384 dimensions,
    and the structural features must be heard first."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """How B new queries hang on memory: E query-similar_to-query edges from M memory states."""

    states: Tensor
    """(M, hidden)"""
    edge_index: Tensor
    """(2, E): row of `states`, new query"""
    similarity: Tensor
    """(E,) cosine"""


class GroupLayer(nn.Module):
    """One round of messages inside every group: x_v <- LayerNorm(x_v + ELU(sum over edge types of GATv2(x)))."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size, heads = config.hidden, config.heads
        self.messages = HeteroConv(
            {kind: GATv2Conv((size, size), size // heads, heads, add_self_loops=False) for kind in EDGE_TYPES},
            aggr="sum",
        )
        self.norms = nn.ModuleDict({kind: nn.LayerNorm(size) for kind in NODE_TYPES})
        self.dropout = config.dropout

    def forward(self, x: dict[str, Tensor], edges: dict[tuple[str, str, str], Tensor]) -> dict[str, Tensor]:
        """`x`: (nodes, hidden) by node type -> the same."""
        heard = self.messages(x, edges)
        return {
            kind: self.norms[kind](
                x[kind] + functional.dropout(functional.elu(heard[kind]), self.dropout, self.training)
            )
            for kind in NODE_TYPES
        }


class RewardGNN(nn.Module):
    """Scores answers: logit_i = <W_q h_query, W_a [h_thinking_i, h_answer_i]> / sqrt(hidden) + w . features_i.

    The dot product is the paper's scorer. It starts at zero beside the linear term, which is what few labels can
    teach, and which starts at AGREEMENT_PRIOR; the network adds to it what more labels prove.
    """

    feature_mean: Tensor
    feature_scale: Tensor

    def __init__(self, config: ModelConfig) -> None:
        """Raises Conflict for a configuration of other features than those that this version computes."""
        super().__init__()
        if config.features != len(FEATURES):
            raise Conflict(
                f"This model reads {config.features} features of a rollout and this version of the service computes "
                f"{len(FEATURES)}: train again (POST /v1/training, or `memreward train`)."
            )
        size = config.hidden
        self.config = config
        self.project = nn.ModuleDict({kind: nn.Linear(config.dimension, size) for kind in NODE_TYPES})
        self.project_features = nn.Linear(config.features, size)
        self.project_labels = nn.Linear(2, size, bias=False)
        self.attach = GATv2Conv((size, size), size // config.heads, config.heads, edge_dim=1, add_self_loops=False)
        self.attach_norm = nn.LayerNorm(size)
        self.layers = nn.ModuleList(GroupLayer(config) for _ in range(config.layers))
        self.read_query = nn.Linear(size, size)
        self.read_answer = nn.Linear(2 * size, size)
        nn.init.zeros_(self.read_answer.weight)
        self.linear = nn.Linear(config.features, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        for name, weight in AGREEMENT_PRIOR.items():
            nn.init.constant_(self.linear.weight[:, FEATURES.index(name)], weight)
        self.register_buffer("feature_mean", torch.zeros(config.features))
        self.register_buffer("feature_scale", torch.ones(config.features))

    @property
    def device(self) -> torch.device:
        """Where the weights are. Graphs and attachments may come from the CPU, results return to it."""
        return self.feature_mean.device

    def memory_states(self, graph: HeteroData) -> Tensor:
        """(B, hidden): the query node of every group, made with labels, after it heard its own rollouts."""
        graph = graph.to(self.device)
        x = self._nodes(graph, self._features(graph))
        x["answer"] = x["answer"] + self.project_labels(graph["answer"].labels)
        return self._layers(x, graph)["query"].cpu()

    def forward(self, graph: HeteroData, attachment: Attachment) -> Tensor:
        """(N,) logits of every rollout, from no label of its group."""
        graph = graph.to(self.device)
        features = self._features(graph)
        x = self._nodes(graph, features)
        heard = self.attach(
            (attachment.states.to(self.device), x["query"]),
            attachment.edge_index.to(self.device),
            attachment.similarity[:, None].to(self.device),
        )
        x["query"] = self.attach_norm(x["query"] + heard)
        x = self._layers(x, graph)
        answer = self.read_answer(torch.cat([x["thinking"], x["answer"]], dim=1))  # (N, hidden)
        query = self.read_query(x["query"])[graph["answer"].group]  # (N, hidden)
        score = (query * answer).sum(1) / self.config.hidden**0.5
        return cast(Tensor, score + self.linear(features)[:, 0]).cpu()

    def _features(self, graph: HeteroData) -> Tensor:
        """Standardised, and bounded: what training never saw must not outweigh everything that it did."""
        features = (graph["answer"].features - self.feature_mean) / self.feature_scale
        return cast(Tensor, features.clamp(-FEATURE_BOUND, FEATURE_BOUND))

    def _nodes(self, graph: HeteroData, features: Tensor) -> dict[str, Tensor]:
        """Embeddings of all nodes and features of the answers, projected to `hidden`."""
        scale = self.config.embedding_scale
        x = {
            kind: self.project[kind](functional.dropout(graph[kind].x * scale, self.config.dropout, self.training))
            for kind in NODE_TYPES
        }
        x["answer"] = x["answer"] + self.project_features(features)
        return x

    def _layers(self, x: dict[str, Tensor], graph: HeteroData) -> dict[str, Tensor]:
        for layer in self.layers:
            x = layer(x, graph.edge_index_dict)
        return x
