"""What the rewards teach: GRPO's advantages of predicted rewards beside those of the true ones.

The same predictions become rewards in three ways, the arms:

    threshold   1 where the probability is at least 0.5, else 0
    soft        the probability itself
    corrected   (r - rho0) / (1 - rho0 - rho1) of the thresholded r (arXiv 2510.00915); the rates of false positives and
                false negatives, rho0 and rho1, are those of an audit: AUDIT of the predicted rollouts, drawn at random

and that in two situations: whole groups of predictions, in regime queries, and groups in which the planner has asked
for some labels. A rollout with a label has it as its reward in every arm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memreward_proto.records import Experience
from memreward_service.arrays import Floats
from memreward_service.embedding.encoder import Encoder
from memreward_service.groups.advantage import advantages, are_equal
from memreward_service.settings import Settings
from memreward_trainer.evaluation.comparison import Progress, engine_probabilities
from memreward_trainer.evaluation.planned_labels import Known, by_agreement, paid, spend
from memreward_trainer.evaluation.splits import flat, queries_split

AUDIT = 0.03
"""Share of the predicted rollouts whose labels say how often predictions are wrong."""
PLANNED_LABELS = 0.17
"""Share of the rollouts that the planner may ask for."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """N rollouts in order of their groups. `truth`: (N,) true rewards, 0 or 1; `known`: (N,) whose labels are known;
    `probability`: (N,) what is predicted; `sizes`: how many rollouts each group has, N in all."""

    truth: Floats
    known: NDArray[np.bool_]
    probability: Floats
    sizes: Sequence[int]

    def groups(self, values: Floats) -> list[Floats]:
        """(N,) values, cut into those of each group."""
        return np.split(values, np.cumsum(self.sizes)[:-1])


def reward_mode_figures(
    queries: Sequence[Experience], encoder: Encoder, budget: float, seed: int, epochs: int | None, progress: Progress
) -> dict[str, dict[str, float]]:
    """By situation and arm, what the rewards teach; one engine is trained a situation."""
    whole = whole_groups(queries, encoder, budget, seed, epochs, lambda share: progress(share / 2))
    planned = planned_groups(queries, encoder, seed, epochs, lambda share: progress((1 + share) / 2))
    situations = {"queries": whole, "planned": planned}
    return {
        f"{situation}: {arm}": figures(predicted, rewards)
        for situation, predicted in situations.items()
        for arm, rewards in arms(predicted, np.random.default_rng(seed)).items()
    }


def whole_groups(
    queries: Sequence[Experience], encoder: Encoder, budget: float, seed: int, epochs: int | None, progress: Progress
) -> Predicted:
    """Regime queries: the groups of the queries that the budget does not buy, without any label."""
    split = queries_split(queries, budget, seed)
    probability = asyncio.run(engine_probabilities(split, encoder, seed, epochs, progress))
    truth = flat(split.truth) >= 0.5
    return Predicted(truth.astype(float), np.zeros(len(truth), dtype=bool), probability, list(map(len, split.truth)))


def planned_groups(
    queries: Sequence[Experience], encoder: Encoder, seed: int, epochs: int | None, progress: Progress
) -> Predicted:
    """All groups, once the planner has asked for labels by their agreement."""
    known: Known = [[False] * len(experience.rollouts) for experience in queries]
    spend(queries, by_agreement(queries), known, round(PLANNED_LABELS * sum(map(len, known))))
    probability = asyncio.run(engine_probabilities(paid(queries, known), encoder, seed, epochs, progress))
    truth = flat([[stored.label or 0.0 for stored in experience.rollouts] for experience in queries]) >= 0.5
    return Predicted(truth.astype(float), flat(known).astype(bool), probability, list(map(len, known)))


def arms(predicted: Predicted, random: np.random.Generator) -> dict[str, Floats]:
    """(N,) rewards by arm. `corrected` is left out where the audit lacks right or wrong rollouts, or says that right
    rollouts are rewarded no more often than wrong ones: there is nothing to correct by then."""
    threshold = (predicted.probability >= Settings.model_fields["threshold"].default).astype(float)
    found: dict[str, Floats] = {"threshold": threshold, "soft": predicted.probability}
    audit = audited(predicted, random)
    truth, rewarded = predicted.truth[audit] == 1, threshold[audit]
    if truth.any() and not truth.all() and rewarded[truth].mean() > rewarded[~truth].mean():
        found["corrected"] = corrected(threshold, float(rewarded[~truth].mean()), float(1 - rewarded[truth].mean()))
    return {arm: np.where(predicted.known, predicted.truth, rewards) for arm, rewards in found.items()}


def audited(predicted: Predicted, random: np.random.Generator) -> NDArray[np.int64]:
    """Places of the rollouts that are audited."""
    unknown = np.flatnonzero(~predicted.known)
    return random.choice(unknown, round(AUDIT * len(unknown)), replace=False)


def corrected(reward: Floats, false_positives: float, false_negatives: float) -> Floats:
    """The backward correction of rewards that are wrong at these rates (arXiv 2510.00915)."""
    return (reward - false_positives) / (1 - false_positives - false_negatives)


def figures(predicted: Predicted, rewards: Floats) -> dict[str, float]:
    """What (N,) rewards teach; a figure that is not defined is left out.

    correlation: of advantages with the true ones, over rollouts, `correlation_undivided` where none is divided by the
    standard deviation of its group; no_gradient: share of the groups with right and wrong rollouts whose rewards are
    equal; false_gradient: share of the groups with right or wrong rollouts only whose rewards are not; right: rewards
    on the right side of one half.
    """
    pairs = list(zip(predicted.groups(predicted.truth), predicted.groups(rewards), strict=True))
    mixed = [are_equal(given) for truth, given in pairs if not are_equal(truth)]
    equal = [not are_equal(given) for truth, given in pairs if are_equal(truth)]
    found = {
        "correlation": _correlation(pairs, lambda values: advantages(values)),
        "correlation_undivided": _correlation(pairs, lambda values: advantages(values, divided=False)),
        "no_gradient": float(np.mean(mixed)) if mixed else np.nan,
        "false_gradient": float(np.mean(equal)) if equal else np.nan,
        "right": float(((rewards >= 0.5) == (predicted.truth == 1)).mean()),
        "labels_spent": float(predicted.known.mean()),
    }
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _correlation(pairs: Sequence[tuple[Floats, Floats]], advantage: Callable[[Floats], Floats]) -> float:
    """Pearson's; NaN where one side never differs."""
    truth, given = (np.concatenate([advantage(pair[side]) for pair in pairs]) for side in (0, 1))
    return float(np.corrcoef(truth, given)[0, 1]) if truth.any() and given.any() else np.nan
