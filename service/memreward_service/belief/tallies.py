"""What speaks for each answer of a group and against it, counted: labels and votes, in the group and earlier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from memreward_service.groups.batch import ParsedGroup
from memreward_service.groups.history import EarlierAnswer

RIGHT = 0.5
"""A label from here on counts as right."""


@dataclass(frozen=True, slots=True)
class AnswerTally:
    """One answer. `agreeing` of the `group` rollouts give it, `right` and `wrong` are the labels of these.
    `earlier_votes` of `earlier_rollouts` rollouts of other groups gave it."""

    group: int
    agreeing: int = 0
    right: int = 0
    wrong: int = 0
    earlier_right: int = 0
    earlier_wrong: int = 0
    last_labelled_step: int | None = None
    earlier_votes: int = 0
    earlier_rollouts: int = 0

    @property
    def every_right(self) -> int:
        """Labels that say right, those of the group and earlier ones."""
        return self.right + self.earlier_right

    @property
    def every_wrong(self) -> int:
        """Labels that say wrong, those of the group and earlier ones."""
        return self.wrong + self.earlier_wrong

    def without(self, label: float | None) -> AnswerTally:
        """The tally without one label of the group, that of the rollout that is spoken of."""
        if label is None:
            return self
        return replace(self, right=self.right - (label >= RIGHT), wrong=self.wrong - (label < RIGHT))


def tallies_of(group: ParsedGroup, earlier: Mapping[str, EarlierAnswer]) -> dict[str | int, AnswerTally]:
    """Of every answer key of the group and of every other that was given `earlier`. A rollout without an answer key
    agrees with nobody: its place in the group stands for its key."""
    rollouts = sum(answer.votes for answer in earlier.values())
    found: dict[str | int, AnswerTally] = {
        key: _from_before(len(group.rollouts), answer, rollouts) for key, answer in earlier.items()
    }
    for key, rollout in zip(answers_of(group), group.rollouts, strict=True):
        tally = found.get(key, AnswerTally(len(group.rollouts), earlier_rollouts=rollouts))
        known, right = rollout.label is not None, (rollout.label or 0.0) >= RIGHT
        found[key] = replace(
            tally,
            agreeing=tally.agreeing + 1,
            right=tally.right + (known and right),
            wrong=tally.wrong + (known and not right),
        )
    return found


def answers_of(group: ParsedGroup) -> list[str | int]:
    """(n,) the answer key of each rollout; its place where it has none."""
    keys = [reading.answer_key for reading in group.parsed]
    return [place if key is None else key for place, key in enumerate(keys)]


def _from_before(group: int, answer: EarlierAnswer, rollouts: int) -> AnswerTally:
    right = sum(label.label >= RIGHT for label in answer.labels)
    return AnswerTally(
        group,
        earlier_right=right,
        earlier_wrong=len(answer.labels) - right,
        last_labelled_step=max((label.step for label in answer.labels if label.step is not None), default=None),
        earlier_votes=answer.votes,
        earlier_rollouts=rollouts,
    )
