"""One process of the sandbox, seen from outside: JSON lines in and out, a clock, and an end that leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from memreward_trainer.sandbox.launch import ENVIRONMENT

STARVED_SHARE = 0.25
"""Share of the waiting time in which a process stood in the queue for a processor, from which the machine is to blame
for a time-out and not the program."""


class ProcessEnded(Exception):
    """The process gave no answer because it ended: how, as a phrase."""


class OutputTooLarge(Exception):
    """The process wrote a line longer than it may."""


class TimeUp(Exception):
    """The process gave no answer in time. `starved`: it was kept from the processor, so this says nothing about it."""

    def __init__(self, starved: bool) -> None:
        super().__init__("no answer in time")
        self.starved = starved


class SandboxProcess:
    """A process that is killed, with all that it started, when the context is left."""

    def __init__(self, command: Sequence[str], most_output: int, wall_seconds: float, errors: bool = False) -> None:
        """`most_output`: bytes of one line; `wall_seconds`: waited for it in all; `errors`: read its stderr too."""
        self._command, self._most_output, self._errors = command, most_output, errors
        self._wall_seconds = self._seconds_left = wall_seconds
        self._process: Process

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE if self._errors else DEVNULL,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            limit=self._most_output,
        )
        return self

    async def __aexit__(self, *_reason: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if self._process.stdin is not None:
            self._process.stdin.close()
        # Also when the caller is cancelled: a process that was killed ends at once.
        await asyncio.shield(self._drained())

    @property
    def seconds(self) -> float:
        """How long it was waited for so far."""
        return self._wall_seconds - self._seconds_left

    async def send(self, message: dict[str, Any]) -> None:
        """Write one line. A process that has ended is noticed by `receive`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            await self._timed(self._process.stdin.drain())

    async def receive(self) -> dict[str, Any]:
        """The next line. Raises ProcessEnded, OutputTooLarge or TimeUp; ValueError where it is no JSON object."""
        assert self._process.stdout is not None
        try:
            line = await self._timed(self._process.stdout.readline())
        except ValueError:
            raise OutputTooLarge from None
        if not line.endswith(b"\n"):
            raise ProcessEnded(await self._end())
        try:
            message = json.loads(line)
        except RecursionError:
            raise ValueError("a message is too deep") from None
        if not isinstance(message, dict):
            raise ValueError("a message is no object")
        return message

    async def finish(self) -> tuple[bytes, bytes, int]:
        """All that it still writes, its errors, and its exit status. Raises OutputTooLarge or TimeUp."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        written = bytearray()
        while block := await self._timed(self._process.stdout.read(65_536)):
            written += block
            if len(written) > self._most_output:
                raise OutputTooLarge
        errors = await self._timed(self._process.stderr.read(10_000)) if self._process.stderr is not None else b""
        return bytes(written), errors, await self._timed(self._process.wait())

    async def _drained(self) -> None:
        """Wait for the end; what is still in the pipes is read, because they close only when they are empty."""
        for stream in (self._process.stdout, self._process.stderr):
            while stream is not None and await stream.read(65_536):
                pass
        await self._process.wait()

    async def _timed(self, waiting: Any) -> Any:
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            async with asyncio.timeout(max(0.0, self._seconds_left)):
                return await waiting
        except TimeoutError:
            raise TimeUp(_queued_seconds(self._process.pid) > STARVED_SHARE * self._wall_seconds) from None
        finally:
            self._seconds_left -= loop.time() - start

    async def _end(self) -> str:
        status = await self._timed(self._process.wait())
        if status > 128:  # as a shell, and bwrap, report a signal
            status = 128 - status
        if status >= 0:
            return f"ended by itself with status {status}"
        if -status in (signal.SIGXCPU, signal.SIGKILL):
            return "used up its processor time"
        return f"ended by the signal {signal.Signals(-status).name}"


def _queued_seconds(root: int) -> float:
    """Seconds that `root` and its descendants have waited for a processor, as Linux counts them; else 0."""
    parents: dict[int, int] = {}
    waited: dict[int, float] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            waited[int(entry.name)] = int((entry / "schedstat").read_text().split()[1]) / 1e9
    total = 0.0
    for process in waited:
        ancestor = process
        while ancestor not in (root, 0):
            ancestor = parents.get(ancestor, 0)
        total += waited[process] if ancestor == root else 0.0
    return total
