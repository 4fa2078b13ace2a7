"""A program is right when it passes the tests of its query.

Two processes: the program, isolated in the sandbox, and the tests, which are trusted, in another one
(sandbox/inside/test_runner.py). This module carries calls and answers between them; a verdict comes from the
tests' process.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
from typing import Any

from memreward_proto.records import Domain, Query, Rollout
from memreward_service.answers.reading import read_rollout
from memreward_trainer.sandbox.answers import Answer, AnswerKind
from memreward_trainer.sandbox.isolation import SandboxUnavailable
from memreward_trainer.sandbox.launch import python_command
from memreward_trainer.sandbox.limits import Limits
from memreward_trainer.sandbox.process import OutputTooLarge, ProcessEnded, SandboxProcess, TimeUp
from memreward_trainer.sandbox.program import Program
from memreward_trainer.sandbox.query_code import QueryCode, query_code
from memreward_trainer.sandbox.sandbox import Sandbox
from memreward_trainer.verifiers.verdicts import Attempt, Verdict, cannot_say, right, wrong

TEST_MEMORY_BYTES = 2 * 2**30
"""Address space of the tests' process."""
MOST_CALL_BYTES = 16 * 2**20
"""Length of one line of the tests' process: the arguments of a call."""

log = logging.getLogger(__name__)


class CodeVerifier:
    """Runs tests of functions (HumanEval's `check(candidate)`, plain assertions) and tests of scripts."""

    def __init__(self, sandbox: Sandbox, seconds: float = 60.0) -> None:
        """`seconds`: time for all tests of one program, the wait for the sandbox aside."""
        self._sandbox, self._seconds = sandbox, seconds

    async def verify(self, attempt: Attempt) -> Verdict:
        """Right when all tests pass; cannot say without tests, or where they or the sandbox fail by themselves."""
        if not attempt.tests:
            return cannot_say("the query has no tests")
        program = python_program(attempt.response, attempt.answer)
        if not program.strip():
            return wrong("the response has no program")
        scripts = [pair for test in attempt.tests for pair in script_tests(test)]
        try:
            if scripts:
                return await self._scripts(program, scripts)
            return await self._functions(program, query_code(attempt.query), attempt.tests)
        except (SandboxUnavailable, OSError) as error:
            log.warning("A program could not be verified: %s", error)
            return cannot_say(f"the sandbox failed: {error}")

    async def _scripts(self, program: str, tests: list[tuple[str, str]]) -> Verdict:
        left = self._seconds
        for number, (given, expected) in enumerate(tests, 1):
            limits = self._sandbox.limits
            used = dataclasses.replace(limits, wall_seconds=min(limits.wall_seconds, left))
            end = await self._sandbox.run_script(program, given, used)
            left -= end.seconds
            if left <= 0:
                return cannot_say(f"the tests took more than {self._seconds:g} s")
            if end.kind is AnswerKind.UNDECIDED:
                return cannot_say(f"test {number}: the program {end.message}")
            if end.kind is not AnswerKind.VALUE:
                return wrong(f"test {number}: the program {end.message}")
            if end.status != 0:
                return wrong(f"test {number}: the program ended with status {end.status}")
            if _lines(end.output) != _lines(expected):
                return wrong(f"test {number}: the program printed something else")
        return right(f"it passed {len(tests)} tests")

    async def _functions(self, source: str, code: QueryCode, tests: tuple[str, ...]) -> Verdict:
        async with self._sandbox.program(source, code.given) as program:
            if (failure := program.failure) is not None:
                reason = f"the program {failure.message}"
                return cannot_say(reason) if failure.kind is AnswerKind.UNDECIDED else wrong(reason)
            limits, command = self._sandbox.limits, python_command("test_runner")
            async with SandboxProcess(command, MOST_CALL_BYTES, limits.wall_seconds) as runner:
                try:
                    async with asyncio.timeout(self._seconds):
                        await runner.send(_test_job(limits, program, code, tests))
                        return await _carry(runner, program)
                except (TimeUp, TimeoutError):
                    return cannot_say("the tests did not end in time")
                except (ProcessEnded, OutputTooLarge, ValueError) as error:
                    return cannot_say(f"the tests failed by themselves: their process {error or 'wrote too much'}")


def python_program(response: str, answer: str | None = None) -> str:
    """The program in a response: its last fenced block, else the whole text; or the answer that was given."""
    return read_rollout(Query("", "", Domain.CODE), Rollout(response)).answer if answer is None else answer


def script_tests(test: str) -> list[tuple[str, str]]:
    """(stdin, stdout) of a test that is a JSON object: `input` and `output`, or lists `inputs` and `outputs`."""
    if not test.lstrip().startswith("{"):
        return []
    try:
        found: Any = json.loads(test)
    except ValueError:
        return []
    inputs, outputs = found.get("inputs", [found.get("input")]), found.get("outputs", [found.get("output")])
    pairs = list(zip(inputs, outputs, strict=False))
    texts = all(isinstance(text, str) for pair in pairs for text in pair)
    return pairs if texts and len(inputs) == len(outputs) else []


async def _carry(runner: SandboxProcess, program: Program) -> Verdict:
    """Carry calls and answers until the tests have their verdict."""
    while "verdict" not in (message := await runner.receive()):
        answer = await program.call(message["call"], message["args"], message["kwargs"])
        if answer.kind is AnswerKind.UNDECIDED:
            return cannot_say(f"the program {answer.message}")
        await runner.send(_reply(answer))
    verdict, reason = message["verdict"], message["reason"]
    if verdict == "passed":
        return right(reason)
    return wrong(reason) if verdict == "failed" else cannot_say(reason)


def _reply(answer: Answer) -> dict[str, Any]:
    """An answer of the program as the tests' process takes it."""
    match answer.kind:
        case AnswerKind.VALUE:
            return {"value": answer.encoded} | ({"args": answer.arguments} if answer.arguments is not None else {})
        case AnswerKind.RAISED:
            return {"raised": answer.exception, "message": answer.detail}
        case _:
            return {"fault": f"the program {answer.message}"}


def _test_job(limits: Limits, program: Program, code: QueryCode, tests: tuple[str, ...]) -> dict[str, Any]:
    return {
        "plan": dataclasses.asdict(limits) | {"memory_bytes": TEST_MEMORY_BYTES},
        "tests": list(tests),
        "query_code": code.given,
        "functions": sorted(program.functions),
        "expected": list(code.asked_names),
        "entry_point": code.entry_point,
    }


def _lines(text: str) -> list[str]:
    """The lines of an output without what cannot be seen: spaces at their ends, blank lines at the end."""
    return [line.rstrip() for line in text.rstrip().splitlines()]
