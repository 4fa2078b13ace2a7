"""What stands between a model-written program and the machine, the stronger first.

| isolation | network | writes | reads | what it needs |
|---|---|---|---|---|
| bubblewrap | none | an empty folder in memory | interpreter, shared libraries | the tool `bwrap`, user namespaces |
| landlock | none | nothing | interpreter, shared libraries; that a file exists | Linux 5.13 |

In both a program can start no process, send no signal and open no socket (system_calls.py), and has the same limits on
time, memory, files and output. A machine that has neither runs no programs.
"""

from __future__ import annotations

import os
import shutil
import sys
from enum import StrEnum
from pathlib import Path
from typing import Any

from memreward_trainer.sandbox.launch import INTERPRETER
from memreward_trainer.sandbox.limits import Limits

SYSTEM_FILES = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache")
"""Shared libraries that an interpreter loads."""


class Isolation(StrEnum):
    """Ways to isolate a program; AUTO is the first of the others that works on this machine."""

    AUTO = "auto"
    BUBBLEWRAP = "bubblewrap"
    LANDLOCK = "landlock"


STRONGEST_FIRST = (Isolation.BUBBLEWRAP, Isolation.LANDLOCK)
"""The order in which AUTO tries them."""


class SandboxUnavailable(Exception):
    """No program can be run here as asked: a sentence that says why, and what to do."""


def missing_part(isolation: Isolation) -> str | None:
    """What this machine visibly lacks for `isolation`, as a sentence; None where only a trial shows it."""
    if sys.platform != "linux":
        return "Isolation needs Linux: run the trainer in a container, or give the URL of a sandbox service."
    if isolation is Isolation.BUBBLEWRAP and shutil.which("bwrap") is None:
        return "The tool bwrap is not installed: install the package bubblewrap."
    return None


def readable_files() -> list[str]:
    """Files and folders that a program may read: shared libraries, and the library of Python."""
    found = [path for path in (*SYSTEM_FILES, str(Path(sys.base_prefix) / "lib")) if Path(path).exists()]
    return [path for path in found if not any(_inside(path, other) for other in found)]


def confinement_plan(isolation: Isolation, limits: Limits) -> dict[str, Any]:
    """What confinement.py does inside."""
    return {
        "isolation": isolation.value,
        "parent": os.getpid(),
        "readable": [*readable_files(), "/dev/urandom"],
        "cpu_seconds": limits.cpu_seconds,
        "memory_bytes": limits.memory_bytes,
        "file_bytes": limits.file_bytes,
        "open_files": limits.open_files,
    }


def isolated_command(isolation: Isolation, command: tuple[str, ...], limits: Limits) -> tuple[str, ...]:
    """`command` in the hands of bubblewrap; itself where it isolates itself (confinement.py)."""
    if isolation is not Isolation.BUBBLEWRAP:
        return command
    binds = [part for path in (*readable_files(), INTERPRETER) for part in ("--ro-bind", path, path)]
    devices = [part for path in ("/dev/null", "/dev/zero", "/dev/urandom") for part in ("--dev-bind", path, path)]
    return (
        shutil.which("bwrap") or "bwrap",
        *("--unshare-all", "--die-with-parent", "--new-session", "--uid", "65534", "--gid", "65534"),
        *binds,
        *devices,
        *("--size", str(limits.directory_bytes), "--perms", "1777", "--tmpfs", "/work", "--chdir", "/work"),
        *("--remount-ro", "/"),
        "--",
        *command,
    )


def _inside(path: str, other: str) -> bool:
    return path != other and Path(path).is_relative_to(other)
