"""A child that ends with its parent: `python -m memreward_service.demo.child serve …`.

The parent holds the other end of standard input. However the parent ends, SIGKILL included, the pipe closes
then, and the service gets the SIGTERM that its parent could no longer send.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from memreward_client.cli import main as cli

GRACE_SECONDS = 30.0
"""How long a service may take to finish what it accepted."""


def main() -> None:
    """Run the command line of `memreward` until it ends or the parent does."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cli.main(sys.argv[1:])


def _end_with_parent() -> None:
    # Not sys.stdin: its buffer's lock would be held when the interpreter shuts down.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
