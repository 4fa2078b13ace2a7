# Made from async_retry_loop.py by `make client`: change that file.
"""The loops of a client: send a call, wait, send it again, until there is an answer or no more time."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from time import sleep
from typing import TypeVar

from memreward_client import calls
from memreward_client.calls import Call
from memreward_client.errors import DeadlineExceeded, MemRewardError, NotMemReward, TrainingFailed, Unreachable
from memreward_client.retries import LEAST_SECONDS, Backoff, Retries, Timeouts
from memreward_client.transport.base import Answer, Transport
from memreward_proto.records import RolloutReward, Submission, TrainingJob

logger = logging.getLogger("memreward.client")

Result = TypeVar("Result")
ANSWER_SECONDS = 20.0
"""How much longer than it was asked to hold a call the service may take to answer it: the time of a scoring."""
LOGGED_FAILURES = 4
"""From this failed attempt of a call on a line is logged: by then a second has passed."""
LOG_SECONDS = 30.0
"""Least time between two such lines of one client, however many calls it has in flight."""


class RetryLoop:
    """Sends the calls of one client over the transport that `transport` returns.

    `await_service` False: while the service never answered, a refused connection ends a call and is not waited out.
    `clock`: seconds that only rise.
    """

    def __init__(
        self,
        transport: Callable[[], Transport],
        timeouts: Timeouts,
        retries: Retries,
        *,
        await_service: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport, self._timeouts, self._retries, self._clock = transport, timeouts, retries, clock
        self._refusal_ends = not await_service
        self._logged_at = -math.inf

    def call(self, call: Call[Result], deadline: float | None) -> Result:
        """One call, repeated while it meets passing errors, until `deadline` seconds are over."""
        backoff = self._backoff(deadline)
        while True:
            seconds = min(self._timeouts.timeout, max(backoff.left, LEAST_SECONDS))
            try:
                answer = self._transport().send(call, seconds)
            except MemRewardError as error:
                sleep(self._wait(backoff, error, call.repeatable))
            else:
                return self._read(call, answer)

    def submit(self, submission: Submission, deadline: float | None, allow_partial: bool) -> RolloutReward:
        """One rollout, held at the service for `hold` seconds at a time until its group is scored or `deadline`.

        A proxy cuts long silences, and only a request shows that a connection is lost; the service knows that it is
        the same rollout. The leave to score a part of the group goes with the last hold only.
        """
        backoff = self._backoff(deadline)
        while True:
            left = backoff.left
            held, last = min(left, self._timeouts.hold), left <= self._timeouts.hold
            call = calls.submit(submission, held, allow_partial and last)
            try:
                answer = self._transport().send(call, held + ANSWER_SECONDS)
            except MemRewardError as error:
                sleep(self._wait(backoff, error, call.repeatable))
                continue
            backoff.reset()
            reward = self._read(call, answer)
            if last or reward.status != "timeout":
                return reward

    def training(
        self, job_id: str, deadline: float, poll: float, looked: Callable[[TrainingJob], None] | None
    ) -> TrainingJob:
        """A training job at its end. Raises TrainingFailed, and DeadlineExceeded if it goes on beyond."""
        backoff = self._backoff(deadline)
        while True:
            job = self.call(calls.training_job(job_id), min(self._timeouts.deadline, backoff.left))
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
            if backoff.left <= 0:
                raise DeadlineExceeded(f"Training job {job_id} is still {job.status}: it goes on, wait for it again.")
            sleep(min(poll, backoff.left))

    def _backoff(self, deadline: float | None) -> Backoff:
        return Backoff(self._retries, self._timeouts.deadline if deadline is None else deadline, self._clock)

    def _wait(self, backoff: Backoff, error: MemRewardError, repeatable: bool) -> float:
        """Seconds until the next attempt. Raises the error that ends the call."""
        if not isinstance(error, Unreachable):
            self._refusal_ends = False
        seconds = backoff.wait_after(error, repeatable=repeatable, refusal_ends=self._refusal_ends)
        if backoff.failures >= LOGGED_FAILURES and self._clock() - self._logged_at >= LOG_SECONDS:
            self._logged_at = self._clock()
            logger.warning("%s Trying again for %.0f more seconds.", error.message, backoff.left)
        return seconds

    def _read(self, call: Call[Result], answer: Answer) -> Result:
        self._refusal_ends = False
        try:
            return call.read(answer)
        except (KeyError, TypeError, ValueError) as error:
            raise NotMemReward(
                f"The answer to {call.rpc} is not that of a MemReward service of this version ({error!r})."
            ) from error
