from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from memreward_trainer.sandbox import launch
from memreward_trainer.sandbox.answers import Answer
from memreward_trainer.sandbox.inside.literals import encode
from memreward_trainer.sandbox.isolation import STRONGEST_FIRST, SandboxUnavailable
from memreward_trainer.sandbox.limits import Limits
from memreward_trainer.sandbox.sandbox import LocalSandbox

LIMITS = Limits(cpu_seconds=2, wall_seconds=60, call_seconds=0.3, memory_bytes=256 * 2**20)
"""The time by the clock is long, because other tests share the processor; what runs on and on ends by cpu_seconds."""
MARKER = "MEMREWARD_TEST"


def processes_of(marker: Path) -> list[int]:
    """Processes on this machine that were started with `marker` in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{MARKER}={marker}\0".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


@pytest.fixture(params=STRONGEST_FIRST)
async def sandbox(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LocalSandbox]:
    """A sandbox of each isolation that this machine has; after the test no process of it is left."""
    monkeypatch.setitem(launch.ENVIRONMENT, MARKER, str(tmp_path))
    made = LocalSandbox(request.param, LIMITS)
    try:
        await made.prepare()
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    yield made
    assert processes_of(tmp_path) == []


@pytest.fixture
def call(sandbox: LocalSandbox) -> Callable[..., object]:
    """Run a program and call one of its functions with plain values."""

    async def made(source: str, *args: object, function: str = "f") -> Answer:
        async with sandbox.program(source) as program:
            return await program.call(function, [encode(value) for value in args])

    return made
