"""The steps of every call, as generators that do no input or output: send this, wait so long, send again, give up.

A generator yields a Send or a Wait. The client takes the step and sends in what came of it: the JSON of the answer or
the MemRewardError for a Send, None for a Wait. It returns the result of the call, or raises the error to raise. So the
blocking and the awaiting client differ only in how they take a step.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from memreward_client import calls
from memreward_client.calls import Call
from memreward_client.errors import DeadlineExceeded, MemRewardError, NotMemReward, TrainingFailed, Unreachable
from memreward_client.records import RolloutReward, Submission, TrainingJob

logger = logging.getLogger("memreward.client")

Result = TypeVar("Result")
ANSWER_SECONDS = 20.0
"""How much longer than it was asked to hold a call the service may take to answer it: the time of a scoring."""
LEAST_SECONDS = 0.02
"""With less than this left, a call is not sent again."""
TELL_AFTER = 4
"""From this failed attempt of a call on a line is logged: by then a second has passed."""
TELL_SECONDS = 30.0
"""Least time between two such lines of one client, however many calls it has in flight."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a call once; an attempt takes at most `timeout` seconds."""

    call: Call[Any]
    timeout: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Let so many seconds pass."""

    seconds: float


Steps = Generator[Send | Wait, Any, Result]


@dataclass(frozen=True, slots=True)
class Retries:
    """When a call that met a passing error is sent again: full jitter over waits that double.

    Before attempt n + 1 it waits a random time from 0 to `first_wait` * 2**(n - 1) seconds, `longest_wait` at most,
    on top of what the service asks for by Retry-After. `attempts` None: until the deadline of the call.
    See https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    first_wait: float = 0.2
    longest_wait: float = 5.0
    attempts: int | None = None

    def jitter(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, from 1."""
        return random.uniform(0.0, min(self.first_wait * 2 ** min(failures - 1, 30), self.longest_wait))


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the calls of a client wait: `timeout` for one attempt, `deadline` for a call, `hold` for a submit.

    All in seconds. `hold`: the longest that a submit leaves one request waiting for the rest of its group.
    """

    timeout: float = 120.0
    deadline: float = 600.0
    hold: float = 25.0
    retries: Retries = Retries()


class Endurance:
    """Decides, for the failures of one call, how long to wait before the next attempt, or that there is none.

    `failures` counts those since the last success.
    """

    def __init__(self, retries: Retries, deadline: float, clock: Callable[[], float]) -> None:
        self._retries, self._deadline, self._clock = retries, deadline, clock
        self._began = clock()
        self.failures = 0

    @property
    def left(self) -> float:
        """Seconds until the deadline; 0 once it is behind."""
        return max(self._began + self._deadline - self._clock(), 0.0)

    def answered(self) -> None:
        """An attempt succeeded: failures that follow are counted from 0."""
        self.failures = 0

    def wait_after(self, error: MemRewardError, *, repeatable: bool, refusal_ends: bool) -> Wait:
        """How long to wait before sending again. Raises `error`, or DeadlineExceeded from it.

        `refusal_ends`: a refused connection is not to be tried again.
        """
        self.failures += 1
        never_sent = isinstance(error, Unreachable) and not error.sent
        if not error.passing or not (repeatable or never_sent) or (refusal_ends and never_sent):
            raise error
        if self.failures == self._retries.attempts:
            raise error
        asked = error.retry_after or 0.0
        if self.left <= max(asked, LEAST_SECONDS):
            raise DeadlineExceeded(
                f"There was no answer within {self._deadline:g} seconds. The last attempt: {error.message}",
                {"last": error.code},
            ) from error
        # Half of what is left at most: the jitter alone never uses up the deadline.
        return Wait(asked + min(self._retries.jitter(self.failures), (self.left - asked) / 2))


class Conversation:
    """The steps of the calls of one client.

    `await_service` False: while the service never answered, a refused connection is the end of a call and not the
    start of waiting. `clock`: seconds that only rise.
    """

    def __init__(
        self, patience: Patience, *, await_service: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience, self._clock = patience, clock
        self._refusal_ends = not await_service
        self._told_at = -math.inf

    def call(self, call: Call[Result], deadline: float | None) -> Steps[Result]:
        """One call, repeated while it meets passing errors, until `deadline` seconds are over."""
        endurance = self._endurance(deadline)
        while True:
            answer = yield Send(call, min(self._patience.timeout, max(endurance.left, LEAST_SECONDS)))
            if not isinstance(answer, MemRewardError):
                return self._read(call, answer)
            yield self._wait(endurance, answer, call.repeatable)

    def submit(self, submission: Submission, deadline: float | None, allow_partial: bool) -> Steps[RolloutReward]:
        """One rollout, held at the service for `hold` seconds at a time until its group is scored or `deadline`.

        A proxy cuts long silences, and only a request shows that a connection is lost; the service knows that it is
        the same rollout. The leave to score a part of the group goes with the last hold only.
        """
        endurance = self._endurance(deadline)
        while True:
            left = endurance.left
            held, last = min(left, self._patience.hold), left <= self._patience.hold
            call = calls.submit(submission, held, allow_partial and last)
            answer = yield Send(call, held + ANSWER_SECONDS)
            if isinstance(answer, MemRewardError):
                yield self._wait(endurance, answer, True)
                continue
            endurance.answered()
            reward = self._read(call, answer)
            if last or reward.status != "timeout":
                return reward

    def training(
        self, job_id: str, deadline: float, poll: float, looked: Callable[[TrainingJob], None] | None
    ) -> Steps[TrainingJob]:
        """A training job at its end. Raises TrainingFailed, and DeadlineExceeded where it goes on beyond."""
        endurance = self._endurance(deadline)
        while True:
            job = yield from self.call(calls.training_job(job_id), min(self._patience.deadline, endurance.left))
            if looked is not None:
                looked(job)
            if job.status == "failed":
                reason = job.error
                raise TrainingFailed(
                    f"Training failed: {reason.message if reason else 'the service does not say why.'}",
                    {"job_id": job_id, "reason": reason.code if reason else None},
                )
            if job.status == "succeeded":
                return job
            if endurance.left <= 0:
                raise DeadlineExceeded(f"Training job {job_id} is still {job.status}: it goes on, wait for it again.")
            yield Wait(min(poll, endurance.left))

    def _endurance(self, deadline: float | None) -> Endurance:
        seconds = self._patience.deadline if deadline is None else deadline
        return Endurance(self._patience.retries, seconds, self._clock)

    def _wait(self, endurance: Endurance, error: MemRewardError, repeatable: bool) -> Wait:
        if not isinstance(error, Unreachable):
            self._refusal_ends = False
        wait = endurance.wait_after(error, repeatable=repeatable, refusal_ends=self._refusal_ends)
        if endurance.failures >= TELL_AFTER and self._clock() - self._told_at >= TELL_SECONDS:
            self._told_at = self._clock()
            logger.warning("%s Trying again for %.0f more seconds.", error.message, endurance.left)
        return wait

    def _read(self, call: Call[Result], answer: Any) -> Result:
        self._refusal_ends = False
        try:
            return call.read(answer)
        except (KeyError, TypeError, ValueError) as error:
            raise NotMemReward(
                f"The answer to {call.rpc} is not that of a MemReward service of this version ({error!r})."
            ) from error
