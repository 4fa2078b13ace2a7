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
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from memreward_trainer.sandbox.answers import Answer, AnswerKind, ScriptEnd, answer_of
from memreward_trainer.sandbox.isolation import (
    STRONGEST_FIRST,
    Isolation,
    SandboxUnavailable,
    confinement_plan,
    isolated_command,
    missing_part,
)
from memreward_trainer.sandbox.launch import INTERPRETER, python_command
from memreward_trainer.sandbox.limits import Limits
from memreward_trainer.sandbox.process import OutputTooLarge, ProcessEnded, SandboxProcess, TimeUp
from memreward_trainer.sandbox.script_runner import UNCONFINED

MESSAGE_BYTES = 16_384
"""Room for what is not the value in one line of a process."""

log = logging.getLogger(__name__)


class Program(Protocol):
    """A program that was loaded."""

    functions: frozenset[str]
    """Names that can be called; empty where loading failed."""
    failure: Answer | None
    """How loading failed; then there is nothing to call."""

    async def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any] = ...) -> Answer:
        """Call a function with encoded arguments (literals.py). After ENDED every call is ENDED."""
        ...

    async def call_rows(self, name: str, rows: Sequence[Sequence[Any]], most_late: int) -> list[Answer]:
        """Call one function with many rows of arguments; after `most_late` time-outs the others count as timed out."""
        ...


class Sandbox(Protocol):
    """Where programs run. Both methods raise SandboxUnavailable where none can be run."""

    limits: Limits

    def program(
        self, source: str, prelude: str = "", limits: Limits | None = None
    ) -> AbstractAsyncContextManager[Program]:
        """Load `source`, after the code `prelude` in the same namespace; `limits` in place of the sandbox's own."""
        ...

    async def run_script(self, source: str, stdin: str) -> ScriptEnd:
        """Run `source` as a script on the text `stdin`."""
        ...


class LocalSandbox:
    """Programs in processes of this machine, at most `concurrency` at once."""

    def __init__(
        self,
        isolation: Isolation = Isolation.AUTO,
        limits: Limits | None = None,
        *,
        allow_limits: bool = False,
        concurrency: int | None = None,
        packages: Sequence[str] = (),
    ) -> None:
        """`allow_limits`: accept an isolation without a wall around files; `packages`: folders to import from."""
        self.limits = limits or Limits()
        self.isolation: Isolation | None = None
        """The isolation in use, known after `prepare` or the first program."""
        self._wanted, self._allow_limits, self._packages = isolation, allow_limits, tuple(packages)
        self._permits = asyncio.Semaphore(concurrency or os.cpu_count() or 1)
        self._choosing = asyncio.Lock()

    async def prepare(self) -> Isolation:
        """Choose the isolation by trying it. Raises SandboxUnavailable with the reason of every one that failed."""
        async with self._choosing:
            if self.isolation is None:
                self.isolation = await self._working_isolation()
                if self.isolation is Isolation.LIMITS:
                    log.warning(
                        "Model-written programs run WITHOUT A WALL AROUND FILES: they can read what this user can read,"
                        " for example tests and keys, and unless the trainer is root also its memory. Install"
                        " bubblewrap, or use a kernel with user namespaces or Landlock."
                    )
        return self.isolation

    @asynccontextmanager
    async def program(self, source: str, prelude: str = "", limits: Limits | None = None) -> AsyncIterator[Program]:
        """Load `source` in a process of its own; it is killed when the context is left."""
        isolation = await self.prepare()
        async with self._permits, self._loaded(isolation, source, prelude, limits or self.limits) as program:
            yield program

    async def run_script(self, source: str, stdin: str) -> ScriptEnd:
        """Run `source` as a script in a process of its own."""
        isolation = await self.prepare()
        async with self._permits, self._process("script_runner", isolation, self.limits, True) as (process, plan):
            try:
                await process.send({"plan": plan, "program": source, "stdin": stdin})
                output, errors, status = await process.finish()
            except OutputTooLarge:
                return ScriptEnd(AnswerKind.TOO_LARGE, message="printed too much")
            except TimeUp as error:
                return ScriptEnd(_time_up(error).kind, message=_time_up(error).message)
        if status == UNCONFINED and errors:
            raise SandboxUnavailable(f"The isolation {isolation} failed: {errors.decode(errors='replace')}.")
        if status < 0 or status > 128:
            return ScriptEnd(AnswerKind.ENDED, status=status, message=f"was stopped with status {status}")
        return ScriptEnd(AnswerKind.VALUE, output.decode(errors="replace"), status)

    async def _working_isolation(self) -> Isolation:
        wanted = STRONGEST_FIRST if self._wanted is Isolation.AUTO else (self._wanted,)
        reasons = []
        for isolation in wanted:
            if isolation is Isolation.LIMITS and not self._allow_limits:
                reasons.append("limits: It has no wall around files, and allow_limits is False.")
                continue
            reason = missing_part(isolation) or await self._trial(isolation)
            if reason is None:
                return isolation
            reasons.append(f"{isolation}: {reason}")
        raise SandboxUnavailable("Model-written programs cannot be isolated here. " + " ".join(reasons))

    async def _trial(self, isolation: Isolation) -> str | None:
        """Why `isolation` does not work here, as a sentence, found by running a program in it."""
        try:
            async with self._loaded(isolation, "import colorsys\ndef two():\n    return 2", "", self.limits) as program:
                answer = await program.call("two", [])
        except SandboxUnavailable as error:
            return str(error)
        if answer.exception == "ModuleNotFoundError":
            return (
                f"The user that root becomes cannot read the library of {INTERPRETER}: use a Python that every user can"
                " read, or do not run as root."
            )
        return None if answer.encoded == 2 else f"A trial program {answer.message or 'gave a wrong answer'}."

    @asynccontextmanager
    async def _loaded(self, isolation: Isolation, source: str, prelude: str, limits: Limits) -> AsyncIterator[Program]:
        async with self._process("function_server", isolation, limits) as (process, plan):
            program = _LocalProgram(process, limits.output_bytes)
            job = {"plan": plan, "program": source, "prelude": prelude, "call_seconds": limits.call_seconds}
            await program.load(isolation, job)
            yield program

    @asynccontextmanager
    async def _process(
        self, main: str, isolation: Isolation, limits: Limits, errors: bool = False
    ) -> AsyncIterator[tuple[SandboxProcess, dict[str, Any]]]:
        command = isolated_command(isolation, python_command(main, self._packages), limits, self._packages)
        with _empty_folder() as folder:
            plan = confinement_plan(isolation, limits, self._packages, folder)
            try:
                process = SandboxProcess(command, limits.output_bytes + MESSAGE_BYTES, limits.wall_seconds, errors)
                async with process:
                    yield process, plan
            except FileNotFoundError as error:
                raise SandboxUnavailable(f"No process could be started: {error}.") from error


class _LocalProgram:
    """A program in a process of function_server.py."""

    def __init__(self, process: SandboxProcess, most_chars: int) -> None:
        self._process, self._most_chars = process, most_chars
        self.functions: frozenset[str] = frozenset()
        self.failure: Answer | None = None

    async def load(self, isolation: Isolation, job: dict[str, Any]) -> None:
        """Send the program. Raises SandboxUnavailable where the process could not be confined."""
        reply = await self._exchange(job)
        if isinstance(reply, Answer):
            self.failure = reply
        elif "unconfined" in reply:
            raise SandboxUnavailable(f"The isolation {isolation} does not work here: {reply['unconfined']}.")
        elif isinstance(names := reply.get("ready"), list):
            self.functions = frozenset(name for name in names if isinstance(name, str))
        else:
            self.failure = answer_of(reply)

    async def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> Answer:
        if self.failure is not None:
            return self.failure
        reply = await self._exchange({"call": name, "args": list(args), "kwargs": dict(kwargs or {})})
        if isinstance(reply, dict):
            return answer_of(reply)
        self.failure = reply
        return reply

    async def call_rows(self, name: str, rows: Sequence[Sequence[Any]], most_late: int) -> list[Answer]:
        if self.failure is not None or not rows:
            return [self.failure] * len(rows) if self.failure is not None else []
        request = {
            "call": name,
            "rows": list(rows),
            "most_late": most_late,
            "most_chars": self._most_chars // len(rows),
        }
        reply = await self._exchange(request)
        if isinstance(reply, dict):
            answers = reply.get("rows")
            if isinstance(answers, list) and len(answers) == len(rows):
                return [answer_of(answer) if isinstance(answer, dict) else answer_of({}) for answer in answers]
            reply = answer_of({})
        self.failure = reply
        return [reply] * len(rows)

    async def _exchange(self, message: dict[str, Any]) -> dict[str, Any] | Answer:
        """One line out, one in; an Answer where the process can give no other line after this."""
        try:
            await self._process.send(message)
            return await self._process.receive()
        except ProcessEnded as error:
            return Answer(AnswerKind.ENDED, message=str(error))
        except OutputTooLarge:
            return Answer(AnswerKind.ENDED, message="returned a value that is too large")
        except TimeUp as error:
            return _time_up(error)
        except ValueError as error:
            return Answer(AnswerKind.ENDED, message=f"broke the protocol of the sandbox: {error}")


@contextmanager
def _empty_folder() -> Iterator[str]:
    """A folder that nobody can write into."""
    with tempfile.TemporaryDirectory(prefix="memreward-sandbox-") as folder:
        Path(folder).chmod(0o555)
        yield folder


def _time_up(error: TimeUp) -> Answer:
    if error.starved:
        return Answer(AnswerKind.UNDECIDED, message="was kept from the processor: the machine is overloaded")
    return Answer(AnswerKind.ENDED, message="gave no answer in time")
