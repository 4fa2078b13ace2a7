from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from memreward_trainer.sandbox.answers import Answer
from memreward_trainer.sandbox.isolation import STRONGEST_FIRST, Isolation, SandboxUnavailable
from memreward_trainer.sandbox.limits import Limits
from memreward_trainer.sandbox.literals import encode
from memreward_trainer.sandbox.sandbox import LocalSandbox

LIMITS = Limits(cpu_seconds=2, wall_seconds=8, call_seconds=0.3, memory_bytes=256 * 2**20)


SYSTEM_PYTHON = shutil.which("python3", path="/usr/bin")


def processes_of(marker: Path) -> list[int]:
    """Processes on this machine that were started with `marker` in their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(marker).encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


@pytest.fixture(params=STRONGEST_FIRST)
async def sandbox(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LocalSandbox]:
    """A sandbox of each isolation that this machine has; after the test no process of it is left."""
    if request.param is Isolation.LIMITS and os.geteuid() == 0 and SYSTEM_PYTHON is not None:
        # The interpreter of the tests may lie in root's home, which the user that root becomes cannot read.
        monkeypatch.setattr("memreward_trainer.sandbox.launch.INTERPRETER", SYSTEM_PYTHON)
    marker = tmp_path / "packages"
    marker.mkdir()
    made = LocalSandbox(request.param, LIMITS, allow_limits=True, packages=[str(marker)])
    try:
        await made.prepare()
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    yield made
    assert processes_of(marker) == []


@pytest.fixture
def walled(sandbox: LocalSandbox) -> LocalSandbox:
    """A sandbox with a wall around files."""
    if sandbox.isolation is Isolation.LIMITS:
        pytest.skip("limits leave files to the rights of the user")
    return sandbox


@pytest.fixture
def call(sandbox: LocalSandbox) -> Callable[..., object]:
    """Run a program and call one of its functions with plain values."""

    async def made(source: str, *args: object, function: str = "f") -> Answer:
        async with sandbox.program(source) as program:
            return await program.call(function, [encode(value) for value in args])

    return made
