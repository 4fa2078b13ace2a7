"""The process that runs one model-written script from its standard input to its output. Runs inside the sandbox.

The first line of its input is the job, {"plan": .., "program": source, "stdin": text}. Then the script is this process:
its output, errors and exit status are the process's own, so there is no verdict in here that it could fake.
"""

from __future__ import annotations

import builtins
import json
import os
import random
import sys

from memreward_trainer.sandbox.inside.confinement import confine
from memreward_trainer.sandbox.inside.given_names import give_names

UNCONFINED = 97
"""Exit status where the isolation could not be set up; the reason is on the standard error."""


def run() -> None:
    """Read the job, become the script."""
    with os.fdopen(os.dup(0), encoding="utf-8") as jobs:
        job = json.loads(jobs.readline())
    nowhere = os.open("/dev/null", os.O_RDWR)
    # A file in memory, made before the filter forbids it: scripts read it by number, by sys.stdin and by input() alike.
    text = os.memfd_create("stdin")
    with os.fdopen(os.dup(text), "wb") as file:
        file.write(job["stdin"].encode("utf-8", "surrogatepass"))
    os.lseek(text, 0, os.SEEK_SET)
    try:
        confine(job["plan"])
    except OSError as error:
        sys.stderr.write(f"{error.strerror or error}")
        sys.stderr.flush()
        os._exit(UNCONFINED)
    os.dup2(text, 0)
    os.dup2(nowhere, 2)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it is the script's until the process ends
    random.seed(0)
    program = job["program"]
    del job
    give_names(program)
    exec(compile(program, "<program>", "exec", dont_inherit=True), {"__name__": "__main__", "__builtins__": builtins})


if __name__ == "__main__":
    run()
