"""Two accounts of the history of one query as one, and a history within its bounds.

The accounts may speak of the same rollouts: those that are stored, those that were pruned, and those of groups that
were answered. So votes of one answer, step and policy count as the larger number, and labels count once for each
response and step. Merged again with either account, the result stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from memreward_service.groups.history_lines import to_json
from memreward_service.groups.past_answers import (
    MOST_ANSWERS,
    MOST_BEHAVIOURS,
    MOST_LABELS,
    PastAnswer,
    PastLabel,
    PastVotes,
    QueryHistory,
)

MOST_BYTES = 2048
"""A history takes at most so many bytes, as one line of JSON."""


def merged(first: QueryHistory, second: QueryHistory) -> QueryHistory:
    """Both accounts as one. Of two labels of one response and step, that of `first` holds: it is the one that may have
    been corrected. Votes without a policy are taken for votes of any policy of their step."""
    if not first or not second:
        return first or second
    summed_to = max(
        (cell.step or 0 for answer in (*first, *second) for cell in answer.by_step if cell.summed), default=-1
    )
    said = {(label.response, label.step) for answer in first for label in answer.labels}
    later = {
        answer.key: replace(answer, labels=tuple(x for x in answer.labels if (x.response, x.step) not in said))
        for answer in second
    }
    joined = [_joined(answer, later.pop(answer.key, None), summed_to) for answer in first]
    joined += [_joined(answer, None, summed_to) for answer in later.values()]
    return bounded(joined)


def bounded(answers: Iterable[PastAnswer]) -> QueryHistory:
    """The answers that are kept: those with labels first, then the frequent and the new ones. Where the line is too
    long the votes of the oldest steps are summed, then the answers with fewest votes go, and the oldest labels."""
    ranked = sorted(answers, key=lambda answer: (-len(answer.labels), -answer.votes, -(answer.last_step or 0)))
    ranked = ranked[:MOST_ANSWERS]
    kept = _newest_labels(ranked, MOST_LABELS)
    first, others = kept[:MOST_BEHAVIOURS], kept[MOST_BEHAVIOURS:]
    kept = [*first, *(replace(answer, behaviour=None, newest=None) for answer in others)]
    while len(to_json(tuple(kept)).encode("utf-8", "surrogatepass")) > MOST_BYTES:
        kept = _smaller(kept)
    return tuple(kept)


def _smaller(kept: list[PastAnswer]) -> list[PastAnswer]:
    """One step of making a history smaller; what says least for its length goes first."""
    steps = sorted({cell.step for answer in kept for cell in answer.by_step if cell.step is not None})
    if len(steps) > 1:
        return [replace(answer, by_step=_summed(answer.by_step, steps[1])) for answer in kept]
    if not kept[-1].labels and len(kept) > 1:
        return kept[:-1]
    if (programs := sum(answer.behaviour is not None for answer in kept)) > 2:
        return [*kept[: programs - 1], *(replace(answer, behaviour=None) for answer in kept[programs - 1 :])]
    if (labels := sum(len(answer.labels) for answer in kept)) > len(kept):
        return _newest_labels(kept, labels - 1)
    if len(kept) > 1:
        return kept[:-1]
    return [replace(answer, behaviour=None, by_step=(), labels=answer.labels[-1:]) for answer in kept]


def _newest_labels(answers: list[PastAnswer], most: int) -> list[PastAnswer]:
    """Of every answer the newest labels, as many of each as there is room for."""
    ages = sorted(
        (age, -(label.step or 0), place, len(answer.labels) - 1 - age)
        for place, answer in enumerate(answers)
        for age, label in enumerate(reversed(answer.labels))
    )
    kept = {(place, index) for _, _, place, index in ages[:most]}
    return [
        replace(answer, labels=tuple(label for index, label in enumerate(answer.labels) if (place, index) in kept))
        for place, answer in enumerate(answers)
    ]


def _joined(first: PastAnswer, second: PastAnswer | None, summed_to: int) -> PastAnswer:
    """One answer from both accounts."""
    mine = _summed(_cells(first), summed_to)
    if second is None:
        return replace(first, by_step=mine)
    by_step = _larger(mine, _summed(_cells(second), summed_to))
    starts = [step for step in (first.first_step, second.first_step) if step is not None]
    ends = [step for step in (first.last_step, second.last_step) if step is not None]
    return PastAnswer(
        first.key,
        sum(cell.votes for cell in by_step),
        min(starts, default=None),
        max(ends, default=None),
        _in_order((*second.labels, *first.labels)),
        first.behaviour or second.behaviour,
        by_step,
        first.newest or second.newest,
    )


def _cells(answer: PastAnswer) -> tuple[PastVotes, ...]:
    """The votes of an answer; those whose step was not kept have none."""
    unknown = answer.votes - sum(cell.votes for cell in answer.by_step)
    return (*answer.by_step, PastVotes(None, None, unknown)) if unknown > 0 else answer.by_step


def _summed(cells: tuple[PastVotes, ...], step: int) -> tuple[PastVotes, ...]:
    """The votes with those of all steps up to `step` in one sum."""
    old = sum(cell.votes for cell in cells if cell.step is not None and cell.step <= step)
    new = tuple(cell for cell in cells if cell.step is None or cell.step > step)
    return (PastVotes(step, None, old, summed=True), *new) if old else new


def _larger(first: tuple[PastVotes, ...], second: tuple[PastVotes, ...]) -> tuple[PastVotes, ...]:
    """Of every step and policy the larger number of votes."""
    sides: tuple[dict[tuple[bool, int | None], Counter[str | None]], ...] = ({}, {})
    for side, cells in zip(sides, (first, second), strict=True):
        for cell in cells:
            side.setdefault((cell.summed, cell.step), Counter())[cell.policy] += cell.votes
    found: list[PastVotes] = []
    for summed, step in dict.fromkeys((*sides[0], *sides[1])):
        here, there = (side.get((summed, step), Counter()) for side in sides)
        named = Counter({policy: votes for policy, votes in (here | there).items() if policy is not None})
        unnamed = max(here.total(), there.total()) - named.total()
        found += [PastVotes(step, policy, votes, summed) for policy, votes in named.items()]
        found += [PastVotes(step, None, unnamed, summed)] if unnamed > 0 else []
    return tuple(sorted(found, key=lambda cell: -1 if cell.step is None else cell.step))


def _in_order(labels: Iterable[PastLabel]) -> tuple[PastLabel, ...]:
    """By step, those without a step first."""
    return tuple(sorted(labels, key=lambda label: -1 if label.step is None else label.step))
