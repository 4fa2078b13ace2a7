"""How near the trust that the service tells comes to the truth, on groups that arrive after training.

The network is trained on the queries that the budget buys, as in regime queries. The other groups arrive, and LABELS of
their rollouts become known: those that the planner asks for, random ones, or all of some groups. From these labels the
service tells its trust (GET /v1/trust); the truth is what all the other labels say of the rewards that it predicted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from memreward_proto.errors import InvalidArgument
from memreward_proto.records import DomainTrust, Experience, Group, StandardErrors, TrustFigures
from memreward_service.belief.posterior import KeyPosterior
from memreward_service.embedding.encoder import Encoder
from memreward_service.settings import Settings
from memreward_service.trust.estimate import answered_groups
from memreward_service.trust.figures import figures_of
from memreward_service.trust.window import Trust, comparisons
from memreward_trainer.evaluation.comparison import Progress, engine_beliefs
from memreward_trainer.evaluation.planned_labels import Known, spend
from memreward_trainer.evaluation.splits import flat, queries_split

LABELS = 0.17
"""Share of the arriving rollouts whose labels become known."""
DRAWS = 12
"""How often labels are drawn by chance."""
FIGURES = ("auc", "false_positive_rate", "false_negative_rate", "calibration_error")


@dataclass(frozen=True, slots=True)
class Arrived:
    """Groups that came after training, each with what was believed of it before any of its labels."""

    queries: tuple[Experience, ...]
    beliefs: tuple[KeyPosterior, ...]


def trust_figures(
    queries: Sequence[Experience], encoder: Encoder, budget: float, seed: int, epochs: int | None, progress: Progress
) -> dict[str, dict[str, float]]:
    """By way of choosing labels: the truth, what is estimated, how far that is off and how far it says it is, and the
    figures over labelled rollouts; where chance chooses, means over DRAWS. Raises InvalidArgument for several domains.
    """
    if len(domains := sorted({experience.query.domain for experience in queries})) > 1:
        raise InvalidArgument(
            f"The file has queries of {' and '.join(domains)}, and trust is told by domain: keep one of them in it."
        )
    split = queries_split(queries, budget, seed)
    beliefs = asyncio.run(engine_beliefs(split, encoder, seed, epochs, progress))
    labelled = {experience.query.id: experience for experience in queries}
    arrived = Arrived(tuple(labelled[experience.query.id] for experience in split.asked), tuple(beliefs))
    ways: dict[str, tuple[Callable[[Arrived, int], Known], int]] = {
        "planner": (_planned, 1), "random": (_at_random, DRAWS), "groups": (_groups, DRAWS),
    }  # fmt: skip
    rows: dict[str, dict[str, float]] = {}
    for way, (choose, draws) in ways.items():
        drawn = [told(arrived, choose(arrived, seed * DRAWS + draw)) for draw in range(draws)]
        off = [_off(truth, report.predicted, report.standard_error) for truth, report in drawn]
        named = {
            "truth": _means([_defined(truth) for truth, _ in drawn]),
            "estimate": _means([_defined(report.predicted) for _, report in drawn]),
            "off by": _means([{name: abs(distance) for name, (distance, _) in each.items()} for each in off]),
            "std. error": _means([_defined(report.standard_error) for _, report in drawn]),
            "in std. errors": _in_standard_errors(off),
            "labelled": _means([_defined(report.figures) for _, report in drawn]),
        }
        rows |= {f"{way}: {what}": row for what, row in named.items()}
    return rows


def _off(truth: TrustFigures, estimate: TrustFigures, error: StandardErrors) -> dict[str, tuple[float, float | None]]:
    """By figure that both have: how far the estimate is off, and its standard error where it has one."""
    right, said, errors = _defined(truth), _defined(estimate), _defined(error)
    return {name: (said[name] - right[name], errors.get(name)) for name in FIGURES if name in right and name in said}


def _means(draws: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of each figure, over the draws that have it."""
    found = {name: [draw[name] for draw in draws if name in draw] for name in FIGURES}
    return {name: float(np.mean(values)) for name, values in found.items() if values}


def _in_standard_errors(off: Sequence[dict[str, tuple[float, float | None]]]) -> dict[str, float]:
    """Of each figure: the root mean square of distances in units of their standard errors."""
    squares = [{name: (far / error) ** 2 for name, (far, error) in draw.items() if error} for draw in off]
    return {name: float(np.sqrt(value)) for name, value in _means(squares).items()}


def told(arrived: Arrived, known: Known) -> tuple[TrustFigures, DomainTrust]:
    """The truth about the predicted rollouts, and what the service tells once it has the `known` labels."""
    count = sum(map(len, known))
    settings = Settings(trust_window=count, trust_min_rollouts=1)
    groups = [
        Group(str(place), experience.query, tuple(
            stored.rollout if seen else replace(stored.rollout, label=None)
            for stored, seen in zip(experience.rollouts, row, strict=True)
        ))
        for place, (experience, row) in enumerate(zip(arrived.queries, known, strict=True))
    ]  # fmt: skip
    trust = Trust(settings)
    answered = answered_groups(groups, arrived.beliefs)
    trust.record(comparisons(groups, arrived.beliefs), answered)
    (domain,) = trust.report().domains
    labels = {id(belief): experience for belief, experience in zip(arrived.beliefs, arrived.queries, strict=True)}
    right, said = [], []
    for group in answered:
        rows = list(group.predicted)
        said.append(group.belief.probability(group.labels)[rows])
        right.append([float((labels[id(group.belief)].rollouts[row].rollout.label or 0.0) >= 0.5) for row in rows])
    return figures_of(flat(right), np.concatenate(said), settings), domain


def _planned(arrived: Arrived, seed: int) -> Known:
    del seed
    known = _unknown(arrived)
    spend(arrived.queries, arrived.beliefs, known, _labels(known))
    return known


def _at_random(arrived: Arrived, seed: int) -> Known:
    known = _unknown(arrived)
    places = [(group, index) for group, row in enumerate(known) for index in range(len(row))]
    for place in np.random.default_rng(seed).permutation(len(places))[: _labels(known)]:
        group, index = places[place]
        known[group][index] = True
    return known


def _groups(arrived: Arrived, seed: int) -> Known:
    known = _unknown(arrived)
    for group in np.random.default_rng(seed).permutation(len(known))[: round(LABELS * len(known))]:
        known[group] = [True] * len(known[group])
    return known


def _unknown(arrived: Arrived) -> Known:
    return [[False] * len(experience.rollouts) for experience in arrived.queries]


def _labels(known: Known) -> int:
    return round(LABELS * sum(map(len, known)))


def _defined(figures: TrustFigures | StandardErrors) -> dict[str, float]:
    return {name: value for name, value in asdict(figures).items() if name in FIGURES and value is not None}
