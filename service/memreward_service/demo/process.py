"""The demo's service: a real child process on loopback that never outlives its parent (child.py)."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from memreward_service.demo.child import GRACE_SECONDS

logger = logging.getLogger("memreward.demo")

HOST = "127.0.0.1"
PROGRAM = (sys.executable, "-m", "memreward_service.demo.child")
START_SECONDS = 300.0
"""A first start loads the embedding model, which takes a while on a slow disk."""


class DemoError(Exception):
    """The demo cannot go on; the message is one sentence that says why and what to do."""


def free_port(wanted: int, option: str) -> int:
    """`wanted` where nothing listens on it, or any free port for 0. Raises DemoError naming `option`."""
    with socket.socket() as listener:
        # As servers do: a port that only waits for the packets of closed connections is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, wanted))
        except OSError as error:
            raise DemoError(
                f"port {wanted} of {HOST} is taken: stop what listens there, or give another with {option}."
            ) from error
        port: int = listener.getsockname()[1]
        return port


class ServiceProcess:
    """`memreward serve` with the given options in a child process; what it says goes to `log`."""

    def __init__(self, options: Sequence[str], log: Path) -> None:
        self._command = [*PROGRAM, "serve", *options]
        self._log = log
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        # Settings of the surrounding shell belong to another service than the demo's.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MEMREWARD_")}
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                # Ctrl-C is for the parent, which then ends the child in order.
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        child = self._running()
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdin:
            child.stdin.close()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._running().pid

    def await_answer(self, url: str) -> None:
        """Wait until the child answers at `url`. Raises DemoError with its last words where it ends."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._running().poll() is not None:
                raise self._ended()
            try:
                if httpx.get(f"{url}/healthz", timeout=5).is_success:
                    return
            except httpx.TransportError as error:
                logger.debug("no answer yet: %s", error)
            time.sleep(0.2)
        raise DemoError(f"the service did not answer within {START_SECONDS:.0f} seconds; its log is {self._log}.")

    def wait(self) -> None:
        """Block while the service serves. Raises DemoError when it ends by itself."""
        self._running().wait()
        raise self._ended()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise RuntimeError("the service process is entered with `with` before it is used")
        return self._child

    def _ended(self) -> DemoError:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        said = f": {lines[-1].strip()}" if lines else ""
        return DemoError(f"the service ended with exit code {self._running().returncode}{said} (log: {self._log}).")
