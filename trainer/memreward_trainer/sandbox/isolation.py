"""What stands between a model-written program and the machine, from the strongest to the weakest.

| isolation | network | writes | reads | what it needs |
|---|---|---|---|---|
| bubblewrap | none | an empty folder in memory | interpreter, shared libraries | the tool `bwrap`, user namespaces |
| namespaces | none | an empty folder in memory | interpreter, shared libraries | root, or user namespaces |
| landlock | none | nothing | interpreter, shared libraries; that a file exists | Linux 5.13 |
| limits | none | what its user may write | **what its user may read** | Linux |

In all four a program can start no process, send no signal and open no socket (system_calls.py), and has the same
limits on time, memory, files and output. `limits` has no wall around files. Where the trainer does not run as root, the
program is then the same user as the trainer, and /proc gives it the trainer's environment and memory too: it can fool
everything. So it is refused, unless `LocalSandbox(allow_limits=True)` asks for it, which is answered with a warning.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from enum import StrEnum
from pathlib import Path
from typing import Any

from memreward_trainer.sandbox.launch import ENVIRONMENT, INTERPRETER
from memreward_trainer.sandbox.limits import Limits

SYSTEM_FILES = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache")
"""Shared libraries that an interpreter loads."""
FIRST_USER, USERS = 61_184, 4_096
"""Users that no account has: the range that systemd gives to services for a while. Root becomes one of them."""

_users = itertools.count()


class Isolation(StrEnum):
    """Ways to isolate a program; AUTO is the first of the others that works on this machine."""

    AUTO = "auto"
    BUBBLEWRAP = "bubblewrap"
    NAMESPACES = "namespaces"
    LANDLOCK = "landlock"
    LIMITS = "limits"


STRONGEST_FIRST = (Isolation.BUBBLEWRAP, Isolation.NAMESPACES, Isolation.LANDLOCK, Isolation.LIMITS)
"""The order in which AUTO tries them."""


class SandboxUnavailable(Exception):
    """No program can be run here as asked: a sentence that says why, and what to do."""


def missing_part(isolation: Isolation) -> str | None:
    """What this machine visibly lacks for `isolation`, as a sentence; None where only a trial can tell."""
    if sys.platform != "linux":
        return "Isolation needs Linux: run the trainer in a container, or give the URL of a sandbox service."
    if isolation is Isolation.BUBBLEWRAP and shutil.which("bwrap") is None:
        return "The tool bwrap is not installed: install the package bubblewrap."
    return None


def readable_files(packages: tuple[str, ...]) -> list[str]:
    """Files and folders that a program may read: shared libraries, the library of Python, and `packages`."""
    library = str(Path(sys.base_prefix) / "lib")
    found = [path for path in (*SYSTEM_FILES, library, *packages) if Path(path).exists()]
    return [path for path in found if not any(_inside(path, other) for other in found)]


def confinement_plan(isolation: Isolation, limits: Limits, packages: tuple[str, ...], folder: str) -> dict[str, Any]:
    """What confinement.py does inside; `folder` is an empty one made for this program."""
    return {
        "isolation": isolation.value,
        "parent": None if isolation is Isolation.BUBBLEWRAP else os.getpid(),
        "root": folder,
        "readable": readable_files(packages) + (["/dev/urandom", folder] if isolation is Isolation.LANDLOCK else []),
        "user": FIRST_USER + next(_users) % USERS,
        "cpu_seconds": limits.cpu_seconds,
        "memory_bytes": limits.memory_bytes,
        "file_bytes": limits.file_bytes,
        "directory_bytes": limits.directory_bytes,
        "open_files": limits.open_files,
    }


def isolated_command(
    isolation: Isolation, command: tuple[str, ...], limits: Limits, packages: tuple[str, ...]
) -> tuple[str, ...]:
    """`command` in the hands of the tool that isolates it; itself where it isolates itself (confinement.py)."""
    if isolation is not Isolation.BUBBLEWRAP:
        return command
    binds = [part for path in (*readable_files(packages), INTERPRETER) for part in ("--ro-bind", path, path)]
    devices = [part for path in ("/dev/null", "/dev/zero", "/dev/urandom") for part in ("--dev-bind", path, path)]
    return (
        shutil.which("bwrap") or "bwrap",
        *("--unshare-all", "--die-with-parent", "--new-session", "--uid", "65534", "--gid", "65534"),
        *binds,
        *devices,
        *("--size", str(limits.directory_bytes), "--perms", "1777", "--tmpfs", "/work", "--chdir", "/work"),
        *("--remount-ro", "/"),
        *(part for name, value in ENVIRONMENT.items() for part in ("--setenv", name, value)),
        "--",
        *command,
    )


def _inside(path: str, other: str) -> bool:
    return path != other and Path(path).is_relative_to(other)
