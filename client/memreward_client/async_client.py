"""The client: a method for each call of the service. client.py is made from async_client.py by `make client`."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import Self

from memreward_client import calls
from memreward_client.async_retry_loop import AsyncRetryLoop
from memreward_client.configuration import Configuration
from memreward_client.retries import Retries, Timeouts
from memreward_client.transport.base import LOCAL_URL, AsyncTransport, parse_address
from memreward_client.transport.open import async_connections
from memreward_proto.records import (
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
    PruneReport,
    PruneRequest,
    RolloutReward,
    Scored,
    Submission,
    TrainingJob,
    TrustReport,
)  # fmt: skip


class AsyncRewardClient:
    """Calls a MemReward service, over HTTP (http://, https://) or gRPC (grpc://, grpcs://).

        async with AsyncRewardClient("http://rewards.internal:8080", api_key) as client:
            scored = await client.score([Group(Query("2 + 2?", domain="math"), [Rollout("4"), Rollout("5")])])

    RewardClient blocks, and the methods of AsyncRewardClient are awaited; they are the same otherwise.
    Connections are opened by the first call and kept. Threads may share one client, and event loops too: each loop
    has connections of its own. A pickled client is its configuration, and a forked process opens connections of its
    own. `transport` is for tests (MockTransport).

    Every call lasts `deadline` seconds at most, its own argument or the client's; each attempt at most `timeout`
    seconds, a submit `hold` seconds at a time. Passing failures are tried again (`retries`); with `await_service`
    False, a connection that is refused before the service ever answered is an error at once.
    Raises errors.MemRewardError only; errors.py draws the tree.
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
        timeouts = Timeouts(timeout, deadline, hold)
        address = parse_address(url, api_key)
        self.__setstate__(Configuration(address, timeouts, retries or Retries(), await_service, transport))

    def __getstate__(self) -> Configuration[AsyncTransport]:
        return self._configuration

    def __setstate__(self, configuration: Configuration[AsyncTransport]) -> None:
        self._configuration = configuration
        self._connections = async_connections(configuration.address, configuration.transport)
        self._retry_loop = AsyncRetryLoop(
            self._connections.current,
            configuration.timeouts,
            configuration.retries,
            await_service=configuration.await_service,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """Where the service is, without a key."""
        return self._configuration.address.url

    async def score(self, groups: Iterable[Group], *, explain: bool = False, deadline: float | None = None) -> Scored:
        """The reward of every rollout; a label inside a group is evidence for its siblings."""
        return await self._retry_loop.call(calls.score(groups, explain), deadline)

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
        return await self._retry_loop.call(call, deadline)

    async def submit(
        self, submission: Submission, *, deadline: float | None = None, allow_partial: bool = False
    ) -> RolloutReward:
        """The reward of one rollout, once its group is complete.

        At the deadline the status is timeout; with `allow_partial` the rollouts that are there are scored instead.
        Safe to repeat: sent again, it is the same rollout. Raises Conflict if its content differs from before.
        With `submission.label_budget` the answer may be label_requested: verify that rollout, and submit it again with
        its label, or with `no_label`.
        """
        return await self._retry_loop.submit(submission, deadline, allow_partial)

    async def add_experience(
        self, queries: Iterable[Experience], *, deadline: float | None = None
    ) -> ExperienceReceipt:
        """Store queries with their rollouts: durable when this returns; the same content again changes nothing."""
        return await self._retry_loop.call(calls.add_experience(queries), deadline)

    async def add_labels(self, labels: Iterable[Label], *, deadline: float | None = None) -> LabelReceipt:
        """Store labels that come after their rollouts."""
        return await self._retry_loop.call(calls.add_labels(labels), deadline)

    async def list_experience(
        self, after: str | None = None, limit: int | None = None, *, deadline: float | None = None
    ) -> ExperiencePage:
        """One page of the stored queries in id order, behind the id `after`; `limit` 1 to 1000, 100 if None."""
        return await self._retry_loop.call(calls.list_experience(after, limit), deadline)

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
        return await self._retry_loop.call(calls.query(query_id), deadline)

    async def find_queries(
        self, text: str, k: int | None = None, *, deadline: float | None = None
    ) -> tuple[Neighbor, ...]:
        """The `k` memory queries nearest to a text, nearest first; 8 if None."""
        return await self._retry_loop.call(calls.find_queries(text, k), deadline)

    async def memory(self, *, deadline: float | None = None) -> MemoryStatus:
        """How far the memory that predictions use has followed the store."""
        return await self._retry_loop.call(calls.memory(), deadline)

    async def trust(self, *, deadline: float | None = None) -> TrustReport:
        """How predictions compare with the labels that were sent inside groups, by domain and training step."""
        return await self._retry_loop.call(calls.trust(), deadline)

    async def label_spending(self, run_id: str, *, deadline: float | None = None) -> LabelSpending:
        """The labels that a run was asked for, in all and by training step; none for a run that is not known."""
        return await self._retry_loop.call(calls.label_spending(run_id), deadline)

    async def prune(
        self,
        *,
        dry_run: bool = True,
        rollouts_per_query: int | None = None,
        days: float | None = None,
        max_bytes: int | None = None,
        deadline: float | None = None,
    ) -> PruneReport:
        """Say which stored rollouts are over a limit, or with `dry_run=False` remove them; a limit that is not given
        is as the service is set. What they said of their queries stays."""
        request = PruneRequest(dry_run, rollouts_per_query, days, max_bytes)
        return await self._retry_loop.call(calls.prune(request), deadline)

    async def start_training(
        self, seeds: int | None = None, epochs: int | None = None, *, deadline: float | None = None
    ) -> TrainingJob:
        """Queue a training job. Not repeated once it may have been sent. Raises Conflict while another runs."""
        return await self._retry_loop.call(calls.start_training(seeds, epochs), deadline)

    async def training_job(self, job_id: str, *, deadline: float | None = None) -> TrainingJob:
        """How far a training job is."""
        return await self._retry_loop.call(calls.training_job(job_id), deadline)

    async def wait_for_training(
        self,
        job_id: str,
        *,
        deadline: float = math.inf,
        poll: float = 0.5,
        looked: Callable[[TrainingJob], None] | None = None,
    ) -> TrainingJob:
        """The job once it succeeded, looked at every `poll` seconds; `looked` gets it each time.

        Raises TrainingFailed, and DeadlineExceeded if it goes on beyond.
        """
        return await self._retry_loop.training(job_id, deadline, poll, looked)

    async def models(self, *, deadline: float | None = None) -> tuple[ModelInfo, ...]:
        """The models that the service keeps, newest first."""
        return await self._retry_loop.call(calls.models(), deadline)

    async def activate_model(self, model_version: str, *, deadline: float | None = None) -> ModelInfo:
        """Let a kept model answer from now on. Raises NotFound."""
        return await self._retry_loop.call(calls.activate_model(model_version), deadline)

    async def ready(self, *, deadline: float = 5.0) -> bool:
        """Whether the service can predict rewards now; asked once. Raises Unreachable, NotMemReward."""
        return await self._connections.current().aready(deadline)

    async def close(self) -> None:
        """Close the connections, in an event loop those of that loop; a later call opens new ones."""
        opened = self._connections.take()
        if opened is not None:
            await opened.aclose()
