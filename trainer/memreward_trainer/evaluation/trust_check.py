"""How often the intervals of trust hold the truth, on groups that arrive after training.

The network is trained on the queries that the budget buys, as in regime queries. The other groups arrive, and LABELS of
their rollouts become known: by chance, of whole groups, or those that the planner asks for, of which a share is its
audit. From these labels the service says how good the rewards are that it predicted (GET /v1/trust); the truth is what
all the other labels say. Labels are drawn DRAWS times over the same predictions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from memreward_proto.errors import InvalidArgument
from memreward_proto.records import Domain, DomainTrust, Experience, Group, TrustFigures, filled
from memreward_service.embedding.encoder import Encoder
from memreward_service.settings import Settings
from memreward_service.trust.figures import FIGURES, figures_of
from memreward_service.trust.trust import domain_trust
from memreward_service.trust.window import AnsweredGroup, Drawn, answered_group, predicted
from memreward_trainer.evaluation.comparison import Progress, engine_beliefs
from memreward_trainer.evaluation.planned_labels import CALIBRATION_SHARE, Known, spend
from memreward_trainer.evaluation.splits import queries_split

LABELS = 0.17
"""Share of the arriving rollouts whose labels become known."""
DRAWS = 200
"""How often labels are drawn."""
AUDIT_SHARES = (CALIBRATION_SHARE, 0.3)
"""Of the planner's labels, those that are its audit."""


Groups = Sequence[AnsweredGroup]
"""Groups that came after training, with all their labels."""
Chosen = list[tuple[list[bool], Drawn | None]]
"""For each of the groups: whose labels become known, and what a planner drew of it, if there was one."""
Choose = Callable[[Groups, np.random.Generator], Chosen]


def trust_figures(
    queries: Sequence[Experience], encoder: Encoder, budget: float, seed: int, epochs: int | None, progress: Progress
) -> dict[str, dict[str, float]]:
    """By way of choosing labels, means over the draws: the truth, the estimate, the width of its interval, and how
    often this holds the truth; with how many rollouts are audited, and in how many draws these are enough.
    Raises InvalidArgument for several domains."""
    if len(domains := sorted({Domain(filled(experience.domain)) for experience in queries})) > 1:
        raise InvalidArgument(
            f"The file has queries of {' and '.join(domains)}, and trust is given by domain: keep one of them in it."
        )
    split = queries_split(queries, budget, seed)
    beliefs = asyncio.run(engine_beliefs(split, encoder, seed, epochs, lambda share: progress(share / 2)))
    labelled = {experience.id: experience for experience in queries}
    asked = [labelled[experience.id] for experience in split.asked]
    arrived = [answered_group(_group(one), belief) for one, belief in zip(asked, beliefs, strict=True)]
    ways: dict[str, Choose] = {"chance": by_chance, "whole groups": whole_groups}
    order = spend(asked, beliefs, _unknown(arrived), _labels(arrived), audit_share=0.0)
    ways |= {f"planner, {share:.0%} audited": partial(planned, order=order, share=share) for share in AUDIT_SHARES}
    rows: dict[str, dict[str, float]] = {}
    for place, (way, choose) in enumerate(ways.items()):
        reports = []
        for draw in range(DRAWS):
            reports.append(measured(arrived, choose(arrived, np.random.default_rng([seed, draw]))))
            progress((1 + (place + (draw + 1) / DRAWS) / len(ways)) / 2)
        rows |= {f"{way}: {what}": row for what, row in summary(reports).items()}
    return rows


def measured(arrived: Groups, chosen: Chosen) -> tuple[TrustFigures, DomainTrust]:
    """The truth about the rewards that are predicted once the chosen labels are known, and what the service says."""
    groups = [
        replace(
            group,
            labels=tuple(label if seen else None for label, seen in zip(group.labels, known, strict=True)),
            audit=audit,
        )
        for group, (known, audit) in zip(arrived, chosen, strict=True)
    ]
    settings = Settings()
    true = [group.labels[index] for group, now in zip(arrived, groups, strict=True) for index in now.predicted]
    truth = figures_of(np.array(true, dtype=np.float64), predicted(groups), settings)
    return truth, domain_trust(groups[0].domain, groups, settings)


def by_chance(arrived: Groups, random: np.random.Generator) -> Chosen:
    """Rollouts drawn at random."""
    seen = np.arange(sum(len(group.labels) for group in arrived)) < _labels(arrived)
    parts = np.split(random.permutation(seen), np.cumsum([len(group.labels) for group in arrived])[:-1])
    return [(part.tolist(), None) for part in parts]


def whole_groups(arrived: Groups, random: np.random.Generator) -> Chosen:
    """All rollouts of groups that are drawn at random."""
    seen = random.permutation(np.arange(len(arrived)) < round(LABELS * len(arrived)))
    return [([bool(each)] * len(group.labels), None) for group, each in zip(arrived, seen, strict=True)]


def planned(arrived: Groups, random: np.random.Generator, order: Sequence[tuple[int, int]], share: float) -> Chosen:
    """An audit of that share of the labels, and the labels that the planner asks for, in the `order` that it asks in:
    it does not depend on the audit."""
    rate = share * LABELS
    known = [(random.random(len(group.labels)) < rate).tolist() for group in arrived]
    audited = [{index for index, seen in enumerate(row) if seen} for row in known]
    left = _labels(arrived) - sum(map(len, audited))
    wanted = []
    for group, index in order:
        if left <= 0:
            break
        left -= not known[group][index]
        known[group][index] = True
        wanted.append((group, index))
    for group, index in wanted:
        audited[group].discard(index)
    return [(row, Drawn(rate, frozenset(rows))) for row, rows in zip(known, audited, strict=True)]


def summary(reports: Sequence[tuple[TrustFigures, DomainTrust]]) -> dict[str, dict[str, float]]:
    """Means over the draws; of draws without an estimate only `audited` and `given` say something."""
    rows: dict[str, dict[str, float]] = {"truth": {}, "estimate": {}, "width": {}, "holds": {}}
    for name in FIGURES:
        draws = [
            (truth, value, interval.low, interval.high)
            for true, said in reports
            if (truth := getattr(true, name)) is not None
            and (value := getattr(said.predicted, name)) is not None
            and (interval := getattr(said.interval, name)) is not None
        ]
        if draws:
            truth, value, low, high = np.array(draws).T
            rows["truth"][name], rows["estimate"][name] = float(truth.mean()), float(value.mean())
            rows["width"][name] = float((high - low).mean())
            rows["holds"][name] = float(((low <= truth + 1e-9) & (truth <= high + 1e-9)).mean())
    counts = {
        "audited": float(np.mean([said.audited for _, said in reports])),
        "given": float(np.mean([said.too_few is None for _, said in reports])),
    }
    return {name: row | counts for name, row in rows.items()}


def _group(experience: Experience) -> Group:
    return Group(experience, experience.rollouts, experience.id)


def _unknown(arrived: Groups) -> Known:
    return [[False] * len(group.labels) for group in arrived]


def _labels(arrived: Groups) -> int:
    return round(LABELS * sum(len(group.labels) for group in arrived))
