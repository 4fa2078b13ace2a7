"""The process that trains: an order and arrays come on standard input, answers go to standard output (exchange.py).

It gives way to everything else on the machine: low priority, few threads, and the first to go where memory is out. It
ends with the service, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from pathlib import Path

NICENESS = 10
"""More than the service has. It then gets a tenth of a processor that something else wants too: less (19) would be a
training that never ends on a machine that is always busy."""
OOM_SCORE = "800"
"""Of 1000: the kernel ends this process before the service (Linux)."""


def main() -> None:
    """One training."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a library prints would be taken for an answer.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    import torch

    from memreward_proto.errors import Internal, MemRewardError
    from memreward_service.training.comparison import candidate_figures
    from memreward_service.training.exchange import Candidate, candidate_message, order_of, receive, send
    from memreward_service.training.fit import train_best

    _give_way()
    message = receive(sys.stdin.buffer)
    if message is None:
        return
    order, data, served = order_of(message)
    threading.Thread(target=_end_with_service, daemon=True).start()
    torch.set_num_threads(order.threads)
    try:
        fitted = train_best(
            data, order.rule, seeds=order.seeds, epochs=order.epochs, seed=order.seed, threshold=order.threshold,
            label_noise=order.label_noise, device=torch.device(order.device),
            progress=lambda share: send(answers, {"progress": share}),
        )  # fmt: skip
        figures = candidate_figures(fitted, data, served, order.seed, order.seeds, order.threshold, order.label_noise)
        line, weights = candidate_message(Candidate(fitted.model, *figures))
    except MemRewardError as error:
        send(answers, {"code": error.code, "message": error.message, "details": error.details})
    except (MemoryError, torch.OutOfMemoryError):
        traceback.print_exc()
        told = "Training ran out of memory: give the service more of it, or lower MEMREWARD_TRAINING_QUERIES."
        send(answers, {"code": Internal.code, "message": told, "details": {}})
    else:
        send(answers, line, weights)


def _give_way() -> None:
    os.nice(NICENESS)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)


def _end_with_service() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
