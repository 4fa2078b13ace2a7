"""READ FIRST of the rendezvous: where the rollouts of a group, sent one by one, become a group that is scored.

One rollout on its way through `Rendezvous.submit`:
    1. it arrives at the meeting place (place.py), which holds it, or knows it already from an earlier call
    2. its texts are embedded ahead, so that the last of a group waits for its own texts only
    3. its call waits, until the rollout has its answer, or is due, or its deadline passes
    4. a due rollout starts the scoring of its group, in a task of its own: no caller that leaves takes others along
    5. where a label is worth its price (labels/requests.py), one call is answered with the request for it, and the
       others wait on, until that rollout comes again with its label, or without; then 4. again
    6. the answers are settled at the place, and every call that waits for one gets it

A deadline ends the waiting for siblings and labels, not the scoring: a call whose rollout is due waits for its answer.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from memreward_proto.errors import MemRewardError, TooLarge
from memreward_proto.records import (
    Group,
    LabelCharge,
    LabelRequest,
    PlannedLabel,
    Query,
    Rollout,
    RolloutReward,
    Scored,
    Submission,
    filled,
)
from memreward_service.rendezvous.answers import (
    answers_of,
    closing,
    error_of_its_own,
    full,
    requested_of,
    reward_of,
    timeout_of,
)
from memreward_service.rendezvous.gauges import ASKED, FAILED, JOINED, SCORED, TIMEOUTS, WAIT_SECONDS, WAITING, show
from memreward_service.rendezvous.place import SHARE_OF_NEW_GROUPS, MeetingPlace
from memreward_service.rendezvous.protocol import Answer, Arrival, Claim, RolloutState, arrival_of

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Call:
    """A waiting `submit`. Woken, it takes the answer or the failure it was given, or else looks at the place."""

    index: int
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    answer: Answer | None = None
    failure: MemRewardError | None = None

    def end(self, failure: MemRewardError) -> None:
        self.failure = failure
        self.woken.set()


class Rendezvous:
    """Answers rollouts that come alone, when their group is there. Lives on one event loop."""

    def __init__(
        self,
        place: MeetingPlace,
        score: Callable[[Claim, Group, LabelCharge | None], Awaitable[tuple[Scored, PlannedLabel | None]]],
        embed: Callable[[Query, Rollout], Awaitable[object]],
        max_bytes: int,
    ) -> None:
        """`score` scores the group of a claim, and where there is a charge says which label should be asked for first;
        `embed` embeds the texts of a rollout ahead, and may fail: scoring says why.

        `max_bytes`: what the calls that wait may hold; the place has a limit of its own.
        """
        self._place = place
        self._score = score
        self._embed = embed
        self._max_bytes = max_bytes
        self._calls: defaultdict[str, set[_Call]] = defaultdict(set)
        self._call_bytes = 0
        self._scorings: dict[str, asyncio.Task[None]] = {}
        self._embeddings: set[asyncio.Task[None]] = set()
        self._closed = False

    async def open(self) -> None:
        """Begin."""
        await self._place.open(self._wake)
        show(self._place.usage())

    def end_calls(self) -> None:
        """End every waiting call with Unavailable, and refuse new ones."""
        self._closed = True
        for calls in self._calls.values():
            for call in calls:
                call.end(closing())

    async def close(self) -> None:
        """`end_calls`, then give up what is being scored."""
        self.end_calls()
        tasks = [*self._scorings.values(), *self._embeddings]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._place.close()

    async def submit(self, submission: Submission) -> RolloutReward:
        """The answer to one rollout; the same rollout again gets the same one.

        Raises Conflict, Overloaded, TooLarge, Unavailable, and what the scoring of its group raises.
        """
        if self._closed:
            raise closing()
        began = time.monotonic()
        arrival = arrival_of(submission)
        call = _Call(submission.rollout_index)
        with self._waiting(arrival, call), WAIT_SECONDS.time():
            overdue = bool(submission.allow_partial) and submission.deadline_ms == 0
            state = await self._place.arrive(arrival, overdue)
            show(self._place.usage())
            if state.known:
                JOINED.inc()
            else:
                self._embed_ahead(submission)
            return await self._answer(arrival, call, state, began + filled(submission.deadline_ms) / 1000)

    async def _answer(self, arrival: Arrival, call: _Call, state: RolloutState, deadline: float) -> RolloutReward:
        """Wait as long as there is something to wait for. `state` is what the place said last."""
        submission = arrival.submission
        passed = submission.deadline_ms == 0
        while True:
            if (answer := call.answer or state.answer) is not None:
                return reward_of(submission, answer)
            if call.failure is not None:
                raise call.failure
            if state.due:
                self._start_scoring(arrival.group)
            elif state.request is not None:
                return requested_of(submission, state)
            elif passed:
                TIMEOUTS.inc()
                return timeout_of(submission, state)
            lapse = math.inf if state.lapses_seconds is None else time.monotonic() + state.lapses_seconds
            await self._woken(call, math.inf if state.due else min(deadline, lapse))
            if call.answer is None and call.failure is None:
                passed = time.monotonic() >= deadline
                state = await self._place.arrive(arrival, overdue=passed and bool(submission.allow_partial))

    async def _woken(self, call: _Call, deadline: float) -> None:
        """Until something happened, the deadline (or that of a label) passed, or it is time to look."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(self._place.poll_seconds, max(0.0, deadline - time.monotonic()))):
                await call.woken.wait()
        call.woken.clear()

    @contextmanager
    def _waiting(self, arrival: Arrival, call: _Call) -> Iterator[None]:
        """Hear of the group for the length of the block. Raises TooLarge, Overloaded."""
        size = arrival.query_bytes + arrival.rollout_bytes
        if size > self._max_bytes * SHARE_OF_NEW_GROUPS:
            raise TooLarge(
                f"The rollout takes {size} bytes, more than groups may hold: send a shorter one, "
                "or raise MEMREWARD_RENDEZVOUS_MAX_BYTES of the service.",
                limit=self._max_bytes,
            )
        if self._call_bytes + size > self._max_bytes:
            raise full(self._max_bytes)
        self._call_bytes += size
        self._calls[arrival.group].add(call)
        WAITING.inc()
        try:
            yield
        finally:
            WAITING.dec()
            self._call_bytes -= size
            calls = self._calls[arrival.group]
            calls.discard(call)
            if not calls:
                del self._calls[arrival.group]

    def _wake(self, group: str) -> None:
        for call in self._calls.get(group, ()):
            call.woken.set()

    def _embed_ahead(self, submission: Submission) -> None:
        async def embed() -> None:
            with suppress(Exception):  # the scoring meets it again, and says so
                await self._embed(submission.query, submission.rollout)

        task = asyncio.create_task(embed(), name="embed-ahead")
        self._embeddings.add(task)
        task.add_done_callback(self._embeddings.discard)

    def _start_scoring(self, group: str) -> None:
        if group not in self._scorings and not self._closed:
            self._scorings[group] = asyncio.create_task(self._scoring(group), name="score-group")

    async def _scoring(self, group: str) -> None:
        """Score what is due in the group, and answer its calls; without a claim somebody else does it."""
        claim = None
        try:
            claim = await self._place.claim(group)
            if claim is not None:
                await self._score_claimed(claim)
        except Exception as error:
            _log.log(
                logging.WARNING if isinstance(error, MemRewardError) else logging.ERROR,
                "a group of %d could not be scored", 0 if claim is None else claim.group_size, exc_info=error,
            )  # fmt: skip
            self._fail(group, claim, error)
        finally:
            del self._scorings[group]
            if claim is not None:
                self._wake(group)  # what became due meanwhile is scored next

    async def _score_claimed(self, claim: Claim) -> None:
        try:
            group = Group(claim.query, tuple(claim.rollouts[i] for i in sorted(claim.rollouts)), claim.key.group_id)
            charge = None
            if claim.may_ask and claim.label_budget is not None:
                charge = LabelCharge(claim.key.run_id, claim.step, claim.label_budget)
            scored, label = await self._score(claim, group, charge)
            if charge is not None and label is not None:
                ASKED.labels(label.reason).inc()
                request = LabelRequest(label.reason, label.gain)
                await self._place.ask(claim, label.rollout_index, request, filled(charge.budget.deadline_ms) / 1000)
                return
            settled = await self._place.settle(claim, answers_of(claim, scored))
        except BaseException:
            with suppress(MemRewardError):  # a claim that cannot be given back expires
                await self._place.release(claim)
            raise
        SCORED.labels("late" if claim.late else "complete" if claim.complete else "partial").inc()
        show(self._place.usage())
        for call in self._calls.get(claim.group, ()):
            call.answer = call.answer or settled.get(call.index)

    def _fail(self, group: str, claim: Claim | None, error: Exception) -> None:
        """Every call that waited for this scoring fails, each with an exception object of its own."""
        FAILED.inc()
        for call in self._calls.get(group, ()):
            if claim is None or call.index in claim.settles:
                call.end(error_of_its_own(error))
