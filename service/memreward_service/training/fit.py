"""READ FIRST. Warm-up training: imitate serving on stored queries, keep the best of several seeds.

Each step takes queries as if they were new: attached to their nearest other training queries, none of their labels
read; the loss is on those labels. A query is never its own neighbour and a memory state depends on its own group only,
so no label reaches its own prediction. Every run holds out another fifth of the queries, whose labels are never in its
memory: they stop it early. So the runs together predict most labelled queries by networks that did not see them
(cross-fitting), which calibrates the network that is served and gives the metrics. Served is the first run that learned
something: which of them is best cannot be told from the few queries that each held out.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from memreward_proto.errors import Internal, NotEnoughLabels
from memreward_service.belief.calibration import fit_calibration
from memreward_service.belief.hypotheses import AnswerHypotheses
from memreward_service.belief.metrics import reward_metrics
from memreward_service.groups.batch import GroupBatch
from memreward_service.groups.features import rollout_features
from memreward_service.network.attachment import AttachRule
from memreward_service.network.gnn import ModelConfig, RewardGNN
from memreward_service.network.graph import experience_graph
from memreward_service.network.trained import TrainedModel
from memreward_service.training.task import FOLDS, TrainingSet, TrainingTask, as_served, split

MIN_QUERIES = 10
"""Labelled queries that training takes at least."""
STEP_QUERIES = 256
"""Queries taken as new in one step at most; an epoch has two steps at least."""
WHOLE_GROUPS = 0.5
"""Share of the groups that a step takes as they are; of the others it takes 1 to all rollouts, at random, so that
groups of every size are learned from groups of one size."""
WITH_PAST = 0.5
"""Share of the queries whose other stored rollouts count as the past of those that a step takes as new."""
RANKING_WEIGHT = 0.3
LEARNING_RATE = 2.5e-4
LINEAR_LEARNING_RATE = 1e-2
WEIGHT_DECAY = 1e-2
AVERAGING = 0.98
"""Final decay of the running mean of the weights, which is what is evaluated and kept (Polyak averaging); lower in
the first steps, so that the untrained weights are soon forgotten."""
CHECK_EVERY = 5
"""Epochs between two looks at the held-out queries."""
PATIENCE = 3
"""Looks in a row that find no better weights, after which a run ends. With 20% of the queries labelled, a run of 60
epochs ends after about 40 of them, and nothing measurable is lost."""

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class _Run:
    """The best weights of one run and their held-out loss, infinite where it never was a number."""

    task: TrainingTask
    network: RewardGNN
    loss: float


@dataclass(frozen=True, slots=True)
class CrossFitted:
    """A model that is ready to serve, the queries `chosen` (H,) that its runs held out, ascending, and the `logits` of
    their rollouts by networks that did not see them."""

    model: TrainedModel
    chosen: Tensor
    logits: Tensor


def train_best(
    data: TrainingSet,
    rule: AttachRule,
    *,
    seeds: int,
    epochs: int,
    seed: int,
    threshold: float,
    label_noise: float,
    device: torch.device | None = None,
    progress: Progress = lambda _: None,
) -> CrossFitted:
    """The first of `seeds` runs that predicts its held-out queries better than their base rate does; where none does,
    the one that comes nearest. All of them calibrate it.

    `progress` hears the share done in [0, 1] and may raise to stop the training. Raises NotEnoughLabels, and Internal
    where no run gave numbers.
    """
    check_labels(data.batch)
    runs = [
        _train(
            split(data, rule, seed, run % FOLDS), epochs, seed * 1000 + run, device,
            lambda share, run=run: progress((run + share) / seeds),  # type: ignore[misc]
        )
        for run in range(seeds)
    ]  # fmt: skip
    served = next((run for run in runs if run.loss < 0), min(runs, key=lambda run: run.loss))
    if not math.isfinite(served.loss):
        raise Internal("Training did not converge: the loss on held-out queries was never a finite number.")
    learned = [run for run in runs if math.isfinite(run.loss)]
    return _finished(served.network, learned, as_served(data.batch), rule, threshold, label_noise)


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


def _train(task: TrainingTask, epochs: int, seed: int, device: torch.device | None, progress: Progress) -> _Run:
    """One run: epochs over the training queries until the held-out loss falls no more, its best weights kept."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = RewardGNN(ModelConfig(dimension=task.training.query_vectors.shape[1])).to(device)
    _fit_feature_scale(network, task.training, generator)
    optimizer = _optimizer(network)
    steps = max(2, math.ceil(task.training.groups / STEP_QUERIES))
    schedule = _schedule(optimizer, steps * epochs)
    averaged, step = copy.deepcopy(network).requires_grad_(False).eval(), 0
    best, best_epoch = _Run(task, copy.deepcopy(averaged), math.inf), 0
    for epoch in range(1, epochs + 1):
        network.train()
        order = torch.randperm(task.training.groups, generator=generator)
        for chosen in order.tensor_split(steps):
            loss = _step_loss(network, task, chosen.sort().values, generator)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            step += 1
            _average(averaged, network, min(AVERAGING, step / (step + 10)))
        if epoch % CHECK_EVERY == 0 or epoch == epochs:
            found = task.held_out_loss(averaged)
            if found < best.loss:
                best, best_epoch = _Run(task, copy.deepcopy(averaged), found), epoch
            elif epoch - best_epoch >= PATIENCE * CHECK_EVERY:
                progress(1.0)
                break
        progress(epoch / epochs)
    return best


def _finished(
    network: RewardGNN, runs: Sequence[_Run], batch: GroupBatch, rule: AttachRule, threshold: float,
    label_noise: float,
) -> CrossFitted:  # fmt: skip
    """Calibrate `network` by what the `runs` say of the queries that they held out, and measure what would be served
    of those."""
    chosen, logits = _cross_fitted(runs, batch)
    held_out = batch.select(chosen)
    hypotheses = AnswerHypotheses(held_out, label_noise)
    calibration = fit_calibration(hypotheses, logits.numpy())
    served = hypotheses.served_probability(calibration.probability(logits).numpy())
    known = held_out.known.numpy()
    label, group = held_out.label.double().numpy()[known], held_out.group.numpy()[known]
    metrics = reward_metrics(label, served[known], group, threshold)
    return CrossFitted(TrainedModel(network, calibration, rule, metrics), chosen, logits)


def _cross_fitted(runs: Sequence[_Run], batch: GroupBatch) -> tuple[Tensor, Tensor]:
    """The queries that a run held out, and the logits (N,) of their rollouts: the mean over the runs that did."""
    total, count = torch.zeros(len(batch.group), dtype=torch.float64), torch.zeros(len(batch.group))
    for run in runs:
        rows = torch.isin(batch.group, run.task.chosen)
        total[rows] += run.task.held_out_logits(run.network).double()
        count[rows] += 1
    return torch.unique(batch.group[count > 0]), (total / count)[count > 0]


def _step_loss(network: RewardGNN, task: TrainingTask, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """BCE on the known labels + RANKING_WEIGHT x softplus of every (right, wrong) pair of a group."""
    new = thinned(task.training.select(chosen), generator)
    logits = network(experience_graph(new), task.attachment_of(network, task.neighbors, chosen))
    z, label, group = logits[new.known], new.label[new.known], new.group[new.known]
    loss = functional.binary_cross_entropy_with_logits(z, label)
    right, wrong = label >= 0.5, label < 0.5
    pair = group[right][:, None] == group[wrong][None]
    if pair.any():
        gap = (z[right][:, None] - z[wrong][None])[pair]
        loss = loss + RANKING_WEIGHT * functional.softplus(-gap).mean()
    return loss


def thinned(batch: GroupBatch, generator: torch.Generator) -> GroupBatch:
    """The queries as if they came again. The new group: rollouts of one training step, some left out at random
    (WHOLE_GROUPS), of a query with a known label one that has it. What is left of the query is its past, for the share
    WITH_PAST of the queries, or not seen."""
    draw = torch.rand(len(batch.group), generator=generator)
    first = torch.zeros(batch.groups).scatter_reduce(0, batch.group, draw + batch.known, "amax")
    is_first = draw + batch.known == first[batch.group]
    step = torch.zeros(batch.groups, dtype=torch.int64).scatter_reduce(
        0, batch.group, torch.where(is_first, batch.step, -2), "amax", include_self=False
    )
    same_step = batch.step == step[batch.group]
    size = torch.bincount(batch.group[same_step], minlength=batch.groups)
    whole = torch.rand(batch.groups, generator=generator) < WHOLE_GROUPS
    wanted = 1 + (torch.rand(batch.groups, generator=generator) * size).long()
    wanted = torch.where(whole, size, wanted.clamp(max=size))
    draw = torch.where(is_first, -1.0, draw) + 2.0 * ~same_step
    chosen = _rank(batch, draw) < wanted[batch.group]
    with_past = torch.rand(batch.groups, generator=generator) < WITH_PAST
    return batch.keep(chosen, ~chosen & with_past[batch.group])


def _rank(batch: GroupBatch, value: Tensor) -> Tensor:
    """(N,) place of each rollout in its group by `value` (N,), 0 for the smallest."""
    order = torch.argsort(batch.group * 8.0 + value.double())
    size = torch.bincount(batch.group, minlength=batch.groups)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order)) - (size.cumsum(0) - size)[batch.group[order]]
    return rank


def _fit_feature_scale(network: RewardGNN, batch: GroupBatch, generator: torch.Generator) -> None:
    """Standardise features over what training will see: whole groups, and a few draws of thinned ones."""
    seen = [as_served(batch), *(thinned(batch, generator) for _ in range(4))]
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


def _schedule(optimizer: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.OneCycleLR:
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [group["lr"] for group in optimizer.param_groups], total_steps=steps,
        # OneCycleLR divides by zero where the rise takes one step exactly.
        pct_start=min(max(0.2, 1.5 / steps), 0.9),
    )  # fmt: skip


@torch.no_grad()
def _average(averaged: RewardGNN, network: RewardGNN, decay: float) -> None:
    for mean, value in zip(averaged.parameters(), network.parameters(), strict=True):
        mean.lerp_(value, 1 - decay)
