"""Runs model-written Python programs where they can do no harm. READ FIRST.

    sandbox = LocalSandbox()
    async with sandbox.program("def double(x):\\n    return 2 * x") as program:
        answer = await program.call("double", [encode(21)])
        answer.value   # 42

A program is loaded once, in a process of its own, and its functions are called as often as one likes; when the context
is left, the process is killed. `run_script` runs a program that reads its standard input and prints.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any, Protocol

from memreward_trainer.sandbox.answers import Answer, AnswerKind, ScriptEnd
from memreward_trainer.sandbox.inside.script_runner import UNCONFINED
from memreward_trainer.sandbox.isolation import (
    STRONGEST_FIRST,
    Isolation,
    SandboxUnavailable,
    confinement_plan,
    isolated_command,
    missing_part,
)
from memreward_trainer.sandbox.launch import python_command
from memreward_trainer.sandbox.limits import Limits
from memreward_trainer.sandbox.process import OutputTooLarge, ProcessEnded, SandboxProcess, TimeUp
from memreward_trainer.sandbox.program import Program, program_job

MESSAGE_BYTES = 16_384
"""Room for what is not the value in one line of a process."""


class Sandbox(Protocol):
    """Where programs run. Both methods raise SandboxUnavailable where none can be run."""

    limits: Limits

    def program(
        self, source: str, prelude: str = "", limits: Limits | None = None
    ) -> AbstractAsyncContextManager[Program]:
        """Load `source`, after the code `prelude` in the same namespace; `limits` in place of the sandbox's own."""
        ...

    async def run_script(self, source: str, stdin: str, limits: Limits | None = None) -> ScriptEnd:
        """Run `source` as a script on the text `stdin`."""
        ...


class LocalSandbox:
    """Programs in processes of this machine, at most `concurrency` at once."""

    def __init__(
        self, isolation: Isolation = Isolation.AUTO, limits: Limits | None = None, *, concurrency: int | None = None
    ) -> None:
        self.limits = limits or Limits()
        self.isolation: Isolation | None = None
        """The isolation in use, known after `prepare` or the first program."""
        self._wanted = isolation
        self._permits = asyncio.Semaphore(concurrency or os.cpu_count() or 1)
        self._choosing = asyncio.Lock()

    async def prepare(self) -> Isolation:
        """Choose the isolation by trying it. Raises SandboxUnavailable with the reason of every one that failed."""
        async with self._choosing:
            if self.isolation is None:
                self.isolation = await self._working_isolation()
        return self.isolation

    @asynccontextmanager
    async def program(self, source: str, prelude: str = "", limits: Limits | None = None) -> AsyncIterator[Program]:
        """Load `source` in a process of its own; it is killed when the context is left."""
        isolation = await self.prepare()
        async with self._permits, _loaded(isolation, source, prelude, limits or self.limits) as program:
            yield program

    async def run_script(self, source: str, stdin: str, limits: Limits | None = None) -> ScriptEnd:
        """Run `source` as a script in a process of its own."""
        isolation, used = await self.prepare(), limits or self.limits
        async with self._permits, _process("script_runner", isolation, used, errors=True) as process:
            end = await _script_end(process, {"plan": confinement_plan(isolation, used), "program": source}, stdin)
            return replace(end, seconds=process.seconds)

    async def _working_isolation(self) -> Isolation:
        wanted = STRONGEST_FIRST if self._wanted is Isolation.AUTO else (self._wanted,)
        reasons = []
        for isolation in wanted:
            reason = missing_part(isolation) or await _trial(isolation, self.limits)
            if reason is None:
                return isolation
            reasons.append(f"{isolation}: {reason}")
        raise SandboxUnavailable("Model-written programs cannot be isolated here. " + " ".join(reasons))


async def _trial(isolation: Isolation, limits: Limits) -> str | None:
    """Why `isolation` does not work here, as a sentence, found by running a program in it."""
    try:
        async with _loaded(isolation, "import colorsys\ndef two():\n    return 2", "", limits) as program:
            answer = await program.call("two", [])
    except SandboxUnavailable as error:
        return str(error)
    return None if answer.encoded == 2 else f"A trial program {answer.message or 'gave a wrong answer'}."


@asynccontextmanager
async def _loaded(isolation: Isolation, source: str, prelude: str, limits: Limits) -> AsyncIterator[Program]:
    async with _process("function_server", isolation, limits) as process:

        async def exchange(message: dict[str, Any]) -> dict[str, Any] | Answer:
            return await _exchanged(process, message)

        program = Program(exchange, limits)
        await program.load(program_job(confinement_plan(isolation, limits), source, prelude, limits))
        yield program


@asynccontextmanager
async def _process(
    main: str, isolation: Isolation, limits: Limits, *, errors: bool = False
) -> AsyncIterator[SandboxProcess]:
    command = isolated_command(isolation, python_command(main), limits)
    try:
        async with SandboxProcess(command, limits.output_bytes + MESSAGE_BYTES, limits.wall_seconds, errors) as process:
            yield process
    except FileNotFoundError as error:
        raise SandboxUnavailable(f"No process could be started: {error}.") from error


async def _exchanged(process: SandboxProcess, message: dict[str, Any]) -> dict[str, Any] | Answer:
    """One line out, one in; an Answer where the process can give no other line after this."""
    try:
        await process.send(message)
        return await process.receive()
    except ProcessEnded as error:
        return Answer(AnswerKind.ENDED, message=str(error))
    except OutputTooLarge:
        return Answer(AnswerKind.ENDED, message="returned a value that is too large")
    except TimeUp as error:
        return _time_up(error)
    except ValueError as error:
        return Answer(AnswerKind.ENDED, message=f"broke the protocol of the sandbox: {error}")


async def _script_end(process: SandboxProcess, job: dict[str, Any], stdin: str) -> ScriptEnd:
    try:
        await process.send(job | {"stdin": stdin})
        output, errors, status = await process.finish()
    except OutputTooLarge:
        return ScriptEnd(AnswerKind.TOO_LARGE, message="printed too much")
    except TimeUp as error:
        return ScriptEnd(_time_up(error).kind, message=_time_up(error).message)
    if status == UNCONFINED and errors:
        raise SandboxUnavailable(f"The isolation does not work here: {errors.decode(errors='replace')}.")
    if status < 0 or status > 128:
        return ScriptEnd(AnswerKind.ENDED, status=status, message=f"was stopped with status {status}")
    return ScriptEnd(AnswerKind.VALUE, output.decode(errors="replace"), status)


def _time_up(error: TimeUp) -> Answer:
    if error.starved:
        return Answer(AnswerKind.UNDECIDED, message="was kept from the processor: the machine is overloaded")
    return Answer(AnswerKind.ENDED, message="gave no answer in time")
