"""Labels that the service asks for: the rollout is verified, and sent again with its label.

A label that cannot be had is no reward: the rollout is sent again without one, and gets its prediction.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from memreward_client import AsyncRewardClient, RolloutReward, Submission
from memreward_trainer.verl.label_set import RewardTally
from memreward_trainer.verl.settings import LABEL_MARGIN_SECONDS, VerlSettings
from memreward_trainer.verl.true_reward import NoTrueReward

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 2.0
"""What is kept of a call's time for sending the label."""


class TrueReward(Protocol):
    """Who says true rewards: TrueRewards or VerifierRewards."""

    async def of(self, data: Any) -> float:
        """The true reward of the last row of `data`. Raises NoTrueReward."""
        ...


class VerifyingSubmitter:
    """Sends rollouts, and verifies those whose label the service asks for.

    `verified` is called with each submission that has its label now, whatever becomes of it.
    """

    def __init__(
        self,
        client: AsyncRewardClient,
        settings: VerlSettings,
        rewards: TrueReward,
        tally: RewardTally,
        verified: Callable[[Submission], None],
    ) -> None:
        self.client = client
        self._settings, self._rewards, self._tally, self._told = settings, rewards, tally, verified

    async def submit(self, submission: Submission, data: Any, ends: float) -> RolloutReward:
        """The answer that training uses, at the time `ends` of the event loop at the latest.

        The rollout is the last row of `data`.

        Raises:
            MemRewardError: there is no answer. A label is not used in its place.
        """
        answer = await self._send(submission, ends)
        if answer.status != "label_requested":
            return answer
        label = await self._label(submission, data, ends)
        again = replace(submission, rollout=replace(submission.rollout, label=label), no_label=label is None)
        if label is not None:
            self._told(again)
        return await self._send(again, ends)

    async def _send(self, submission: Submission, ends: float) -> RolloutReward:
        left = max(ends - asyncio.get_running_loop().time(), 0.0)
        return await self.client.submit(submission, deadline=left, allow_partial=self._settings.allow_partial)

    async def _label(self, submission: Submission, data: Any, ends: float) -> float | None:
        """The label that was asked for; None, with a warning, where the verifier does not give one in time."""
        self._tally.asked += 1
        try:
            return await self._verified(data, ends)
        except NoTrueReward as error:
            self._tally.refused[error.status] += 1
            logger.warning(
                "The label that was asked for of rollout %d of group %s (step %s) cannot be had: %s: %s. Its reward is "
                "predicted. In this worker: %s.",
                submission.rollout_index,
                submission.group_id,
                submission.step,
                error.status,
                error,
                self._tally,
            )
            return None

    async def _verified(self, data: Any, ends: float) -> float:
        left = ends - asyncio.get_running_loop().time() - ANSWER_SECONDS
        # The service waits so long for the label: a verifier's queue may take of it, its work keeps verify_seconds.
        seconds = min(self._settings.verify_seconds + LABEL_MARGIN_SECONDS - ANSWER_SECONDS, left)
        if seconds <= 0:
            raise NoTrueReward("verifier_timeout", "no time is left before the deadline of the rollout")
        try:
            async with asyncio.timeout(seconds):
                label = await self._rewards.of(data)
        except TimeoutError:
            raise NoTrueReward("verifier_timeout", f"it was not verified in {seconds:.3g} seconds") from None
        if not 0 <= label <= 1:
            raise NoTrueReward("verifier_failed", f"the reward function gave {label}, and a label is from 0 to 1")
        return label
