"""A mathematical answer is right when it has the value of the reference answer."""

from __future__ import annotations

import asyncio
from typing import Self

from memreward_proto.records import Domain, Query, Rollout
from memreward_service.answers import math_values
from memreward_service.answers.reading import Reading, read_groups
from memreward_trainer.verifiers.verdicts import Attempt, Verdict, cannot_say, right, wrong

COMPARISON_SECONDS = 5.0
LONGEST_REFERENCE = 200
"""Characters beyond which a reference is read as a response: it is a worked solution."""
LONGEST_SHOWN = 60
"""Characters of a value that a reason names."""

_QUERY = Query("", "", Domain.MATH)


class MathVerifier:
    """Equal by the engine's answer keys (answers/math_values.py), else by the comparison of the two values.

    Both run in the processes of answers/mathematics, and a comparison that hangs costs its own process only. Use it as
    an async context manager, or call `close`.
    """

    def __init__(self, seconds: float = COMPARISON_SECONDS) -> None:
        """`seconds`: time for one comparison, from when it has a process; beyond it the verifier cannot say."""
        self._seconds = seconds

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_reason: object) -> None:
        await self.close()

    async def verify(self, attempt: Attempt) -> Verdict:
        """Right or wrong by value; cannot say without a reference, or where the value of an answer is unclear."""
        return await asyncio.to_thread(self._verify, attempt)

    async def close(self) -> None:
        """End the processes, when no comparison is under way."""
        await asyncio.to_thread(math_values.close)

    def _verify(self, attempt: Attempt) -> Verdict:
        if attempt.ground_truth is None or not attempt.ground_truth.strip():
            return cannot_say("the query has no reference answer")
        reference = Rollout("", answer=attempt.ground_truth)
        if len(attempt.ground_truth) > LONGEST_REFERENCE:
            reference = Rollout(attempt.ground_truth)
        ((wanted, found),) = read_groups([(_QUERY, [reference, Rollout(attempt.response, answer=attempt.answer)])])
        if wanted.answer_key is None:
            return cannot_say("the query has no reference answer")
        if found.answer_key is None:
            return wrong("the response gives no answer")
        if found.answer_key == wanted.answer_key:
            return right(f"the answer is {_shown(wanted)}")
        equal, reason = math_values.same_answer(wanted.answer, found.answer, self._seconds)
        if equal is None:
            return cannot_say(reason)
        return right(f"the answer has the value {_shown(wanted)}") if equal else wrong(
            f"the answer is {_shown(found)}, not {_shown(wanted)}"
        )  # fmt: skip


def _shown(reading: Reading) -> str:
    key = reading.answer_key or ""
    return key if len(key) <= LONGEST_SHOWN else f"{key[:LONGEST_SHOWN]}..."
