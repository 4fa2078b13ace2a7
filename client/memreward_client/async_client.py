"""The awaiting client: the methods of client.py, one for one."""

from __future__ import annotations

import asyncio
import math
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import Self, TypeVar

from memreward_client import calls
from memreward_client.errors import MemRewardError
from memreward_client.records import (
    Experience,
    ExperiencePage,
    ExperienceReceipt,
    Group,
    Label,
    LabelBudget,
    LabelPlan,
    LabelReceipt,
    LabelSpending,
    MemoryStatus,
    ModelInfo,
    Neighbor,
    RolloutReward,
    Scored,
    Submission,
    TrainingJob,
    TrustReport,
)  # fmt: skip
from memreward_client.retries import Patience, Retries, Send, Steps
from memreward_client.setup import Setup
from memreward_client.transport.base import LOCAL_URL, AsyncTransport, open_async_transport

Result = TypeVar("Result")


class AsyncRewardClient:
    """Calls a MemReward service from coroutines; see RewardClient, which has the same methods and arguments.

        async with AsyncRewardClient("grpc://rewards.internal", api_key) as client:
            answer = await client.submit(Submission("run-1", "uid-7", 0, 8, Query("2 + 2?"), Rollout("4")))

    One client may be used from several event loops: each has connections of its own.
    """

    def __init__(
        self,
        url: str = LOCAL_URL,
        api_key: str | None = None,
        *,
        timeout: float = 120.0,
        deadline: float = 600.0,
        hold: float = 25.0,
        retries: Retries | None = None,
        await_service: bool = True,
        transport: AsyncTransport | None = None,
    ) -> None:
        patience = Patience(timeout, deadline, hold, retries or Retries())
        self.__setstate__(Setup(url, api_key, patience, await_service, transport))

    def __getstate__(self) -> Setup[AsyncTransport]:
        return self._setup

    def __setstate__(self, setup: Setup[AsyncTransport]) -> None:
        self._setup = setup
        self._talk = setup.conversation()
        self._opening = threading.Lock()
        self._opened: dict[asyncio.AbstractEventLoop, tuple[int, AsyncTransport]] = {}

    def __repr__(self) -> str:
        return f"AsyncRewardClient({self.url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """Where the service is, without a key."""
        return self._setup.address.url

    async def score(self, groups: Iterable[Group], *, explain: bool = False, deadline: float | None = None) -> Scored:
        """The reward of every rollout; a label inside a group is evidence for its siblings."""
        return await self._take(self._talk.call(calls.score(groups, explain), deadline))

    async def plan_labels(
        self,
        groups: Iterable[Group],
        budget: int,
        *,
        run_id: str | None = None,
        step: int | None = None,
        label_budget: LabelBudget | None = None,
        deadline: float | None = None,
    ) -> LabelPlan:
        """Which rollouts to verify next, `budget` at most, so that the labels put most rewards right.

        Send the same groups again with the labels that came back, and it goes on from there. It needs no model.
        With `run_id` and `label_budget` the labels are charged to that run and `step`, as those that `submit` is asked
        for are, each once; what is beyond the budget of the run is not planned.
        """
        call = calls.plan_labels(groups, budget, run_id, step, label_budget)
        return await self._take(self._talk.call(call, deadline))

    async def submit(
        self, submission: Submission, *, deadline: float | None = None, allow_partial: bool = False
    ) -> RolloutReward:
        """The reward of one rollout, once its group is complete.

        At the deadline the status is timeout; with `allow_partial` the rollouts that are there are scored instead.
        Safe to repeat: sent again, it is the same rollout. Raises Conflict where its content differs from before.
        With `submission.label_budget` the answer may be label_requested: verify that rollout, and submit it again with
        its label, or with `no_label`.
        """
        return await self._take(self._talk.submit(submission, deadline, allow_partial))

    async def add_experience(
        self, queries: Iterable[Experience], *, deadline: float | None = None
    ) -> ExperienceReceipt:
        """Store queries with their rollouts: durable when this returns; the same content again changes nothing."""
        return await self._take(self._talk.call(calls.add_experience(queries), deadline))

    async def add_labels(self, labels: Iterable[Label], *, deadline: float | None = None) -> LabelReceipt:
        """Store labels that come after their rollouts."""
        return await self._take(self._talk.call(calls.add_labels(labels), deadline))

    async def list_experience(
        self, after: str | None = None, limit: int | None = None, *, deadline: float | None = None
    ) -> ExperiencePage:
        """One page of the stored queries in id order, behind the id `after`; `limit` 1 to 1000, 100 where None."""
        return await self._take(self._talk.call(calls.list_experience(after, limit), deadline))

    async def experience(self, limit: int | None = None, *, deadline: float | None = None) -> AsyncIterator[Experience]:
        """All stored queries in id order, asked for in pages of `limit`; `deadline` is that of a page."""
        after: str | None = None
        while True:
            page = await self.list_experience(after, limit, deadline=deadline)
            for stored in page.queries:
                yield stored
            if (after := page.next) is None:
                return

    async def query(self, query_id: str, *, deadline: float | None = None) -> Experience:
        """One stored query with its rollouts. Raises NotFound."""
        return await self._take(self._talk.call(calls.query(query_id), deadline))

    async def find_queries(
        self, text: str, k: int | None = None, *, deadline: float | None = None
    ) -> tuple[Neighbor, ...]:
        """The `k` memory queries nearest to a text, nearest first; 8 where None."""
        return await self._take(self._talk.call(calls.find_queries(text, k), deadline))

    async def memory(self, *, deadline: float | None = None) -> MemoryStatus:
        """How far the memory that predictions use has followed the store."""
        return await self._take(self._talk.call(calls.memory(), deadline))

    async def trust(self, *, deadline: float | None = None) -> TrustReport:
        """How predictions compare with the labels that were sent inside groups, by domain and training step."""
        return await self._take(self._talk.call(calls.trust(), deadline))

    async def label_spending(self, run_id: str, *, deadline: float | None = None) -> LabelSpending:
        """The labels that a run was asked for, in all and by training step; none for a run that is not known."""
        return await self._take(self._talk.call(calls.label_spending(run_id), deadline))

    async def start_training(
        self, seeds: int | None = None, epochs: int | None = None, *, deadline: float | None = None
    ) -> TrainingJob:
        """Queue a training job. Not repeated once it may have been sent. Raises Conflict while another runs."""
        return await self._take(self._talk.call(calls.start_training(seeds, epochs), deadline))

    async def training_job(self, job_id: str, *, deadline: float | None = None) -> TrainingJob:
        """How far a training job is."""
        return await self._take(self._talk.call(calls.training_job(job_id), deadline))

    async def wait_for_training(
        self,
        job_id: str,
        *,
        deadline: float = math.inf,
        poll: float = 0.5,
        looked: Callable[[TrainingJob], None] | None = None,
    ) -> TrainingJob:
        """The job once it succeeded, looked at every `poll` seconds; `looked` gets it each time.

        Raises TrainingFailed, and DeadlineExceeded where it goes on beyond.
        """
        return await self._take(self._talk.training(job_id, deadline, poll, looked))

    async def models(self, *, deadline: float | None = None) -> tuple[ModelInfo, ...]:
        """The models that the service keeps, newest first."""
        return await self._take(self._talk.call(calls.models(), deadline))

    async def activate_model(self, model_version: str, *, deadline: float | None = None) -> ModelInfo:
        """Let a kept model answer from now on. Raises NotFound."""
        return await self._take(self._talk.call(calls.activate_model(model_version), deadline))

    async def ready(self, *, deadline: float = 5.0) -> bool:
        """Whether the service can predict rewards now; asked once. Raises Unreachable, NotMemReward."""
        return await self._transport().aready(deadline)

    async def close(self) -> None:
        """Close the connections of the running event loop; a later call opens new ones."""
        with self._opening:
            opened = self._opened.pop(asyncio.get_running_loop(), None)
        if opened is not None and opened[0] == os.getpid():
            await opened[1].aclose()

    async def _take(self, steps: Steps[Result]) -> Result:
        """Take the steps of a call to its end."""
        outcome: object = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as end:
                result: Result = end.value
                return result
            if not isinstance(step, Send):
                await asyncio.sleep(step.seconds)
                outcome = None
                continue
            try:
                outcome = await self._transport().asend(step.call, step.timeout)
            except MemRewardError as error:
                outcome = error

    def _transport(self) -> AsyncTransport:
        loop, process = asyncio.get_running_loop(), os.getpid()
        opened = self._opened.get(loop)
        if opened is None or opened[0] != process:
            opened = process, self._setup.transport or open_async_transport(self._setup.address)
            with self._opening:
                # Connections of a loop that is closed can only be dropped.
                self._opened = {other: kept for other, kept in self._opened.items() if not other.is_closed()}
                self._opened[loop] = opened
        return opened[1]
