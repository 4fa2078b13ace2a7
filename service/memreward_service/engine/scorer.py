"""Attach, model, calibration, reward: what the compute thread does with groups whose texts are embedded.

Every caller's groups of one micro-batch go through one forward pass. Nothing connects two groups, so an answer does
not depend on what else is in the batch (up to the rounding of float32 sums, 1e-6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from memreward_service.engine.encoder import Vectors
from memreward_service.engine.graph import experience_graph
from memreward_service.engine.group_batch import GroupBatch, ParsedGroup, group_batch
from memreward_service.engine.memory import Memory, NearQuery
from memreward_service.engine.rewards import predictions
from memreward_service.engine.training import TrainedModel
from memreward_service.records import Prediction
from memreward_service.settings import Settings


@dataclass(frozen=True, slots=True)
class ServingModel:
    """The active model under its version."""

    version: str
    trained: TrainedModel


@dataclass(frozen=True, slots=True)
class Question:
    """One caller's groups. `vectors` are those of the groups' texts, group after group."""

    groups: tuple[ParsedGroup, ...]
    vectors: Vectors
    explain: bool

    @property
    def rollouts(self) -> int:
        """How many rollouts it asks for: its weight in a batch."""
        return sum(len(group.rollouts) for group in self.groups)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one question: predictions and attached memory queries of each group."""

    model_version: str
    memory_version: int
    predictions: tuple[tuple[Prediction, ...], ...]
    near: tuple[tuple[NearQuery, ...], ...]


def reply_to(questions: Sequence[Question], model: ServingModel, memory: Memory, settings: Settings) -> list[Reply]:
    """One forward pass for all `questions`. On the compute thread."""
    groups = [group for question in questions for group in question.groups]
    batch = group_batch(groups, np.concatenate([question.vectors for question in questions]))
    near = memory.near(
        batch.query_vectors.numpy(),
        [group.query.domain for group in groups],
        [group.query.id for group in groups],
        model.trained.rule,
    )
    with torch.inference_mode():
        graph = experience_graph(batch, batch.known)
        features = graph["answer"].features
        logits = model.trained.network(graph, memory.attachment(near))
        probability = model.trained.calibration.probability(logits).tolist()
    wants_why = any(question.explain for question in questions)
    why = features.tolist() if wants_why else None
    replies, group_at, row = [], 0, 0
    for question in questions:
        scored = []
        for group in question.groups:
            rows = slice(row, row + len(group.rollouts))
            row = rows.stop
            explained = why[rows] if why is not None and question.explain else None
            scored.append(predictions(group, probability[rows], explained, settings))
        places = slice(group_at, group_at + len(question.groups))
        group_at = places.stop
        replies.append(Reply(model.version, memory.version, tuple(scored), tuple(map(tuple, near[places]))))
    return replies


def states_of(model: TrainedModel, batch: GroupBatch) -> Vectors:
    """(B, hidden) memory states of stored groups with all their known labels."""
    with torch.inference_mode():
        states: Vectors = model.network.memory_states(experience_graph(batch, batch.known)).numpy()
    return states
