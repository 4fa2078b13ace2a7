"""A mathematical answer is right when it has the value of the reference answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from memreward_proto.records import Domain, Query, Rollout
from memreward_service.answers.math_values import math_key
from memreward_service.answers.reading import read_rollout
from memreward_trainer.verifiers.verdicts import Attempt, Verdict, cannot_say, right, wrong

LONGEST_ANSWER = 1_000
"""Characters beyond which an answer is not given to math-verify."""
COMPARISON_SECONDS = 5.0
PROCESSES = max(2, min(4, os.cpu_count() or 1))
"""Comparisons that run at once: more than one, so that one that hangs holds up no other."""
START_SECONDS = 120.0
"""Time that a process of math-verify gets to import its libraries."""
WORKER = (sys.executable, "-m", "memreward_trainer.verifiers.math_worker")
"""The command of such a process."""


class MathVerifier:
    """Equal by the engine's answer key (answers/reading.py), else by math-verify in one of a few processes.

    A comparison that hangs costs its own process only. Use it as an async context manager, or call `close`.
    """

    def __init__(self, seconds: float = COMPARISON_SECONDS, processes: int = PROCESSES) -> None:
        """`seconds`: time for one comparison, from when it has a process; beyond it the verifier cannot say."""
        self._seconds = seconds
        self._places = asyncio.Semaphore(processes)
        self._idle: list[Process] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_reason: object) -> None:
        await self.close()

    async def verify(self, attempt: Attempt) -> Verdict:
        """Right or wrong by value; cannot say without a reference, or where the value of an answer is unclear."""
        if attempt.ground_truth is None or not (wanted := math_key(attempt.ground_truth)):
            return cannot_say("the query has no reference answer")
        parsed = read_rollout(Query("", "", Domain.MATH), Rollout(attempt.response, answer=attempt.answer))
        if parsed.answer_key is None:
            return wrong("the response gives no answer")
        if parsed.answer_key == wanted:
            return right(f"the answer is {wanted}")
        if len(parsed.answer) > LONGEST_ANSWER or len(attempt.ground_truth) > LONGEST_ANSWER:
            return cannot_say("the answer is too long to be compared")
        found = await self._ask({"truth": attempt.ground_truth, "answer": parsed.answer})
        if found.get("equal"):
            return right(f"the answer has the value {attempt.ground_truth}")
        # Two exact numbers that differ need no library to say so.
        if "unclear" in found and not (_is_number(parsed.answer_key) and _is_number(wanted)):
            return cannot_say(str(found["unclear"]))
        return wrong(f"the answer is {parsed.answer_key}, not {wanted}")

    async def close(self) -> None:
        """End the processes, when no comparison is under way."""
        while self._idle:
            await _end(self._idle.pop())

    async def _ask(self, question: dict[str, str]) -> dict[str, Any]:
        async with self._places:
            try:
                process = self._idle.pop() if self._idle else await _start()
                async with _ended_if_it_fails(process), asyncio.timeout(self._seconds):
                    answer = await _exchange(process, question)
            except TimeoutError:
                return {"unclear": f"the comparison took more than {self._seconds:g} s"}
            except (OSError, ValueError) as error:
                return {"unclear": f"the process of math-verify failed: {error}"}
            self._idle.append(process)
            return answer


async def _start() -> Process:
    """A process that is ready. Raises OSError or ValueError where there is none."""
    process = await asyncio.create_subprocess_exec(
        *WORKER, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, start_new_session=True
    )
    async with _ended_if_it_fails(process):
        try:
            async with asyncio.timeout(START_SECONDS):
                await _line(process)
        except TimeoutError:
            raise ValueError(f"it did not start in {START_SECONDS:g} s") from None
    return process


@asynccontextmanager
async def _ended_if_it_fails(process: Process) -> AsyncIterator[None]:
    """Also where the caller is cancelled: a late answer would be taken for the answer to the next question."""
    try:
        yield
    except BaseException:
        await asyncio.shield(_end(process))
        raise


async def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    await process.stdout.read()
    await process.wait()


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
