"""Where a reward worker runs programs, and what they do there: sent with each rollout, for the service to compare."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from memreward_client import Query
from memreward_trainer.behaviour.run import Behaviour, rollout_behaviour
from memreward_trainer.sandbox.fusion import FusionSandbox
from memreward_trainer.sandbox.isolation import SandboxUnavailable
from memreward_trainer.sandbox.sandbox import LocalSandbox, Sandbox
from memreward_trainer.verl.settings import VerlSettings

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


def sandbox_for(settings: VerlSettings, workers: int) -> Sandbox | None:
    """The sandbox of one of `workers` reward workers; None where the settings let no program run.

    That of reward.sandbox_fusion.url, or this machine's, tried out, where all workers together run about as many
    programs at once as it has processors.

    Raises:
        ValueError: this machine has no sandbox.
    """
    needs = settings.programs
    if not needs:
        return None
    if settings.sandbox_url is not None:
        return FusionSandbox(settings.sandbox_url, concurrency=settings.sandbox_programs)
    try:
        isolation = _at_once(LocalSandbox().prepare())
    except SandboxUnavailable as error:
        raise ValueError(
            f"reward.memreward lets programs run here ({' and '.join(needs)}), and this machine cannot: {error} "
            "Without a sandbox, give reward.sandbox_fusion.url a SandboxFusion server; or set behaviour=false, so that "
            "programs are compared by their text, and another verifier than code."
        ) from error
    return LocalSandbox(isolation, concurrency=max(1, (os.cpu_count() or 1) // workers))


class ProgramBehaviour:
    """What programs do on inputs made from their query. `found` and `missing` count those of this worker.

    A program of which nothing could be found out is sent without a behaviour; where the sandbox failed or took too
    long, that is told in the log.
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


def _at_once(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine, also where an event loop runs already."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, work).result()
