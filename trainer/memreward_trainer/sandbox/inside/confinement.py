"""What a process does to itself before it runs model-written code. Runs inside the sandbox; READ FIRST there.

`confine` takes a plan (written by isolation.py on the other side of the wall) and goes from the outside in:

1. limits            processor time, memory, size of a file, open files, no core files
2. landlock.py       die with the trainer, no rights of root, no file but the readable ones; bubblewrap has done as much
                     before this process starts
3. system_calls.py   no processes, signals, sockets: the last step, because it forbids the steps before

After it nothing can be taken back, and the process may run what it likes.
"""

from __future__ import annotations

import os
import resource
import signal
from typing import Any, TextIO

from memreward_trainer.sandbox.inside.landlock import drop_capabilities, restrict_files
from memreward_trainer.sandbox.inside.system_calls import (
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    process_control,
    refuse_system_calls,
)


def confine(plan: dict[str, Any]) -> None:
    """Confine this process as `plan` says: isolation, parent, readable and limits. Raises OSError.

    The isolation "server" means that the machine is a sandbox already (fusion.py), and changes nothing.
    """
    if plan["isolation"] == "server":
        return
    limit_resources(plan)
    if plan["isolation"] == "landlock":
        drop_capabilities()
        process_control(PR_SET_NO_NEW_PRIVS, 1)
        process_control(PR_SET_PDEATHSIG, signal.SIGKILL)
        # A parent that died before this wish is seen by its number.
        if os.getppid() != plan["parent"]:
            os._exit(1)
        restrict_files(plan["readable"])
    refuse_system_calls()


def limit_resources(plan: dict[str, Any]) -> None:
    """The limits of the kernel on one process: beyond processor time it is killed, beyond the others a call fails."""
    for kind, soft, hard in (
        # First a signal whose number says the reason, a second later one that nobody can ignore.
        (resource.RLIMIT_CPU, plan["cpu_seconds"], plan["cpu_seconds"] + 1),
        (resource.RLIMIT_AS, plan["memory_bytes"], plan["memory_bytes"]),
        (resource.RLIMIT_FSIZE, plan["file_bytes"], plan["file_bytes"]),
        (resource.RLIMIT_NOFILE, plan["open_files"], plan["open_files"]),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(kind, (soft, hard))
    # A file that grows too large is an error of the write, not the end of the process.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def protocol_pipes() -> tuple[TextIO, TextIO]:
    """The pipes for JSON lines; what runs here finds /dev/null in their place, so that its prints go nowhere."""
    requests, replies = os.fdopen(os.dup(0), encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    return requests, replies
