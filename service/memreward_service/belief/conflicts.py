"""Labels that contradict each other, or everything else: one failed format check, say. They are weighed as all labels
are (posterior.py), but somebody should look at them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from memreward_proto.records import filled
from memreward_service.belief.tallies import RIGHT, AnswerTally, tallies_of
from memreward_service.groups.batch import ParsedGroup
from memreward_service.groups.history import QueryHistory, earlier_answers

LARGE = 0.75
"""The share of a group, and of the stored rollouts of its query, that is a large majority. On half of the queries, of
100 answers of gsm8k with such a majority one is wrong, and of 168 of commonsenseqa 12."""
SUPPORTERS = 4
"""Rollouts that a majority must have, now and before, to speak against a label."""


class ConflictKind(StrEnum):
    """What a label of an answer stands against."""

    LABELS = "labels"
    """Other labels of the same answer."""
    MAJORITY = "majority"
    """A large majority of the group and of the stored rollouts, where it is the only label and says wrong."""


@dataclass(frozen=True, slots=True)
class LabelConflict:
    """An answer of a query whose labels should be looked at."""

    query_id: str
    answer_key: str
    kind: ConflictKind


def conflict_of(tally: AnswerTally) -> ConflictKind | None:
    """What is wrong with the labels of one answer, if anything."""
    if tally.every_right and tally.every_wrong:
        return ConflictKind.LABELS
    if tally.every_wrong == 1 and not tally.every_right and _supported(tally):
        return ConflictKind.MAJORITY
    return None


def label_conflicts(group: ParsedGroup, history: QueryHistory, step: int | None) -> tuple[LabelConflict, ...]:
    """Those of the answers that the group gives."""
    if not _may_be(group, history):
        return ()
    earlier = earlier_answers(history, group, step)
    return tuple(
        LabelConflict(filled(group.query.id), key, kind)
        for key, tally in tallies_of(group, earlier).items()
        if isinstance(key, str) and tally.agreeing and (kind := conflict_of(tally)) is not None
    )


def _may_be(group: ParsedGroup, history: QueryHistory) -> bool:
    """A quick look: whether an answer has labels of both kinds, or wrong ones against a large majority of the group."""
    votes = Counter(reading.answer_key for reading in group.parsed)
    labels: dict[str, list[float]] = {answer.key: [label.label for label in answer.labels] for answer in history}
    for reading, rollout in zip(group.parsed, group.rollouts, strict=True):
        if reading.answer_key is not None and rollout.label is not None:
            labels.setdefault(reading.answer_key, []).append(rollout.label)
    programs = any(answer.behaviour is not None for answer in history)  # earlier ones may have other keys now
    return any(
        min(known) < RIGHT and (programs or max(known) >= RIGHT or votes[key] >= LARGE * len(group.rollouts))
        for key, known in labels.items()
        if known and (programs or key in votes)
    )


def _supported(tally: AnswerTally) -> bool:
    """Whether a large majority gives the answer, now and before."""
    shares = (tally.agreeing, tally.group), (tally.earlier_votes, tally.earlier_rollouts)
    return all(votes >= max(SUPPORTERS, LARGE * rollouts) for votes, rollouts in shares)
