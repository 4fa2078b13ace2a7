"""The label ledger between processes: one budget for all of them, and kill -9 forgets nothing that was granted."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from memreward_proto.records import LabelBudget, LabelCharge, LabelSpending, StepSpending
from memreward_service.store import ExperienceStore

GROUPS, SIZE, SHARE, LABELS = 60, 8, 0.17, 150
CALLER = Path(__file__)


def charge(step: int) -> LabelCharge:
    return LabelCharge("run", step, LabelBudget(SHARE, LABELS))


def ask(url: str, seed: int, steps: int) -> None:
    """Ask for every rollout of every group, group by group in an own order, and print what is granted at once."""
    store = ExperienceStore(url)
    print("ready", flush=True)
    sys.stdin.readline()
    draw = random.Random(seed)
    for step in range(steps):
        for number in draw.sample(range(GROUPS), GROUPS):
            name = f"{step}.{number}"
            wanted = [(name, index) for index in draw.sample(range(SIZE), SIZE)]
            granted = store.grant_labels(charge(step), {name: SIZE}, wanted)
            for (_, index), yes in zip(wanted, granted, strict=True):
                if yes:
                    print("granted", step, number, index, flush=True)
    store.close()


def start_caller(url: str, seed: int, steps: int) -> subprocess.Popen[str]:
    caller = subprocess.Popen(
        [sys.executable, "-W", "error", CALLER, url, str(seed), str(steps)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert caller.stdout
    assert caller.stdout.readline() == "ready\n"
    return caller


def let_go(caller: subprocess.Popen[str]) -> None:
    assert caller.stdin
    caller.stdin.write("go\n")
    caller.stdin.flush()


def rest_of(caller: subprocess.Popen[str]) -> str:
    """What it prints until it ends. Popen.communicate would pass over what earlier reads left in the buffer."""
    assert caller.stdin
    assert caller.stdout
    with caller.stdin, caller.stdout:
        output = caller.stdout.read()
    caller.wait()
    return output


def granted_in(output: str) -> set[tuple[int, int, int]]:
    lines = [line.split()[1:] for line in output.splitlines(keepends=True) if line.endswith("\n")]
    return {(int(step), int(number), int(index)) for step, number, index in lines}


@pytest.mark.slow
def test_two_processes_spend_one_budget_exactly(store_url: str) -> None:
    """Two steps have room for 162 labels, the run for 150: the second step must stop at what is left."""
    ExperienceStore(store_url).close()
    callers = [start_caller(store_url, seed, steps=2) for seed in (1, 2)]
    for caller in callers:
        let_go(caller)
    heard = [granted_in(rest_of(caller)) for caller in callers]
    assert [caller.returncode for caller in callers] == [0, 0]
    assert all(heard), "both were granted something"
    granted = set[tuple[int, int, int]]().union(*heard)
    store = ExperienceStore(store_url)
    spent = store.label_spending("run")
    store.close()
    by_step = [sum(step == number for step, _, _ in granted) for number in range(2)]
    steps = tuple(StepSpending(number, GROUPS * SIZE, by_step[number]) for number in range(2))
    assert spent == LabelSpending("run", 2 * GROUPS * SIZE, LABELS, steps)
    assert len(granted) == LABELS


@pytest.mark.slow
def test_kill_9_forgets_nothing_that_was_granted(store_url: str) -> None:
    ExperienceStore(store_url).close()
    granted: set[tuple[int, int, int]] = set()
    for seed, lines in enumerate((3, 20, 120)):
        caller = start_caller(store_url, seed, steps=1000)
        let_go(caller)
        assert caller.stdout
        output = "".join(caller.stdout.readline() for _ in range(lines))
        caller.kill()
        granted |= granted_in(output + rest_of(caller))
        assert caller.returncode == -signal.SIGKILL
        store = ExperienceStore(store_url)
        spent = store.label_spending("run")
        assert len(granted) >= lines
        assert len(granted) <= spent.labels <= LABELS
        assert spent.labels <= int(SHARE * spent.rollouts)
        again = [(f"{step}.{number}", index) for step, number, index in granted]
        assert store.grant_labels(charge(0), {}, again) == [True] * len(again)
        assert store.label_spending("run") == spent
        store.close()


if __name__ == "__main__":
    ask(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
