"""Rollouts of the label set on their way to the service, which predicts them without their labels and compares.

Their rewards are their labels, and neither wait for this nor fail by it. What the service makes of it is its trust
(GET /v1/trust, verl/sampler.py).
"""

from __future__ import annotations

import asyncio
import logging

from memreward_client import AsyncRewardClient, Submission
from memreward_trainer.verl.settings import VerlSettings

logger = logging.getLogger(__name__)


class ComparedRollouts:
    """Sends labelled rollouts in the background, one call each; `failed` counts those without an answer."""

    def __init__(self, client: AsyncRewardClient, settings: VerlSettings) -> None:
        self.client = client
        self.failed = 0
        self._settings = settings
        self._sending: set[asyncio.Task[None]] = set()

    def add(self, labelled: Submission) -> None:
        """Take a rollout with its label over; a label beyond 0 and 1 cannot be compared."""
        label = labelled.rollout.label
        if label is None or not 0 <= label <= 1:
            return
        task = asyncio.get_running_loop().create_task(self._send(labelled))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def settled(self) -> None:
        """Wait until nothing is on its way any more."""
        await asyncio.gather(*self._sending)

    async def _send(self, labelled: Submission) -> None:
        try:
            await self.client.submit(labelled, deadline=self._settings.deadline_seconds, allow_partial=True)
        except Exception as error:
            # Whatever it is: rewards go on.
            self.failed += 1
            if self.failed == 1:
                logger.warning(
                    "A labelled rollout was not compared with its prediction, so the service's trust does not know it: "
                    "%s: %s Its reward holds. This is said once.",
                    type(error).__name__,
                    error,
                )
