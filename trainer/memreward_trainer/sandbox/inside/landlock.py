"""Which files a process may open, decided by the process itself and for good (Landlock, Linux 5.13 and later).

Runs inside the sandbox. It needs no rights, so it also works in containers that allow no namespaces. What it leaves
open: the names and sizes of files can be seen (stat), and modes and owners changed (system_calls.py closes that).
Processes outside cannot be traced, nor their memory be read through /proc. Source: landlock(7).
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_FLAG = 1
PATH_BENEATH = 1

READ_FILE, READ_DIR = 1 << 2, 1 << 3
RIGHTS_BY_VERSION = (13, 14, 15, 15, 16)
"""How many rights of files the versions 1, 2, .. of the interface know: each is one bit."""


def landlock_version() -> int:
    """The version of the interface; 0 where the kernel has none or it is switched off."""
    return max(0, int(ctypes.CDLL(None).syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION_FLAG)))


def restrict_files(readable: Iterable[str]) -> None:
    """From now on this process may read the files and folders `readable`, and write nowhere.

    Files that are open already stay so. Needs PR_SET_NO_NEW_PRIVS. Raises OSError where the kernel has no Landlock.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = min(landlock_version(), len(RIGHTS_BY_VERSION))
    rights = (1 << RIGHTS_BY_VERSION[version - 1]) - 1 if version else 0
    attributes = ctypes.create_string_buffer(struct.pack("Q", rights), 8)
    ruleset = _checked(libc.syscall(CREATE_RULESET, attributes, ctypes.c_size_t(8), 0))
    for path in readable:
        target = os.open(path, os.O_PATH | os.O_CLOEXEC)
        allowed = READ_FILE | READ_DIR if os.path.isdir(path) else READ_FILE  # noqa: PTH112 - pathlib costs start-up time
        rule = ctypes.create_string_buffer(struct.pack("=Qi", allowed, target), 12)
        _checked(libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0))
        os.close(target)
    _checked(libc.syscall(RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def drop_capabilities() -> None:
    """Give up every capability, those of a root without a name included. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    head = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0), 8)
    none = ctypes.create_string_buffer(bytes(24), 24)
    _checked(libc.capset(head, none))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "the kernel refuses to confine a process by Landlock")
    return result
