"""READ SECOND. Warm-up training: imitate serving on stored queries, keep the best of several seeds.

Each step takes queries as if they were new: attached to their nearest other training queries, none of their labels
read; the loss is on those labels. A query is never its own neighbour and a memory state depends on its own group only,
so no label reaches its own prediction, nor does one of the same group that was deduced from it (deduced_labels.py).
Held-out queries stop the training early, calibrate it and give the metrics; their labels are never in memory meanwhile.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from memreward_proto.errors import NotEnoughLabels
from memreward_service.belief.calibration import fit_calibration
from memreward_service.belief.metrics import reward_metrics
from memreward_service.belief.worlds import worlds_of_batch
from memreward_service.groups.batch import GroupBatch
from memreward_service.groups.features import rollout_features
from memreward_service.network.attachment import AttachRule, Neighbors, nearest
from memreward_service.network.gnn import Attachment, ModelConfig, RewardGNN
from memreward_service.network.graph import experience_graph
from memreward_service.network.trained import TrainedModel

MIN_QUERIES = 10
"""Labelled queries that training takes at least."""
HELD_OUT_SHARE = 0.2
STEP_QUERIES = 256
"""Queries taken as new in one step at most; an epoch has two steps at least."""
WHOLE_GROUPS = 0.5
"""Share of the groups that a step takes as they are; of the others it takes 1 to all rollouts, at random, so that
groups of every size are learned from groups of one size."""
RANKING_WEIGHT = 0.3
LEARNING_RATE = 2.5e-4
LINEAR_LEARNING_RATE = 1e-2
WEIGHT_DECAY = 1e-2
AVERAGING = 0.98
"""Final decay of the running mean of the weights, which is what is evaluated and kept (Polyak averaging); lower in
the first steps, so that the untrained weights are soon forgotten."""
CHECK_EVERY = 5
"""Epochs between two looks at the held-out queries."""

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Labelled queries of memory. `domain` (B,) numbers their domains."""

    batch: GroupBatch
    domain: Tensor


def train_best(
    data: TrainingSet,
    rule: AttachRule,
    *,
    seeds: int,
    epochs: int,
    seed: int,
    threshold: float,
    device: torch.device | None = None,
    progress: Progress = lambda _: None,
) -> TrainedModel:
    """The best of `seeds` runs by false-positive rate on the same held-out queries (the paper's protocol).

    A tie goes to the higher AUC. `progress` hears the share done in [0, 1] and may raise to stop the training.
    Raises NotEnoughLabels.
    """
    check_labels(data.batch)
    training, held_out = _split(data, seed)
    runs = []
    for run in range(seeds):
        runs.append(
            _train(training, held_out, rule, epochs, seed * 1000 + run, threshold, device,
                   lambda share, run=run: progress((run + share) / seeds))  # type: ignore[misc]
        )  # fmt: skip
    return min(runs, key=lambda m: (m.metrics.get("false_positive_rate", 1.0), -m.metrics.get("auc", 0.0)))


def check_labels(batch: GroupBatch) -> None:
    """Raise NotEnoughLabels where there is nothing to learn from."""
    queries = len(torch.unique(batch.group[batch.known]))
    if queries < MIN_QUERIES:
        raise NotEnoughLabels(
            f"Training takes labelled rollouts of at least {MIN_QUERIES} queries and memory has {queries}: "
            "add experience with labels, or send labels for stored rollouts.",
            labelled_queries=queries,
            needed=MIN_QUERIES,
        )
    label = batch.label[batch.known]
    if label.min() >= 0.5 or label.max() < 0.5:
        kind = "right" if label.min() >= 0.5 else "wrong"
        raise NotEnoughLabels(
            f"All {len(label)} labelled rollouts are {kind}: training needs right ones and wrong ones.",
            labelled_queries=queries,
            needed=MIN_QUERIES,
        )


def _split(data: TrainingSet, seed: int) -> tuple[TrainingSet, TrainingSet]:
    """Training and held-out queries; the split depends on the seed, not on the run, so that runs compare."""
    order = torch.randperm(data.batch.groups, generator=torch.Generator().manual_seed(seed))
    cut = max(2, round(HELD_OUT_SHARE * len(order)))
    parts = order[cut:].sort().values, order[:cut].sort().values
    first, second = (TrainingSet(data.batch.select(part), data.domain[part]) for part in parts)
    return first, second


def _train(
    training: TrainingSet, held_out: TrainingSet, rule: AttachRule, epochs: int, seed: int, threshold: float,
    device: torch.device | None, progress: Progress,
) -> TrainedModel:  # fmt: skip
    """One run: epochs over the training queries, the weights with the lowest held-out loss kept."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = RewardGNN(ModelConfig(dimension=training.batch.query_vectors.shape[1])).to(device)
    _fit_feature_scale(network, training.batch, generator)
    memory = training.batch.query_vectors, training.domain
    neighbors = nearest(*memory, *memory, rule)
    held_out_neighbors = nearest(held_out.batch.query_vectors, held_out.domain, *memory, rule)
    optimizer = _optimizer(network)
    steps = max(2, math.ceil(training.batch.groups / STEP_QUERIES))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [group["lr"] for group in optimizer.param_groups], total_steps=steps * epochs,
        # OneCycleLR divides by zero where the rise takes one step exactly.
        pct_start=min(max(0.2, 1.5 / (steps * epochs)), 0.9),
    )  # fmt: skip
    averaged, step = copy.deepcopy(network).requires_grad_(False).eval(), 0
    best, best_loss = copy.deepcopy(averaged), math.inf
    for epoch in range(epochs):
        network.train()
        order = torch.randperm(training.batch.groups, generator=generator)
        for chosen in order.tensor_split(steps):
            loss = _step_loss(network, training.batch, chosen.sort().values, neighbors, generator)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            step += 1
            _average(averaged, network, min(AVERAGING, step / (step + 10)))
        if (epoch + 1) % CHECK_EVERY == 0 or epoch + 1 == epochs:
            known = held_out.batch.known
            logits = _held_out_logits(averaged, held_out.batch, training.batch, held_out_neighbors)[known]
            check = float(functional.binary_cross_entropy_with_logits(logits, held_out.batch.label[known]))
            if check < best_loss:
                best, best_loss = copy.deepcopy(averaged), check
        progress((epoch + 1) / epochs)
    return _finished(best, held_out.batch, training.batch, held_out_neighbors, rule, threshold)


def _finished(
    network: RewardGNN, held_out: GroupBatch, memory: GroupBatch, neighbors: Neighbors, rule: AttachRule,
    threshold: float,
) -> TrainedModel:  # fmt: skip
    """Calibrate, and measure what would be served."""
    logits, known = _held_out_logits(network, held_out, memory, neighbors).double(), held_out.known
    label, group = held_out.label[known].double().numpy(), held_out.group[known].numpy()
    calibration = fit_calibration(logits[known].numpy(), label, queries=len(np.unique(group)))
    served = worlds_of_batch(held_out).probability(calibration.probability(logits).numpy())
    metrics = reward_metrics(label, served[known.numpy()], group, threshold)
    return TrainedModel(network, calibration, rule, metrics)


def _attachment(network: RewardGNN, memory: GroupBatch, neighbors: Neighbors, chosen: Tensor) -> Attachment:
    """Memory states of the neighbours of the `chosen` new queries, computed with all their known labels."""
    valid = neighbors.valid[chosen]
    needed, place = torch.unique(neighbors.rows[chosen][valid], return_inverse=True)
    group = memory.select(needed)
    states = network.memory_states(experience_graph(group, with_labels=True))
    target = torch.arange(len(chosen))[:, None].expand_as(valid)[valid]
    return Attachment(states, torch.stack([place, target]), neighbors.similarity[chosen][valid])


def _step_loss(
    network: RewardGNN, batch: GroupBatch, chosen: Tensor, neighbors: Neighbors, generator: torch.Generator
) -> Tensor:
    """BCE on the known labels + RANKING_WEIGHT x softplus of every (right, wrong) pair of a group."""
    new = thinned(batch.select(chosen), generator)
    logits = network(experience_graph(new), _attachment(network, batch, neighbors, chosen))
    z, label, group = logits[new.known], new.label[new.known], new.group[new.known]
    loss = functional.binary_cross_entropy_with_logits(z, label)
    right, wrong = label >= 0.5, label < 0.5
    pair = group[right][:, None] == group[wrong][None]
    if pair.any():
        gap = (z[right][:, None] - z[wrong][None])[pair]
        loss = loss + RANKING_WEIGHT * functional.softplus(-gap).mean()
    return loss


@torch.inference_mode()
def _held_out_logits(network: RewardGNN, held_out: GroupBatch, memory: GroupBatch, neighbors: Neighbors) -> Tensor:
    everything = torch.arange(held_out.groups)
    logits: Tensor = network(experience_graph(held_out), _attachment(network, memory, neighbors, everything))
    return logits


def thinned(batch: GroupBatch, generator: torch.Generator) -> GroupBatch:
    """The groups with some rollouts left out at random (WHOLE_GROUPS); a group with a known label keeps one of them."""
    size = torch.bincount(batch.group, minlength=batch.groups)
    whole = torch.rand(batch.groups, generator=generator) < WHOLE_GROUPS
    wanted = 1 + (torch.rand(batch.groups, generator=generator) * size).long()
    wanted = torch.where(whole, size, wanted.clamp(max=size))
    draw = torch.rand(len(batch.group), generator=generator)
    first = torch.zeros(batch.groups).scatter_reduce(0, batch.group, draw * batch.known, "amax")
    draw[batch.known & (draw == first[batch.group])] = -1.0
    return batch.keep(_rank(batch, draw) < wanted[batch.group])


def _rank(batch: GroupBatch, value: Tensor) -> Tensor:
    """(N,) place of each rollout in its group by `value` (N,), 0 for the smallest."""
    order = torch.argsort(batch.group * 4.0 + value.double())
    size = torch.bincount(batch.group, minlength=batch.groups)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order)) - (size.cumsum(0) - size)[batch.group[order]]
    return rank


def _fit_feature_scale(network: RewardGNN, batch: GroupBatch, generator: torch.Generator) -> None:
    """Standardise features over what training will see: whole groups, and a few draws of thinned ones."""
    seen = [batch, *(thinned(batch, generator) for _ in range(4))]
    features = torch.cat([rollout_features(groups) for groups in seen])
    network.feature_mean.copy_(features.mean(0))
    network.feature_scale.copy_(features.std(0) + 0.05)


def _optimizer(network: RewardGNN) -> torch.optim.Optimizer:
    linear = list(network.linear.parameters())
    rest = [p for name, p in network.named_parameters() if not name.startswith("linear.")]
    return torch.optim.AdamW(
        [{"params": rest, "lr": LEARNING_RATE}, {"params": linear, "lr": LINEAR_LEARNING_RATE}],
        weight_decay=WEIGHT_DECAY,
    )


@torch.no_grad()
def _average(averaged: RewardGNN, network: RewardGNN, decay: float) -> None:
    for mean, value in zip(averaged.parameters(), network.parameters(), strict=True):
        mean.lerp_(value, 1 - decay)
