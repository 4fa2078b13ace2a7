"""What a process does to itself before it runs model-written code. Runs inside the sandbox; READ FIRST there.

`confine` takes a plan (written by isolation.py on the other side of the wall) and goes from the outside in:

1. die with the parent
2. namespaces.py     a file system and network of its own ("namespaces"; bubblewrap has done it before this starts)
3. limits            processor time, memory, size of a file, open files, no core files
4. landlock.py       no file but the readable ones ("landlock")
5. system_calls.py   no processes, signals, sockets: the last step, because it forbids the steps before

After it nothing can be taken back, and the process may run what it likes.
"""

from __future__ import annotations

import os
import resource
import signal
from typing import Any

from memreward_trainer.sandbox.landlock import restrict_files
from memreward_trainer.sandbox.namespaces import drop_capabilities, enter_own_world
from memreward_trainer.sandbox.system_calls import (
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    process_control,
    refuse_system_calls,
)


def confine(plan: dict[str, Any]) -> None:
    """Confine this process as `plan` says: isolation, parent, root, readable, user and limits. Raises OSError.

    The isolation "server" means that the machine is a sandbox already (fusion.py), and changes nothing.
    """
    if plan["isolation"] == "server":
        return
    if plan["isolation"] == "namespaces":
        enter_own_world(plan["root"], plan["readable"], plan["directory_bytes"], plan["user"])
    elif plan["isolation"] != "bubblewrap":
        os.chdir(plan["root"])
        if plan["isolation"] == "limits" and os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(plan["user"], plan["user"], plan["user"])
            os.setresuid(plan["user"], plan["user"], plan["user"])
    limit_resources(plan)
    drop_capabilities()
    process_control(PR_SET_NO_NEW_PRIVS, 1)
    # A change of user takes the wish away, so it comes after; a parent that died before it is seen by its number.
    process_control(PR_SET_PDEATHSIG, signal.SIGKILL)
    if plan["parent"] is not None and os.getppid() != plan["parent"]:
        os._exit(1)
    if plan["isolation"] == "landlock":
        restrict_files(plan["readable"])
    refuse_system_calls()


def limit_resources(plan: dict[str, Any]) -> None:
    """The limits of the kernel on one process: beyond processor time it is killed, beyond the others a call fails."""
    for kind, soft, hard in (
        # First a signal whose number tells the reason, a second later one that nobody can ignore.
        (resource.RLIMIT_CPU, plan["cpu_seconds"], plan["cpu_seconds"] + 1),
        (resource.RLIMIT_AS, plan["memory_bytes"], plan["memory_bytes"]),
        (resource.RLIMIT_FSIZE, plan["file_bytes"], plan["file_bytes"]),
        (resource.RLIMIT_NOFILE, plan["open_files"], plan["open_files"]),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(kind, (soft, hard))
    # A file that grows too large is an error of the write, not the end of the process.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
