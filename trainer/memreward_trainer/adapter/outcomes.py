"""What the service answered about rollouts, or why it answered nothing; and the rewards that a trainer makes of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from memreward_client import AsyncRewardClient, Group, MemRewardError, NotScored, Prediction, RolloutReward, Status
from memreward_trainer.adapter.unscored import Tally, UnscoredRule, is_about_the_rollout

logger = logging.getLogger(__name__)

ROLLOUTS_A_REQUEST = 1_024
"""Rollouts that one request to score groups holds at most, unless a single group is larger."""
CHARACTERS_A_REQUEST = 8_000_000
"""The same for characters: however JSON writes them, they fit the 64 MiB that a body may have."""
NO_QUESTION = "query is blank: there is no text in the prompt."


@dataclass(frozen=True, slots=True)
class Outcome:
    """`reward` is None where the rollout could not be scored; `status` is the service's, or the code of an error, and
    `reason` a sentence about it where there is one."""

    reward: float | None
    probability: float | None
    status: str
    source: str | None
    model_version: str | None
    reason: str | None = None

    @classmethod
    def answered(cls, answer: Prediction | RolloutReward, model_version: str | None) -> Outcome:
        """What the service answered."""
        return cls(answer.reward, answer.probability, answer.status, answer.source, model_version, answer.reason)

    @classmethod
    def failed(cls, status: str, reason: str | None = None) -> Outcome:
        """There is no answer, but this status or code of an error."""
        return cls(None, None, status, None, None, reason)

    def provenance(self) -> dict[str, Any]:
        """Everything but the reward: always the same keys, None where nothing is known."""
        return {
            "probability": self.probability,
            "status": self.status,
            "source": self.source,
            "model_version": self.model_version,
        }


async def score_groups(
    client: AsyncRewardClient, groups: Sequence[Group], deadline: float | None = None
) -> list[Outcome]:
    """One outcome a rollout, in the order of the groups. `deadline`: seconds; None: that of the client.

    The rollouts of a blank query are invalid, and are not sent.

    Raises:
        MemRewardError: the set-up has to be corrected: a wrong key, no trained model.
        ValueError: the answer has other groups or rollouts than the request.
    """
    asked = [group for group in groups if group.query.text.strip()]
    found = await asyncio.gather(*(_score_request(client, request, deadline) for request in _requests(asked)))
    outcomes = (outcome for request in found for outcome in request)
    return [
        next(outcomes) if group.query.text.strip() else Outcome.failed(Status.INVALID, NO_QUESTION)
        for group in groups
        for _ in group.rollouts
    ]


def rewards(found: Sequence[Outcome], rule: UnscoredRule, tally: Tally) -> list[float | None]:
    """The reward of each rollout: where it could not be scored what `rule` says, None where it is to be masked.

    Raises:
        NotScored: a rollout could not be scored, and `rule` ends the run.
    """
    unscored = [outcome.status for outcome in found if outcome.reward is None]
    for reason in sorted({outcome.reason for outcome in found if outcome.reason is not None}):
        logger.warning("MemReward could not score a rollout: %s", reason)
    tally.count(unscored, len(found) - len(unscored), str(rule))
    if unscored and rule.action == "raise":
        raise NotScored(
            f"MemReward could not score {len(unscored)} of {len(found)} rollouts ({', '.join(sorted(set(unscored)))}), "
            "and on_unscored is raise."
        )
    return [rule.reward if outcome.reward is None else outcome.reward for outcome in found]


def _requests(groups: Sequence[Group]) -> Iterator[list[Group]]:
    """The groups in their order, in lists of at most ROLLOUTS_A_REQUEST rollouts and CHARACTERS_A_REQUEST."""
    request: list[Group] = []
    rollouts = characters = 0
    for group in groups:
        size = len(group.query.text) + sum(len(rollout.response) for rollout in group.rollouts)
        full = rollouts + len(group.rollouts) > ROLLOUTS_A_REQUEST or characters + size > CHARACTERS_A_REQUEST
        if request and full:
            yield request
            request, rollouts, characters = [], 0, 0
        request.append(group)
        rollouts, characters = rollouts + len(group.rollouts), characters + size
    if request:
        yield request


async def _score_request(client: AsyncRewardClient, request: Sequence[Group], deadline: float | None) -> list[Outcome]:
    try:
        scored = await client.score(request, deadline=deadline)
    except MemRewardError as error:
        if not is_about_the_rollout(error):
            raise
        logger.warning("MemReward could not score %d groups: %s", len(request), error)
        return [Outcome.failed(error.code)] * sum(len(group.rollouts) for group in request)
    return [
        Outcome.answered(prediction, scored.model_version)
        for group, answer in zip(request, scored.groups, strict=True)
        for _, prediction in zip(group.rollouts, answer.rollouts, strict=True)
    ]
