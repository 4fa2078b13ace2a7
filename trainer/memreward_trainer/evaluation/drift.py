"""How often the guard against a drifting consensus trips (groups/drift.py), without any label.

    python -m memreward_trainer.evaluation.drift gsm8k.jsonl.gz

Ten epochs are drawn from the rollouts of each query, 8 a group, all in one run, as in epochs.py: first from a policy
that gets better, then with more and more rollouts that are replaced by a wrong answer from the fourth epoch on, all of
them from the eighth on: one and the same for all queries, or of each query its most frequent wrong one. The constants
were chosen on the even queries (`--half even`), the figures are those of the odd ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from memreward_proto.records import Query, StoredRollout
from memreward_service.groups.batch import ParsedGroup, parse_group, parse_groups
from memreward_service.groups.drift import consensus_of
from memreward_service.groups.history import history_of
from memreward_service.trust.consensus import RunFigures
from memreward_trainer.evaluation.epochs import EPOCHS, FIRST_SKILL, GROUP, LAST_SKILL
from memreward_trainer.evaluation.splits import labelled_queries

FIRST_WRONG, ALL_WRONG = 3, 7
"""The epochs, from 0, of the first and of the whole collapse."""


class Half(StrEnum):
    """Which queries."""

    EVEN = "even"
    ODD = "odd"


class Story(StrEnum):
    """What becomes of the policy."""

    BETTER = "gets better"
    ONE_FOR_ALL = "one wrong answer for all"
    OWN_WRONG = "each query's own wrong answer"


@dataclass(frozen=True, slots=True)
class Judged:
    """One group of an epoch: whether its consensus is the answer of the collapse, and what the guard says."""

    epoch: int
    collapsed: bool
    moved: bool
    spreading: bool


def main(
    file: Path,
    half: Half = Half.ODD,
    seed: int = 0,
    skill: Annotated[float, typer.Option(help="Of the policy in the last epoch.")] = LAST_SKILL,
) -> None:
    """Print which share of the groups of FILE trips, by epoch."""
    queries = labelled_queries(file, None, None)[half is Half.ODD :: 2]
    groups = parse_groups([(query, query.rollouts) for query in queries])
    table = Table(
        "policy", "groups", "sign", *(f"epoch {epoch}" for epoch in range(2, EPOCHS + 1)), "all", expand=False
    )
    for story in Story:
        judged = list(run(groups, story, np.random.default_rng(seed), skill))
        shown = [one for one in judged if story is Story.BETTER or one.collapsed]
        for sign in ("moved", "spreading"):
            shares = [_share([one for one in shown if one.epoch == epoch], sign) for epoch in range(1, EPOCHS)]
            later = [one for one in shown if one.epoch >= 1]
            table.add_row(story, str(len(later)), sign, *shares, _share(later, sign))
    Console(width=160).print(table)


def run(groups: Sequence[ParsedGroup], story: Story, random: np.random.Generator, skill: float) -> Iterator[Judged]:
    """Every group of every epoch, as the guard sees it."""
    figures, past = RunFigures(), [list[StoredRollout]() for _ in groups]
    for epoch in range(EPOCHS):
        for place in random.permutation(len(groups)).tolist():
            answer = "none of these" if story is Story.ONE_FOR_ALL else _own_wrong(groups[place])
            drawn = _drawn(groups[place], epoch, random, skill)
            if story is not Story.BETTER:
                share = min(1.0, max(0.0, (epoch - FIRST_WRONG + 1) / (ALL_WRONG - FIRST_WRONG + 1)))
                drawn = [replace(one, answer_key=answer) if random.random() < share else one for one in drawn]
            history = history_of(parse_group(Query("", str(place), groups[place].query.domain), past[place]))
            now = parse_group(Query("", str(place), groups[place].query.domain), drawn)
            consensus = consensus_of(now, history, epoch)
            key = None if consensus is None else consensus.key
            yield Judged(
                epoch, story is not Story.BETTER and key == answer, consensus is not None and consensus.moved,
                key is not None and figures.spreads(key, place),
            )  # fmt: skip
            figures.add(place, consensus)
            past[place] += drawn


def _drawn(group: ParsedGroup, epoch: int, random: np.random.Generator, last: float) -> list[StoredRollout]:
    """GROUP answers of a query, as epochs.py draws rollouts; one that has no answer key keeps none."""
    skill = FIRST_SKILL * (last / FIRST_SKILL) ** (epoch / (EPOCHS - 1))
    weight = np.array([skill if (rollout.label or 0.0) >= 0.5 else 1.0 for rollout in group.rollouts])
    places = random.choice(len(group.rollouts), GROUP, p=weight / weight.sum())
    keys = [group.parsed[place].answer_key for place in places]
    return [
        StoredRollout("" if key is None else f"{epoch} {number}", answer_key=key, step=epoch)
        for number, key in enumerate(keys)
    ]


def _own_wrong(group: ParsedGroup) -> str | None:
    wrong = [
        parsed.answer_key
        for parsed, rollout in zip(group.parsed, group.rollouts, strict=True)
        if (rollout.label or 0.0) < 0.5 and parsed.answer_key is not None
    ]
    return max(sorted(set(wrong)), key=wrong.count, default="none of these")


def _share(judged: Sequence[Judged], sign: str) -> str:
    return f"{np.mean([getattr(one, sign) for one in judged]):.1%}" if judged else "-"


if __name__ == "__main__":
    typer.run(main)
