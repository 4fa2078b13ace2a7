"""What becomes of a rollout that could not be scored. It is never a reward that nobody gave.

The service says so by a status (abstain, invalid, timeout), the client by an error. A trainer asks for one of

    raise     the training run ends with an error;
    mask      the rollout is left out of training, its siblings are not;
    a number  the reward that the user states for this case, for example 0.5.

A number stands for what the service could not say, never for a mistake in the set-up: with a wrong key, or before a
model is trained, every rollout would get it, and nobody would see that nothing is learned.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from memreward_client import DeadlineExceeded, Internal, MemRewardError, TooLarge

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UnscoredRule:
    """The user's choice. `reward` is None unless `action` is "state"."""

    action: Literal["raise", "mask", "state"]
    reward: float | None = None

    @classmethod
    def parse(cls, given: object, *, can_mask: bool = True) -> UnscoredRule:
        """The rule written as "raise", "mask" or a finite number, the number also as text.

        Raises:
            ValueError: it is none of these, or "mask" where the trainer cannot.
        """
        if given == "raise":
            return cls("raise")
        if given == "mask" and can_mask:
            return cls("mask")
        try:
            reward = float(str(given))
        except ValueError:
            reward = math.nan
        if not math.isfinite(reward):
            words = "raise, mask" if can_mask else "raise (this trainer cannot mask a rollout)"
            raise ValueError(f"on_unscored is {given!r}: write {words}, or the number to use as reward.")
        return cls("state", reward)

    def __str__(self) -> str:
        if self.action == "state":
            return f"It gets the stated reward {self.reward}"
        return {"raise": "It ends the run", "mask": "It is left out of training"}[self.action]


class Tally:
    """How many rollouts were scored in this process, and how many were not, by cause; it stands in the log."""

    def __init__(self) -> None:
        self.scored = 0
        self.unscored: Counter[str] = Counter()

    def count(self, statuses: Sequence[str], scored: int, treated: str) -> None:
        """Add rollouts that were scored, and the statuses of those that were not, with what becomes of them."""
        self.scored += scored
        self.unscored.update(statuses)
        if statuses:
            text = "MemReward could not score %d of %d rollouts. %s. In this process: %s."
            logger.warning(text, len(statuses), len(statuses) + scored, treated, self)

    def __str__(self) -> str:
        causes = ", ".join(f"{cause} {count}" for cause, count in sorted(self.unscored.items()))
        return f"{self.scored} scored, {self.unscored.total()} not scored" + (f" ({causes})" if causes else "")


def is_about_the_rollout(error: MemRewardError) -> bool:
    """Whether `error` only says that this rollout could not be scored now; else the set-up has to be corrected."""
    return error.passing or isinstance(error, DeadlineExceeded | Internal | TooLarge)
