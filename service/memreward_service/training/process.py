"""A training in a process of its own (worker.py): what it costs and how it ends is not the service's fate."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

from memreward_proto.errors import Internal, MemRewardError, NotEnoughLabels
from memreward_service.training.comparison import Served
from memreward_service.training.exchange import (
    Candidate,
    Order,
    candidate_of,
    order_message,
    receive,
    send,
)
from memreward_service.training.task import TrainingSet

COMMAND = (sys.executable, "-m", "memreward_service.training.worker")


class TrainingProcess:
    """One training. `run` blocks a thread; any thread may call `stop`."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def run(self, order: Order, data: TrainingSet, served: Served, progress: Callable[[float], None]) -> Candidate:
        """Train, and compare with what is served. `progress` hears the share done in [0, 1] and may raise to stop.

        Raises NotEnoughLabels, and Internal where the process failed or was ended.
        """
        line, arrays = order_message(order, data, served)
        process = self._begun(order.threads)
        try:
            assert process.stdin is not None
            try:
                send(process.stdin, line, arrays)
            except OSError:
                raise Internal(_ended(process.wait())) from None
            return _candidate(process, progress)
        finally:
            process.kill()
            _close(process)

    def stop(self) -> None:
        """End the process now, if there is one; `run` raises Internal then."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                self._process.kill()

    def _begun(self, threads: int) -> subprocess.Popen[bytes]:
        path = os.pathsep.join(path for path in sys.path if path)
        with self._lock:
            if self._stopped:
                raise Internal("The training was stopped before it began.")
            self._process = subprocess.Popen(
                COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
                env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": str(threads)},
            )  # fmt: skip
            return self._process


def _candidate(process: subprocess.Popen[bytes], progress: Callable[[float], None]) -> Candidate:
    """What the process says at last."""
    assert process.stdout is not None
    while (message := receive(process.stdout)) is not None:
        line, _ = message
        if "progress" in line:
            progress(line["progress"])
        elif "code" in line:
            raise _error(line)
        else:
            return candidate_of(message)
    raise Internal(_ended(process.wait()))


def _error(line: dict[str, Any]) -> MemRewardError:
    kind = NotEnoughLabels if line["code"] == NotEnoughLabels.code else Internal
    return kind(line["message"], **line["details"])


def _ended(code: int) -> str:
    """Why there is no model, from the exit status of a process."""
    if code == -signal.SIGKILL:
        return (
            "The training process was killed (SIGKILL), mostly because memory was out: give the service more of it, or "
            "lower MEMREWARD_TRAINING_QUERIES. Nothing else was harmed; the model before it goes on."
        )
    how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
    return f"The training process ended {how} and made no model; the log of the service has what it wrote."


def _close(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        try:
            pipe.close()
        except OSError:  # what was not yet written to a process that ended
            continue
    process.wait()
