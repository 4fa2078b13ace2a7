"""Where a reward worker runs programs, and what they do there: sent with each rollout, for the service to compare."""

from __future__ import annotations

import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from memreward_client import Query
from memreward_trainer.behaviour.run import Behaviour, rollout_behaviour
from memreward_trainer.sandbox.fusion import FusionSandbox
from memreward_trainer.sandbox.isolation import SandboxUnavailable
from memreward_trainer.sandbox.sandbox import LocalSandbox, Sandbox
from memreward_trainer.verl.settings import VerlSettings

logger = logging.getLogger(__name__)


def sandbox_for(settings: VerlSettings, config: Any) -> Sandbox | None:
    """The sandbox of one reward worker; None where the settings let no program run.

    That of reward.sandbox_fusion.url, or this machine's, tried out, where all workers together run about as many
    programs at once as it has processors.

    Raises:
        ValueError: this machine has no sandbox.
    """
    needs = settings.programs
    if not needs:
        return None
    fusion = config.reward.sandbox_fusion
    if fusion.url is not None:
        return FusionSandbox(fusion.url, concurrency=int(fusion.max_concurrent))
    try:
        # In a thread, because an event loop may run in this one.
        with ThreadPoolExecutor(1) as threads:
            isolation = threads.submit(asyncio.run, LocalSandbox().prepare()).result()
    except SandboxUnavailable as error:
        raise ValueError(
            f"reward.memreward lets programs run here ({' and '.join(needs)}), and this machine cannot: {error} "
            "Without a sandbox, give reward.sandbox_fusion.url a SandboxFusion server; or set behaviour=false, so that "
            "programs are compared by their text, and another verifier than code."
        ) from error
    workers = int(config.reward.num_workers)
    return LocalSandbox(isolation, concurrency=max(1, (os.cpu_count() or 1) // workers))


class ProgramBehaviour:
    """What programs do on inputs made from their query. `found` and `missing` count those of this worker.

    A program of which nothing could be found out is sent without a behaviour; where the sandbox failed or took too
    long, that is a warning in the log.
    """

    def __init__(self, settings: VerlSettings, sandbox: Sandbox | None) -> None:
        self._settings, self._sandbox = settings, sandbox
        self.found = self.missing = 0

    async def of(self, query: Query, response: str) -> Behaviour | None:
        """The behaviour of the program in `response`; None where its domain is not compared by behaviour."""
        if self._sandbox is None or not self._settings.compares_behaviour(query.domain):
            return None
        seconds = self._settings.deadline_seconds / 2
        try:
            async with asyncio.timeout(seconds) as limit:
                behaviour = await rollout_behaviour(query.text, response, self._sandbox)
        except Exception as error:
            # Whatever the program made of it: the rollout has its reward.
            late = f"it took more than {seconds:g} seconds, the wait for the sandbox included"
            self._tell(late if limit.expired() else f"{type(error).__name__}: {error}")
            return None
        if behaviour is None:
            self.missing += 1
        else:
            self.found += 1
        return behaviour

    def _tell(self, reason: str) -> None:
        self.missing += 1
        logger.warning(
            "A program could not be run, so it is compared by its text only: %s. In this worker: %d were run, %d not.",
            reason,
            self.found,
            self.missing,
        )
