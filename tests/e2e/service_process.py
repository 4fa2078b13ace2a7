"""`memreward serve` as people run it: a child process with its own folder, on free ports, ended by a signal."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx

from memreward_proto import reward_pb2_grpc

MEMREWARD = str(Path(sys.executable).with_name("memreward"))
"""The console script of the environment that runs the tests."""
PATIENCE_SECONDS = 120.0
"""A start takes 8 s of a processor, which other tests share."""

HTTP = httpx.Client(timeout=PATIENCE_SECONDS, verify=False, limits=httpx.Limits(max_keepalive_connections=0))
"""Kept, because httpx.get reads all certificates each time: 40 ms of a processor, for every look whether a service
answers. No connection is kept: services are killed."""


def clean_environment() -> dict[str, str]:
    """No setting of the surrounding shell, and no network: what the service needs is inside it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMREWARD_")}
    return {**kept, "HF_HUB_OFFLINE": "1", "NO_COLOR": "1", "COLUMNS": "100"}


@dataclass
class ServiceProcess:
    """One running service. `options` are those of `memreward serve`."""

    folder: Path
    options: tuple[str, ...]
    http_port: int
    grpc_port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def log(self) -> str:
        return (self.folder / "service.log").read_text()

    def get(self, path: str, **params: Any) -> Any:
        """The JSON at `path`, which must be there."""
        response = HTTP.get(self.url + path, params=params)
        assert response.is_success, response.text
        return response.json()

    def post(self, path: str, body: Any) -> Any:
        """The JSON that answers `body`, which must be taken."""
        response = HTTP.post(self.url + path, json=body)
        assert response.is_success, response.text
        return response.json()

    def metric(self, sample: str) -> float:
        """The value of a sample of /metrics, written as there; 0 where it is absent."""
        page = HTTP.get(f"{self.url}/metrics").text
        found = [line.rsplit(" ", 1) for line in page.splitlines() if line.startswith(f"{sample} ")]
        return float(found[0][1]) if found else 0.0

    @contextmanager
    def stub(self) -> Iterator[Any]:
        """A gRPC caller."""
        with grpc.insecure_channel(f"127.0.0.1:{self.grpc_port}") as channel:
            yield reward_pb2_grpc.RewardServiceStub(channel)

    def until_remembered(self) -> Any:
        """Wait until predictions use all that is stored; the status of the memory then."""
        until(lambda: (status := self.get("/v1/memory"))["memory_version"] >= status["stored"]["version"])
        return self.get("/v1/memory")

    def until_ready(self) -> None:
        """Wait until the model that the folder holds answers."""
        until(lambda: HTTP.get(f"{self.url}/readyz").status_code == 200)

    def terminate(self) -> int:
        """SIGTERM, and the exit code that it leads to."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)


def start_service(folder: Path, *options: str, at: tuple[int, int] | None = None) -> ServiceProcess:
    """A service over `folder`, on free ports or `at` (HTTP, gRPC); it answers when this returns.

    Its log is service.log in there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    http_port, grpc_port = at or free_ports()
    ports = ("--http-port", str(http_port), "--grpc-port", str(grpc_port))
    with (folder / "service.log").open("ab") as log:
        process = subprocess.Popen(
            [MEMREWARD, "serve", *ports, "--data-dir", str(folder), *options],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=clean_environment(),
            start_new_session=True,
        )
    service = ServiceProcess(folder, options, http_port, grpc_port, process)
    try:
        until(lambda: _answers(service))
    except BaseException:
        service.kill()
        raise
    return service


@contextmanager
def running(folder: Path, *options: str) -> Iterator[ServiceProcess]:
    """A service for a block of code, killed at its end if it still runs."""
    service = start_service(folder, *options)
    try:
        yield service
    finally:
        service.kill()


def until(condition: Callable[[], bool]) -> None:
    """Look until `condition` holds; a test whose condition never does fails here."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def free_ports() -> tuple[int, int]:
    """Two different ports on which nothing listens."""
    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            each.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def _answers(service: ServiceProcess) -> bool:
    assert service.process.poll() is None, f"the service ended: {service.log}"
    try:
        return HTTP.get(f"{service.url}/healthz", timeout=5).is_success
    except httpx.TransportError:
        return False
