"""Labelled rollouts of a run on their way into the service's memory, in the background of a reward worker.

Rewards never wait for it and never fail by it: what could not be stored is counted, with a warning in the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from memreward_client import (
    AsyncRewardClient,
    Conflict,
    Experience,
    InvalidArgument,
    MemRewardError,
    Query,
    StoredRollout,
    TooLarge,
)
from memreward_proto.records import fields_of

logger = logging.getLogger(__name__)

GATHER_SECONDS = 0.5
"""How long rollouts are gathered before they are sent together."""
ROLLOUTS_A_REQUEST = 128
WAITING_ROLLOUTS = 10_000
"""Beyond these, while the service is away, rollouts are not kept for later."""
ABOUT_CONTENT = (Conflict, InvalidArgument, TooLarge)
"""Refusals of a request that may be due to one of its rollouts."""


class LabelledExperience:
    """Stores labelled rollouts; `stored` and `lost` count those that the service has taken, and those it never will."""

    def __init__(self, client: AsyncRewardClient) -> None:
        self.client = client
        self.stored = self.lost = 0
        self._waiting: deque[tuple[Query, StoredRollout]] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._refused = False

    def add(self, query: Query, rollout: StoredRollout) -> None:
        """Take a rollout with its label over; it is sent within seconds, or once the service is back.

        Memory takes labels from 0 to 1 only.
        """
        label = rollout.label
        if label is None or not 0 <= label <= 1:
            self._refuse(label)
            return
        if len(self._waiting) >= WAITING_ROLLOUTS:
            self._lose(1, f"{WAITING_ROLLOUTS} others wait for the service")
            return
        self._waiting.append((query, rollout))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send())

    async def settled(self) -> None:
        """Wait until nothing is on its way any more."""
        if self._sending is not None:
            await self._sending

    async def _send(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER_SECONDS)
            count = min(len(self._waiting), ROLLOUTS_A_REQUEST)
            batch = [self._waiting.popleft() for _ in range(count)]
            try:
                await self._store(batch)
            except Exception as error:
                # Whatever it is: rewards go on.
                self._lose(len(batch), f"{type(error).__name__}: {error}")

    async def _store(self, batch: Sequence[tuple[Query, StoredRollout]]) -> None:
        queries: dict[Query, list[StoredRollout]] = {}
        for query, rollout in batch:
            queries.setdefault(query, []).append(rollout)
        try:
            await self.client.add_experience(
                [Experience(**fields_of(query), rollouts=rollouts) for query, rollouts in queries.items()]
            )
        except MemRewardError as error:
            if not isinstance(error, ABOUT_CONTENT) or len(batch) == 1:
                self._lose(len(batch), f"{error.code}: {error}")
                return
            for each in batch:
                await self._store([each])
            return
        self.stored += len(batch)

    def _refuse(self, label: float | None) -> None:
        self.lost += 1
        if not self._refused:
            self._refused = True
            logger.warning(
                "The reward function gave %s: it is used for training as it is, but memory takes labels from 0 to 1 "
                "only, so rollouts with such rewards are not stored. This warning comes once.",
                label,
            )

    def _lose(self, count: int, reason: str) -> None:
        self.lost += count
        logger.warning(
            "%d labelled rollouts could not be stored as experience (%s). Their rewards hold, memory does not learn "
            "from them. In this worker: %d stored, %d not.",
            count,
            reason,
            self.stored,
            self.lost,
        )
