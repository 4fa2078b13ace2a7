"""What the runs of a training are given: queries to learn from, queries held out, and the neighbours of both."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from memreward_service.groups.batch import GroupBatch
from memreward_service.groups.deduced import with_deduced_labels
from memreward_service.network.attachment import AttachRule, Neighbors, nearest
from memreward_service.network.gnn import Attachment, RewardGNN
from memreward_service.network.graph import experience_graph

FOLDS = 5
"""Parts of the labelled queries, of which a run holds one out."""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Labelled queries of memory. `domain` (B,) numbers their domains."""

    batch: GroupBatch
    domain: Tensor


@dataclass(frozen=True, slots=True)
class TrainingTask:
    """What a run is given: the queries to learn from and those held out, with their neighbours among the former.
    `chosen` (H,) are the held-out ones in the training set, ascending."""

    chosen: Tensor
    training: GroupBatch
    held_out: GroupBatch
    neighbors: Neighbors
    held_out_neighbors: Neighbors

    def attachment_of(self, network: RewardGNN, neighbors: Neighbors, chosen: Tensor) -> Attachment:
        """Memory states of the neighbours of the `chosen` new queries, computed with all their known labels."""
        valid = neighbors.valid[chosen]
        needed, place = torch.unique(neighbors.rows[chosen][valid], return_inverse=True)
        states = network.memory_states(experience_graph(self.training.select(needed), with_labels=True))
        target = torch.arange(len(chosen))[:, None].expand_as(valid)[valid]
        return Attachment(states, torch.stack([place, target]), neighbors.similarity[chosen][valid])

    @torch.inference_mode()
    def held_out_logits(self, network: RewardGNN) -> Tensor:
        """(N,) of all held-out rollouts."""
        everything = torch.arange(self.held_out.groups)
        attachment = self.attachment_of(network, self.held_out_neighbors, everything)
        logits: Tensor = network(experience_graph(self.held_out), attachment)
        return logits

    def held_out_loss(self, network: RewardGNN) -> float:
        """Mean log loss over the known labels of the held-out queries, less that of their base rate, so that runs with
        other held-out queries compare. What epochs and runs are chosen by: a network that says the same of every
        rollout has 0 at best, so silence does not win."""
        known = self.held_out.known
        label, logits = self.held_out.label[known], self.held_out_logits(network)[known]
        base = functional.binary_cross_entropy(label.mean().expand_as(label), label)
        return float(functional.binary_cross_entropy_with_logits(logits, label) - base)


def split(data: TrainingSet, rule: AttachRule, seed: int, fold: int) -> TrainingTask:
    """Training queries, and the held-out ones of `fold` in [0, FOLDS), disjoint for one seed. What follows from given
    labels is learned from too; what is held out is judged by given ones only."""
    order = torch.randperm(data.batch.groups, generator=torch.Generator().manual_seed(seed))
    parts = list(order.tensor_split(FOLDS))
    second = parts.pop(fold).sort().values
    first = torch.cat(parts).sort().values
    training, held_out = with_deduced_labels(data.batch.select(first)), as_served(data.batch.select(second))
    memory = training.query_vectors, data.domain[first]
    return TrainingTask(
        second,
        training,
        held_out,
        nearest(*memory, *memory, rule),
        nearest(held_out.query_vectors, data.domain[second], *memory, rule),
    )


def as_served(batch: GroupBatch) -> GroupBatch:
    """Stored queries as they were asked: of each the `shown_rollouts`, and as its past those of the steps before."""
    shown = shown_rollouts(batch)
    of = torch.zeros(batch.groups, dtype=torch.int64).index_put_((batch.group[shown],), batch.step[shown])
    return batch.keep(shown, batch.step < of[batch.group])


def shown_rollouts(batch: GroupBatch) -> Tensor:
    """(N,) bool: of each query the rollouts of one training step, that with most known labels, or the first such."""
    steps, place = torch.unique(torch.stack([batch.group, batch.step]), dim=1, return_inverse=True)  # (2, S), (N,)
    labels = torch.bincount(place[batch.known], minlength=steps.shape[1])
    most = torch.zeros(batch.groups, dtype=torch.int64).scatter_reduce(0, steps[0], labels, "amax")
    best = labels == most[steps[0]]
    first = torch.full((batch.groups,), int(batch.step.max()) + 1).scatter_reduce(
        0, steps[0][best], steps[1][best], "amin"
    )[batch.group]
    return batch.step == first
