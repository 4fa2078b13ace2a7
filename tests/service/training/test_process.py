"""The training process: the same result as in this process, and every way it may end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from memreward_proto.errors import Internal, NotEnoughLabels
from memreward_service.training import process as process_module
from memreward_service.training.comparison import Served, candidate_figures
from memreward_service.training.exchange import Candidate, Order, order_message, send
from memreward_service.training.fit import train_best
from memreward_service.training.process import COMMAND, TrainingProcess
from memreward_service.training.task import TrainingSet
from memreward_service.training.worker import NICENESS
from service.synthetic_groups import RULE, batch_of, lively_model, synthetic_group

LONG = 100_000


def order(epochs: int) -> Order:
    return Order(RULE, seeds=2, epochs=epochs, seed=0, threshold=0.5, label_noise=0.002, device="cpu", threads=1)


def training_set(groups: int) -> TrainingSet:
    return TrainingSet(batch_of([synthetic_group(i) for i in range(groups)]), torch.zeros(groups, dtype=torch.int64))


def served(data: TrainingSet) -> Served:
    rollouts = len(data.batch.group)
    learned, audited = torch.arange(data.batch.groups) < 5, torch.arange(rollouts) % 2 == 0
    return Served(lively_model(), torch.full((rollouts,), 0.5).double(), learned, audited)


def run(
    training: TrainingProcess, epochs: int, groups: int = 30, progress: Callable[[float], None] = lambda _: None
) -> Candidate:
    data = training_set(groups)
    return training.run(order(epochs), data, served(data), progress)


def test_it_gives_what_training_here_gives() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        data, heard = training_set(30), list[float]()
        found = run(TrainingProcess(), 4, progress=heard.append)
        fitted = train_best(data, RULE, seeds=2, epochs=4, seed=0, threshold=0.5, label_noise=0.002)
        here = Candidate(fitted.model, *candidate_figures(fitted, data, served(data), 0, 2, 0.5, 0.002))
    finally:
        torch.set_num_threads(threads)
    weights, expected = found.model.network.state_dict(), here.model.network.state_dict()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert found.model.calibration == here.model.calibration
    assert (found.intervals, found.held_out, found.comparison) == (here.intervals, here.held_out, here.comparison)
    assert heard == pytest.approx([step / 8 for step in range(1, 9)])


def test_its_errors_are_those_of_training() -> None:
    with pytest.raises(NotEnoughLabels) as error:
        run(TrainingProcess(), 1, groups=3)
    assert error.value.details == {"labelled_queries": 3, "needed": 10}


def test_one_that_is_killed_fails_with_a_sentence_and_had_a_low_priority() -> None:
    training = TrainingProcess()
    niceness: list[int] = []

    def kill(_: float) -> None:
        assert training._process is not None
        niceness.append(os.getpriority(os.PRIO_PROCESS, training._process.pid))
        os.kill(training._process.pid, signal.SIGKILL)

    with pytest.raises(Internal, match=r"was killed \(SIGKILL\), mostly because memory was out"):
        run(training, LONG, progress=kill)
    assert niceness[0] == min(os.getpriority(os.PRIO_PROCESS, 0) + NICENESS, 19)


def test_one_that_is_stopped_ends_at_once() -> None:
    training, began = TrainingProcess(), threading.Event()
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(run, training, LONG, progress=lambda _: began.set())
        assert began.wait(120)
        training.stop()
        assert isinstance(running.exception(30), Internal)
    assert training._process is not None
    assert training._process.returncode == -signal.SIGKILL
    with pytest.raises(Internal, match="stopped before it began"):
        run(training, 1)


@pytest.mark.parametrize(
    "code", ["raise SystemExit(3)", "import sys; sys.stdin.buffer.readline(); raise SystemExit(3)"]
)
def test_one_that_ends_without_a_word_fails_with_a_sentence(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(process_module, "COMMAND", (sys.executable, "-c", code))
    with pytest.raises(Internal, match="ended with status 3 and made no model"):
        run(TrainingProcess(), 1)


def test_it_ends_with_the_service_that_started_it() -> None:
    """The pipe closes, as it does when its writer is killed."""
    data = training_set(30)
    line, arrays = order_message(order(LONG), data, served(data))
    process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    send(process.stdin, line, arrays)
    assert b"progress" in process.stdout.readline()
    process.stdin.close()
    began = time.monotonic()
    while process.stdout.read(1 << 16):
        pass
    assert process.wait(30) == 1
    assert time.monotonic() - began < 30
    process.stdout.close()
