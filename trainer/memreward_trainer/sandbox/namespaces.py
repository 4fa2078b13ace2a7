"""A view of the machine of its own: no network, and a file system that holds only what a program needs to run.

Runs inside the sandbox. Needs the rights of root or a kernel that gives user namespaces to everybody. Sources:
user_namespaces(7), mount_namespaces(7), pivot_root(2), mount_setattr(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Sequence

NEW_MOUNTS, NEW_NAMES, NEW_IPC, NEW_USER, NEW_NETWORK = 0x00020000, 0x04000000, 0x08000000, 0x10000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
MNT_DETACH = 2
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID = 1, 2
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
MOUNT_SETATTR = 442
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
WORK = "/work"
"""The empty working directory, the only place that can be written."""


def enter_own_world(root: str, readable: Sequence[str], directory_bytes: int, user: int) -> None:
    """Leave the network, the other processes' shared memory and all files but `readable`; work in an empty WORK.

    `root` is an empty directory to build the new root on (a mount that nobody else sees). `user` is the user to
    become where this process is root. Raises OSError where the kernel or the container forbids it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    had_root = _unshare(libc)
    _mount(libc, "none", "/", None, MS_REC | MS_PRIVATE)
    _mount(libc, "tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0755")
    for path in readable:
        _bind(libc, path, root + path)
        _read_only(libc, root + path, AT_RECURSIVE)
    for path in DEVICES:
        _bind(libc, path, root + path)
    work = root + WORK
    os.mkdir(work)  # noqa: PTH102 - pathlib costs start-up time
    _mount(
        libc, "tmpfs", work, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, f"size={directory_bytes},nr_inodes=1k,mode=1777"
    )
    os.chdir(root)
    _checked(libc.syscall(PIVOT_ROOT[os.uname().machine], b".", b"."), "pivot_root")
    _checked(libc.umount2(b".", MNT_DETACH), "umount2")
    _read_only(libc, "/", 0)
    os.chdir(WORK)
    if had_root:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)


def drop_capabilities() -> None:
    """Give up every capability, those of a root without a name included."""
    libc = ctypes.CDLL(None, use_errno=True)
    head = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0), 8)
    none = ctypes.create_string_buffer(bytes(24), 24)
    _checked(libc.capset(head, none), "capset")


def _unshare(libc: ctypes.CDLL) -> bool:
    """Whether this process keeps the rights of root that it had; without any it becomes root of a user namespace."""
    world = NEW_MOUNTS | NEW_NAMES | NEW_IPC | NEW_NETWORK
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        if libc.unshare(world) == 0:
            return True
        if ctypes.get_errno() != errno.EPERM:
            _checked(-1, "unshare")
    _checked(libc.unshare(world | NEW_USER), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib costs start-up time
            file.write(text)
    return False


def _bind(libc: ctypes.CDLL, source: str, target: str) -> None:
    if os.path.isdir(source):  # noqa: PTH112
        os.makedirs(target, exist_ok=True)  # noqa: PTH103
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o444))
    _mount(libc, source, target, None, MS_BIND | MS_REC)


def _read_only(libc: ctypes.CDLL, path: str, flags: int) -> None:
    attributes = ctypes.create_string_buffer(struct.pack("QQQQ", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0, 0), 32)
    result = libc.syscall(MOUNT_SETATTR, AT_FDCWD, path.encode(), flags, attributes, ctypes.c_size_t(32))
    _checked(result, f"mount_setattr {path}")


def _mount(
    libc: ctypes.CDLL, source: str, target: str, kind: str | None, flags: int, options: str | None = None
) -> None:
    arguments = (
        source.encode(),
        target.encode(),
        kind and kind.encode(),
        ctypes.c_ulong(flags),
        options and options.encode(),
    )
    _checked(libc.mount(*arguments), f"mount {target}")


def _checked(result: int, action: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"the kernel refuses {action}")
