"""The blocking client."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
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
from memreward_client.transport.base import LOCAL_URL, Transport, open_transport

Result = TypeVar("Result")


class RewardClient:
    """Calls a MemReward service, over HTTP (http://, https://) or gRPC (grpc://, grpcs://).

        with RewardClient("http://rewards.internal:8080", api_key) as client:
            scored = client.score([Group(Query("2 + 2?", domain="math"), [Rollout("4"), Rollout("5")])])

    Connections are opened by the first call and kept; threads may share one client. A pickled client is its
    configuration, and a forked process opens connections of its own. `transport` is for tests (MockTransport).

    Every call lasts `deadline` seconds at most, its own argument or the client's; each attempt at most `timeout`
    seconds, a submit `hold` seconds at a time. Passing failures are tried again (`retries`); with `await_service`
    False, a connection that is refused before the service ever answered is told at once.
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
        transport: Transport | None = None,
    ) -> None:
        patience = Patience(timeout, deadline, hold, retries or Retries())
        self.__setstate__(Setup(url, api_key, patience, await_service, transport))

    def __getstate__(self) -> Setup[Transport]:
        return self._setup

    def __setstate__(self, setup: Setup[Transport]) -> None:
        self._setup = setup
        self._talk = setup.conversation()
        self._opening = threading.Lock()
        self._opened: tuple[int, Transport] | None = None

    def __repr__(self) -> str:
        return f"RewardClient({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where the service is, without a key."""
        return self._setup.address.url

    def score(self, groups: Iterable[Group], *, explain: bool = False, deadline: float | None = None) -> Scored:
        """The reward of every rollout; a label inside a group is evidence for its siblings."""
        return self._take(self._talk.call(calls.score(groups, explain), deadline))

    def plan_labels(
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
        return self._take(self._talk.call(call, deadline))

    def submit(
        self, submission: Submission, *, deadline: float | None = None, allow_partial: bool = False
    ) -> RolloutReward:
        """The reward of one rollout, once its group is complete.

        At the deadline the status is timeout; with `allow_partial` the rollouts that are there are scored instead.
        Safe to repeat: sent again, it is the same rollout. Raises Conflict where its content differs from before.
        With `submission.label_budget` the answer may be label_requested: verify that rollout, and submit it again with
        its label, or with `no_label`.
        """
        return self._take(self._talk.submit(submission, deadline, allow_partial))

    def add_experience(self, queries: Iterable[Experience], *, deadline: float | None = None) -> ExperienceReceipt:
        """Store queries with their rollouts: durable when this returns; the same content again changes nothing."""
        return self._take(self._talk.call(calls.add_experience(queries), deadline))

    def add_labels(self, labels: Iterable[Label], *, deadline: float | None = None) -> LabelReceipt:
        """Store labels that come after their rollouts."""
        return self._take(self._talk.call(calls.add_labels(labels), deadline))

    def list_experience(
        self, after: str | None = None, limit: int | None = None, *, deadline: float | None = None
    ) -> ExperiencePage:
        """One page of the stored queries in id order, behind the id `after`; `limit` 1 to 1000, 100 where None."""
        return self._take(self._talk.call(calls.list_experience(after, limit), deadline))

    def experience(self, limit: int | None = None, *, deadline: float | None = None) -> Iterator[Experience]:
        """All stored queries in id order, asked for in pages of `limit`; `deadline` is that of a page."""
        after: str | None = None
        while True:
            page = self.list_experience(after, limit, deadline=deadline)
            yield from page.queries
            if (after := page.next) is None:
                return

    def query(self, query_id: str, *, deadline: float | None = None) -> Experience:
        """One stored query with its rollouts. Raises NotFound."""
        return self._take(self._talk.call(calls.query(query_id), deadline))

    def find_queries(self, text: str, k: int | None = None, *, deadline: float | None = None) -> tuple[Neighbor, ...]:
        """The `k` memory queries nearest to a text, nearest first; 8 where None."""
        return self._take(self._talk.call(calls.find_queries(text, k), deadline))

    def memory(self, *, deadline: float | None = None) -> MemoryStatus:
        """How far the memory that predictions use has followed the store."""
        return self._take(self._talk.call(calls.memory(), deadline))

    def trust(self, *, deadline: float | None = None) -> TrustReport:
        """How predictions compare with the labels that were sent inside groups, by domain and training step."""
        return self._take(self._talk.call(calls.trust(), deadline))

    def label_spending(self, run_id: str, *, deadline: float | None = None) -> LabelSpending:
        """The labels that a run was asked for, in all and by training step; none for a run that is not known."""
        return self._take(self._talk.call(calls.label_spending(run_id), deadline))

    def start_training(
        self, seeds: int | None = None, epochs: int | None = None, *, deadline: float | None = None
    ) -> TrainingJob:
        """Queue a training job. Not repeated once it may have been sent. Raises Conflict while another runs."""
        return self._take(self._talk.call(calls.start_training(seeds, epochs), deadline))

    def training_job(self, job_id: str, *, deadline: float | None = None) -> TrainingJob:
        """How far a training job is."""
        return self._take(self._talk.call(calls.training_job(job_id), deadline))

    def wait_for_training(
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
        return self._take(self._talk.training(job_id, deadline, poll, looked))

    def models(self, *, deadline: float | None = None) -> tuple[ModelInfo, ...]:
        """The models that the service keeps, newest first."""
        return self._take(self._talk.call(calls.models(), deadline))

    def activate_model(self, model_version: str, *, deadline: float | None = None) -> ModelInfo:
        """Let a kept model answer from now on. Raises NotFound."""
        return self._take(self._talk.call(calls.activate_model(model_version), deadline))

    def ready(self, *, deadline: float = 5.0) -> bool:
        """Whether the service can predict rewards now; asked once. Raises Unreachable, NotMemReward."""
        return self._transport().ready(deadline)

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        with self._opening:
            opened, self._opened = self._opened, None
        if opened is not None and opened[0] == os.getpid():
            opened[1].close()

    def _take(self, steps: Steps[Result]) -> Result:
        """Take the steps of a call to its end."""
        outcome: object = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as end:
                result: Result = end.value
                return result
            if not isinstance(step, Send):
                time.sleep(step.seconds)
                outcome = None
                continue
            try:
                outcome = self._transport().send(step.call, step.timeout)
            except MemRewardError as error:
                outcome = error

    def _transport(self) -> Transport:
        opened, process = self._opened, os.getpid()
        if opened is None or opened[0] != process:
            with self._opening:
                # Connections of the process that forked this one are left to it.
                if self._opened is None or self._opened[0] != process:
                    self._opened = process, self._setup.transport or open_transport(self._setup.address)
                opened = self._opened
        return opened[1]
