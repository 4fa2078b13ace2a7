"""What the service told about one rollout, or why it told nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from memreward_client import Group, MemRewardError, Prediction, RolloutReward, Scored

ROLLOUTS_A_REQUEST = 1_024
"""Rollouts that one request to score groups holds at most, unless a single group is larger."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`reward` is None where the rollout could not be scored; `status` is the service's, or the code of an error."""

    reward: float | None
    probability: float | None
    status: str
    source: str | None
    model_version: str | None

    @classmethod
    def told(cls, answer: Prediction | RolloutReward, model_version: str | None) -> Outcome:
        """What the service answered."""
        return cls(answer.reward, answer.probability, answer.status, answer.source, model_version)

    @classmethod
    def failed(cls, error: MemRewardError) -> Outcome:
        """There is no answer but this error."""
        return cls(None, None, error.code, None, None)

    def provenance(self) -> dict[str, Any]:
        """Everything but the reward: always the same keys, None where nothing is known."""
        return {
            "probability": self.probability,
            "status": self.status,
            "source": self.source,
            "model_version": self.model_version,
        }


def requests(groups: Sequence[Group]) -> Iterator[list[Group]]:
    """The groups in their order, in lists of at most ROLLOUTS_A_REQUEST rollouts."""
    request: list[Group] = []
    for group in groups:
        if request and sum(len(each.rollouts) for each in request) + len(group.rollouts) > ROLLOUTS_A_REQUEST:
            yield request
            request = []
        request.append(group)
    if request:
        yield request


def outcomes(request: Sequence[Group], scored: Scored | MemRewardError) -> list[Outcome]:
    """One outcome a rollout, in the order of the request; an error is the outcome of all of them.

    Raises:
        ValueError: the answer has other groups or rollouts than the request.
    """
    if isinstance(scored, MemRewardError):
        return [Outcome.failed(scored)] * sum(len(group.rollouts) for group in request)
    return [
        Outcome.told(prediction, scored.model_version)
        for group, answer in zip(request, scored.groups, strict=True)
        for _, prediction in zip(group.rollouts, answer.rollouts, strict=True)
    ]
