"""A mathematical answer is right when it has the value of the reference answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Any, Self

from memreward_proto.records import Domain, Query, Rollout
from memreward_service.groups.answers import parse_rollout
from memreward_service.groups.math_answers import math_key
from memreward_trainer.verifiers.verdicts import Attempt, Verdict, cannot_say, right, wrong

LONGEST_ANSWER = 1_000
"""Characters beyond which an answer is not given to math-verify."""
START_SECONDS = 120.0
"""Time that the process of math-verify gets to import its libraries."""


class MathVerifier:
    """Equal by the engine's answer key (answer_keys.py), else by math-verify in a process that may be killed.

    Use it as an async context manager, or call `close`. One question is asked at a time.
    """

    def __init__(self, seconds: float = 5.0) -> None:
        """`seconds`: time for one comparison; beyond it the verifier cannot say."""
        self._seconds = seconds
        self._worker: Process | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_reason: object) -> None:
        await self.close()

    async def verify(self, attempt: Attempt) -> Verdict:
        """Right or wrong by value; cannot say without a reference, or where the value of an answer is unclear."""
        if attempt.ground_truth is None or not (wanted := math_key(attempt.ground_truth)):
            return cannot_say("the query has no reference answer")
        parsed = parse_rollout(Query("", "", Domain.MATH), Rollout(attempt.response, answer=attempt.answer))
        if parsed.answer_key is None:
            return wrong("the response gives no answer")
        if parsed.answer_key == wanted:
            return right(f"the answer is {wanted}")
        if len(parsed.answer) > LONGEST_ANSWER or len(attempt.ground_truth) > LONGEST_ANSWER:
            return cannot_say("the answer is too long to be compared")
        told = await self._ask({"truth": attempt.ground_truth, "answer": parsed.answer})
        if told.get("equal"):
            return right(f"the answer has the value {attempt.ground_truth}")
        # Two exact numbers that differ need no library to say so.
        if "unclear" in told and not (_is_number(parsed.answer_key) and _is_number(wanted)):
            return cannot_say(str(told["unclear"]))
        return wrong(f"the answer is {parsed.answer_key}, not {wanted}")

    async def close(self) -> None:
        """End the process."""
        worker, self._worker = self._worker, None
        if worker is not None:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()
            assert worker.stdin is not None and worker.stdout is not None
            worker.stdin.close()
            await worker.stdout.read()
            await worker.wait()

    async def _ask(self, question: dict[str, str]) -> dict[str, Any]:
        async with self._turn:
            try:
                worker = self._worker or await self._start()
                async with asyncio.timeout(self._seconds):
                    return await _exchange(worker, question)
            except TimeoutError:
                reason = f"the comparison took more than {self._seconds:g} s"
            except (OSError, ValueError) as error:
                reason = f"the process of math-verify failed: {error}"
            except asyncio.CancelledError:
                # Its answer would be taken for the answer to the next question.
                await asyncio.shield(self.close())
                raise
            await self.close()
            return {"unclear": reason}

    async def _start(self) -> Process:
        command = (sys.executable, "-m", "memreward_trainer.verifiers.math_worker")
        self._worker = worker = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, start_new_session=True
        )
        async with asyncio.timeout(START_SECONDS):
            if not (await _line(worker)).get("ready"):
                raise ValueError("it did not start; is math-verify installed (extra trainer)?")
        return worker


def _is_number(key: str) -> bool:
    return re.fullmatch(r"-?\d+(/\d+)?", key) is not None


async def _exchange(worker: Process, question: dict[str, str]) -> dict[str, Any]:
    assert worker.stdin is not None
    worker.stdin.write(json.dumps(question).encode() + b"\n")
    await worker.stdin.drain()
    return await _line(worker)


async def _line(worker: Process) -> dict[str, Any]:
    assert worker.stdout is not None
    line = await worker.stdout.readline()
    if not line:
        raise ValueError("it ended; is math-verify installed (extra trainer)?")
    found = json.loads(line)
    if not isinstance(found, dict):
        raise ValueError("it wrote no object")
    return found
