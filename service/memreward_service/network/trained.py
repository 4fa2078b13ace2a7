"""A trained network with what belongs to it, and what memory keeps of stored groups by it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from memreward_service.arrays import Vectors
from memreward_service.belief.calibration import Calibration
from memreward_service.groups.batch import GroupBatch
from memreward_service.groups.deduced import with_deduced_labels
from memreward_service.network.attachment import AttachRule
from memreward_service.network.gnn import RewardGNN
from memreward_service.network.graph import experience_graph


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """One finished run."""

    network: RewardGNN
    calibration: Calibration
    rule: AttachRule
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class ServingModel:
    """The active model under its version."""

    version: str
    trained: TrainedModel


def states_of(model: TrainedModel, batch: GroupBatch) -> Vectors:
    """(B, hidden) memory states of stored groups with all their known labels."""
    with torch.inference_mode():
        states: Vectors = model.network.memory_states(
            experience_graph(with_deduced_labels(batch), with_labels=True)
        ).numpy()
    return states
