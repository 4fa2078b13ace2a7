"""A program is right when it passes the tests of its query.

Two processes: the program, isolated in the sandbox, and the tests, which are trusted, in another one
(sandbox/inside/test_runner.py). This module carries calls and answers between them; a verdict comes from the
tests' process.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

from memreward_proto.records import Domain, Query, Rollout
from memreward_service.answers import programs
from memreward_service.answers.reading import Reading, read_rollout
from memreward_trainer.sandbox.answers import Answer, AnswerKind
from memreward_trainer.sandbox.inside.literals import TooLarge, decode, encode
from memreward_trainer.sandbox.inside.test_runner import SOLUTION
from memreward_trainer.sandbox.isolation import SandboxUnavailable
from memreward_trainer.sandbox.launch import python_command
from memreward_trainer.sandbox.limits import Limits
from memreward_trainer.sandbox.process import OutputTooLarge, ProcessEnded, SandboxProcess, TimeUp
from memreward_trainer.sandbox.program import Program
from memreward_trainer.sandbox.query_code import QueryCode, query_code
from memreward_trainer.sandbox.sandbox import Sandbox
from memreward_trainer.verifiers.comparisons import Match, same_output, same_value
from memreward_trainer.verifiers.program_tests import (
    CallTest,
    NotUnderstood,
    ProgramTest,
    ScriptTest,
    SourceTest,
    read_tests,
)
from memreward_trainer.verifiers.verdicts import Attempt, Ruling, Verdict, cannot_say, right, wrong

TEST_MEMORY_BYTES = 2 * 2**30
"""Address space of the tests' process."""
MOST_CALL_BYTES = 16 * 2**20
"""Length of one line of the tests' process: the arguments of a call."""

log = logging.getLogger(__name__)


class CodeVerifier:
    """Runs tests of functions and of scripts, in the formats of program_tests.py."""

    def __init__(self, sandbox: Sandbox, seconds: float = 60.0) -> None:
        """`seconds`: time for all tests of one program, the wait for the sandbox aside."""
        self._sandbox, self._seconds = sandbox, seconds

    async def verify(self, attempt: Attempt) -> Verdict:
        """Right when all tests pass; cannot say without tests that are understood, for a program in another language
        than Python, and where the tests or the sandbox fail by themselves."""
        if not attempt.tests:
            return cannot_say("the query has no tests")
        found = program_reading(attempt.query, attempt.response, attempt.answer)
        if not found.answer.strip():
            return wrong("the response has no program")
        if found.language not in ("", "python"):
            return cannot_say(f"the program is in {found.language}, and only Python is run")
        if programs.is_body(found.answer):
            return cannot_say("the response has the body of a function that fits no signature in its query")
        try:
            tests = read_tests(attempt.tests)
        except NotUnderstood as error:
            return cannot_say(f"the tests are not understood: {error}")
        try:
            return await self._verdict(found.answer, attempt.query, tests)
        except (SandboxUnavailable, OSError) as error:
            log.warning("A program could not be verified: %s", error)
            return cannot_say(f"the sandbox failed: {error}")

    async def _verdict(self, program: str, query: str, tests: Sequence[ProgramTest]) -> Verdict:
        """The first verdict that is not right, over the kinds of tests."""
        sources = [test for test in tests if isinstance(test, SourceTest)]
        calls = [test for test in tests if isinstance(test, CallTest)]
        scripts = [test for test in tests if isinstance(test, ScriptTest)]
        verdict = right(f"it passed {len(tests)} tests")
        if sources:
            verdict = await self._sources(program, query, sources)
        if calls and verdict.ruling is Ruling.RIGHT:
            verdict = await self._calls(program, query, calls)
        if scripts and verdict.ruling is Ruling.RIGHT:
            verdict = await self._scripts(program, scripts)
        return verdict

    async def _scripts(self, program: str, tests: Sequence[ScriptTest]) -> Verdict:
        left, unclear = self._seconds, ""
        for number, test in enumerate(tests, 1):
            limits = self._sandbox.limits
            used = dataclasses.replace(limits, wall_seconds=min(limits.wall_seconds, left))
            end = await self._sandbox.run_script(program, test.stdin, used)
            left -= end.seconds
            if left <= 0:
                return cannot_say(f"the tests took more than {self._seconds:g} s")
            if end.kind is AnswerKind.UNDECIDED:
                return cannot_say(f"test {number}: the program {end.message}")
            if end.kind is not AnswerKind.VALUE:
                return wrong(f"test {number}: the program {end.message}")
            if end.status != 0:
                return wrong(f"test {number}: the program ended with status {end.status}")
            match = same_output(end.output, test.stdout)
            if match is Match.DIFFERENT:
                return wrong(f"test {number}: the program printed something else")
            if match is Match.UNCLEAR:
                unclear = f"test {number}: what the program printed differs in its spaces or last digits"
        return cannot_say(unclear) if unclear else right(f"it passed {len(tests)} tests")

    async def _calls(self, source: str, query: str, tests: Sequence[CallTest]) -> Verdict:
        code, unclear = query_code(query), ""
        async with self._sandbox.program(source, code.given) as program:
            if (failure := program.failure) is not None:
                return _ended(failure)
            try:
                async with asyncio.timeout(self._seconds):
                    for number, test in enumerate(tests, 1):
                        name = test.name or _entry_point(code, query, program)
                        if name is None:
                            return cannot_say("the tests do not name the function that they call")
                        if not _has(program, name):
                            return wrong(f"the program does not define {name}")
                        match, reason = await _called(program, name, test)
                        if match is Match.DIFFERENT:
                            return wrong(f"test {number}: {reason}")
                        if match is Match.UNCLEAR:
                            unclear = f"test {number}: {reason}"
            except TimeoutError:
                return cannot_say("the tests did not end in time")
        return cannot_say(unclear) if unclear else right(f"it passed {len(tests)} tests")

    async def _sources(self, source: str, query: str, tests: Sequence[SourceTest]) -> Verdict:
        code = query_code(query)
        async with self._sandbox.program(source, code.given) as program:
            if (failure := program.failure) is not None:
                return _ended(failure)
            limits, command = self._sandbox.limits, python_command("test_runner")
            entry_point = next((test.entry_point for test in tests if test.entry_point), None)
            job = _test_job(limits, program, code, tests, entry_point or _entry_point(code, query, program))
            async with SandboxProcess(command, MOST_CALL_BYTES, limits.wall_seconds) as runner:
                try:
                    async with asyncio.timeout(self._seconds):
                        await runner.send(job)
                        return await _carry(runner, program)
                except (TimeUp, TimeoutError):
                    return cannot_say("the tests did not end in time")
                except (ProcessEnded, OutputTooLarge, ValueError) as error:
                    return cannot_say(f"the tests failed by themselves: their process {error or 'wrote too much'}")


def program_reading(query: str, response: str, answer: str | None = None) -> Reading:
    """How the program of a response is read, or of the answer that was given: `answer` is its source."""
    if answer is not None:
        found = programs.program(answer, query)
        return Reading("", found.answer, None, language=found.language)
    return read_rollout(Query(query, "", Domain.CODE), Rollout(response))


def _ended(failure: Answer) -> Verdict:
    """What the end of a program says that could not be loaded."""
    reason = f"the program {failure.message}"
    return cannot_say(reason) if failure.kind is AnswerKind.UNDECIDED else wrong(reason)


def _has(program: Program, name: str) -> bool:
    return name in program.functions or name in program.methods.get(SOLUTION, ())


def _entry_point(code: QueryCode, query: str, program: Program) -> str | None:
    """The function that tests call: the one that the query asks for, else the only one that the program has."""
    if code.entry_point is not None:
        return code.entry_point
    has = [*(program.functions - program.methods.keys()), *program.methods.get(SOLUTION, ())]
    named = [name for name in programs.asked(query).names if name in has]
    if named:
        return named[0]
    public = [name for name in has if not name.startswith("_")]
    return public[0] if len(public) == 1 else None


async def _called(program: Program, name: str, test: CallTest) -> tuple[Match, str]:
    """How a call ends beside what its test expects, and a reason where it is not that."""
    try:
        args, kwargs = [encode(item) for item in test.args], {key: encode(item) for key, item in test.kwargs.items()}
    except TooLarge:
        return Match.UNCLEAR, "it calls the program with a value that is too large"
    answer = await program.call(name, args, kwargs)
    if answer.kind is not AnswerKind.VALUE:
        match = Match.UNCLEAR if answer.kind is AnswerKind.UNDECIDED else Match.DIFFERENT
        return match, f"the program {answer.message}"
    try:
        found = [answer.value]
        if answer.encoded is None and answer.arguments:
            # Judges look at the argument of a function that returns nothing and changes it.
            found.append(decode(answer.arguments[0]))
    except ValueError as error:
        return Match.DIFFERENT, f"the answer is not understood: {error}"
    best = max(same_value(one, expected) for one in found for expected in test.expected)
    return best, f"{name} returned {'a value that is close' if best is Match.UNCLEAR else 'something else'}"


async def _carry(runner: SandboxProcess, program: Program) -> Verdict:
    """Carry calls and answers until the tests have their verdict."""
    while "verdict" not in (message := await runner.receive()):
        answer = await program.call(message["call"], message["args"], message["kwargs"], message["object"])
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


def _test_job(
    limits: Limits, program: Program, code: QueryCode, tests: Sequence[SourceTest], entry_point: str | None
) -> dict[str, Any]:
    return {
        "plan": dataclasses.asdict(limits) | {"memory_bytes": TEST_MEMORY_BYTES},
        "tests": [test.source for test in tests],
        "query_code": code.given,
        "functions": sorted(program.functions),
        "methods": {kind: list(names) for kind, names in program.methods.items()},
        "expected": list(code.asked_names),
        "entry_point": entry_point,
    }
