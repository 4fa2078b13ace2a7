"""A few processes that read expressions (worker.py), shared by all threads.

They start at the first question or at `start`, and end with this process, at `close`, or when a question takes too
long. A process that ended is replaced. A fork of this process begins with none.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import math
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

PROCESSES = max(2, min(4, os.cpu_count() or 1))
SECONDS = 2.0
"""Time of the processor for one question."""
PATIENCE = 5.0
"""As many times that of the clock: a busy machine may take it."""
START_SECONDS = 120.0
"""Time to import the libraries."""
RETRY_SECONDS = 10.0
"""After a process that did not start no other is tried for this time."""
WORKER = (sys.executable, "-m", "memreward_service.answers.mathematics.worker")
"""The command of a process; the id of the parent and the seconds follow."""

Question = Sequence[str | bool]
LATE: dict[str, Any] = {"late": True}


class Pool:
    """Answers questions, each in a process of its own while it lasts. Thread-safe."""

    def __init__(self, processes: int = PROCESSES, seconds: float = SECONDS) -> None:
        self._processes = processes
        self._seconds = seconds
        self._not_before = 0.0
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None
        self._idle: list[subprocess.Popen[bytes]] = []
        self._busy: set[subprocess.Popen[bytes]] = set()
        self._starting: set[subprocess.Popen[bytes]] = set()
        atexit.register(self.close)
        os.register_at_fork(after_in_child=self._forget)

    def start(self) -> None:
        """Start every process in the background."""
        for _ in range(self._processes):
            self._threads().submit(self._warm)

    def ask(self, question: Question, seconds: float | None = None) -> dict[str, Any]:
        """The answer of a process, {"late": true} where it takes too long, {"reason": text, "failed": true} where there
        is no process.

        `seconds`: time of the clock for the question, from when it has a process.
        """
        return self._threads().submit(self._ask, question, None, seconds).result()

    def ask_all(self, questions: Sequence[Question], until: float | None = None) -> list[dict[str, Any]]:
        """The answers, in order. Questions that have not begun when time.monotonic() is `until` are late."""
        threads = self._threads()
        waiting = [threads.submit(self._ask, question, until) for question in questions]
        return [one.result() for one in waiting]

    def close(self) -> None:
        """End the processes, those that still start at once. The next question starts new ones."""
        with self._lock:
            executor, self._executor = self._executor, None
        self._not_before = math.inf  # no other one starts
        for process in tuple(self._starting):
            process.kill()
        if executor is not None:
            executor.shutdown()
        while self._idle:
            _end(self._idle.pop())
        self._not_before = 0.0

    def _forget(self) -> None:
        """In a forked process: let go of what belongs to the parent."""
        for process in [*self._idle, *self._busy, *self._starting]:
            assert process.stdin is not None and process.stdout is not None
            # Without this the processes would not see the end of their input.
            os.close(process.stdin.fileno())
            os.close(process.stdout.fileno())
            # They are the parent's to wait for.
            process.returncode = 0
        self._lock = threading.Lock()
        self._executor, self._idle, self._busy, self._starting = None, [], set(), set()

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(self._processes, "mathematics")
            return self._executor

    def _warm(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._idle.append(self._new())

    def _new(self) -> subprocess.Popen[bytes]:
        if time.monotonic() < self._not_before:
            raise ValueError("it did not start a moment ago")
        try:
            process = _begun(self._seconds)
            self._starting.add(process)
            try:
                return _ready(process)
            finally:
                self._starting.discard(process)
        except (OSError, ValueError):
            self._not_before = max(self._not_before, time.monotonic() + RETRY_SECONDS)
            raise

    def _ask(self, question: Question, until: float | None, seconds: float | None = None) -> dict[str, Any]:
        if until is not None and time.monotonic() > until:
            return LATE
        try:
            # A process may have died while it waited: then a new one is asked.
            return (
                self._exchange(question, seconds)
                or self._exchange(question, seconds)
                or {"reason": "the process ended", "failed": True}
            )
        except (OSError, ValueError) as error:
            return {"reason": f"the process failed: {error}", "failed": True}

    def _exchange(self, question: Question, seconds: float | None) -> dict[str, Any] | None:
        try:
            process = self._idle.pop()
        except IndexError:
            process = self._new()
        self._busy.add(process)
        answer = _answer(process, question, seconds or self._seconds * PATIENCE)
        self._busy.discard(process)
        if answer is None or answer is LATE:
            _end(process)
        else:
            self._idle.append(process)
        return answer


def _begun(seconds: float) -> subprocess.Popen[bytes]:
    """A process that imports the libraries. Raises OSError."""
    return subprocess.Popen(
        [*WORKER, str(os.getpid()), str(seconds)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )  # fmt: skip


def _ready(process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """The process, once it can be asked. Raises ValueError."""
    if not (_line(process, START_SECONDS) or {}).get("ready"):
        _end(process)
        raise ValueError("it did not start; is latex2sympy2_extended installed (extra service)?")
    return process


def _answer(process: subprocess.Popen[bytes], question: Question, seconds: float) -> dict[str, Any] | None:
    """What the process answers; LATE after `seconds`; None where it ended."""
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(list(question)).encode() + b"\n")
        process.stdin.flush()
    except OSError:
        return None
    return _line(process, seconds)


def _line(process: subprocess.Popen[bytes], seconds: float) -> dict[str, Any] | None:
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], seconds)[0]:
        return LATE
    line = process.stdout.readline()
    found = json.loads(line) if line.endswith(b"\n") else None
    return found if isinstance(found, dict) else None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        with contextlib.suppress(OSError):
            pipe.close()
    process.wait()


shared = Pool()
"""The pool of this process."""
