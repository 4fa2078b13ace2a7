"""The processes that read expressions: time, memory, death, threads, forks."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from memreward_service.answers.mathematics.pool import Pool

pytestmark = pytest.mark.slow

HOSTILE = {
    "a tower of powers": "9^{9^{9^{9}}}",
    "a tower that begins small": "2^{2^{2^{2^{2^{2}}}}}",
    "a factorial": "(10^9)!",
    "a factorial of a factorial": "(200!)!",
    "a sum of many terms": "+".join(f"x^{{{n}}}" for n in range(120)),
    "a power of a sum": "(x+y+z+w)^{99999}",
    "a sum of roots": "+".join(f"\\sqrt{{{n}}}" for n in range(2, 90)),
    "braces in braces": "{" * 450 + "x" + "}" * 450,
    "brackets in brackets": "(" * 450 + "x" + ")" * 450,
    "a division by zero": "\\frac{1}{1-1}",
    "a great matrix": "\\begin{pmatrix}" + "\\\\".join(["1&2&3&4&5&6&7&8&9"] * 40) + "\\end{pmatrix}",
    "a great binomial": "\\binom{10^{9}}{5 \\cdot 10^{8}}",
    "a great series": "\\sum_{k=1}^{10^9} \\frac{1}{k^k+1}",
    "a great product": "\\prod_{k=1}^{10^{9}} k",
    "fractions in fractions": "\\frac{1}{" * 70 + "x" + "}" * 70,
    "roots in roots": "\\sqrt{2+" * 60 + "2" + "}" * 60,
    "many lists": "1,2;" * 200,
    "plus or minus": "\\pm 1" * 100,
    "functions": "\\sin" * 150 + " x",
    "relations": "x < " * 200 + "x",
}


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(processes=2, seconds=1.0)
    yield made
    made.close()


def running(process: int) -> bool:
    with contextlib.suppress(OSError):
        os.kill(process, 0)
        return True
    return False


def children(pool: Pool) -> list[int]:
    return [process.pid for process in pool._idle]


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_expressions_end_in_time(shared_pool: Pool, answer: str) -> None:
    began = time.monotonic()
    found = shared_pool.ask(["read", answer])
    assert time.monotonic() - began < 30
    assert found.keys() & {"key", "reason", "late"}
    assert shared_pool.ask(["read", "x+x"])["key"] == "2*x"


@pytest.fixture(scope="module")
def shared_pool() -> Iterator[Pool]:
    made = Pool(processes=1, seconds=1.0)
    yield made
    made.close()


def test_a_killed_process_is_replaced(pool: Pool) -> None:
    assert pool.ask(["read", "x+x"])["key"] == "2*x"
    for process in children(pool):
        os.kill(process, signal.SIGKILL)
    assert pool.ask(["read", "x+x+x"])["key"] == "3*x"


def test_a_process_that_hangs_beyond_its_time_is_killed(pool: Pool) -> None:
    assert pool.ask(["read", "x+x"])["key"] == "2*x"
    (process,) = children(pool)
    os.kill(process, signal.SIGSTOP)
    assert pool.ask(["read", "x+y"], seconds=0.2) == {"late": True}
    assert not running(process)
    assert pool.ask(["read", "x+y"])["key"] == "x + y"


def test_many_threads_get_their_own_answers(pool: Pool) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda number: pool.ask(["read", f"x+{number}"])["key"], range(1, 60)))
    assert found == [f"x + {number}" for number in range(1, 60)]
    assert len(children(pool)) <= 2


def test_answers_come_in_order_and_late_ones_are_not_begun(pool: Pool) -> None:
    questions = [["read", f"x^{{{number}}}"] for number in range(2, 12)]
    assert [one["key"] for one in pool.ask_all(questions)] == [f"x**{number}" for number in range(2, 12)]
    assert pool.ask_all(questions, until=time.monotonic() - 1) == [{"late": True}] * 10


def test_close_leaves_no_process(pool: Pool) -> None:
    pool.start()
    assert pool.ask(["read", "x+x"])["key"] == "2*x"
    pool.close()
    assert children(pool) == []
    assert pool.ask(["read", "x+x"])["key"] == "2*x"


def test_close_does_not_wait_for_processes_that_start(pool: Pool) -> None:
    pool.start()
    deadline = time.monotonic() + 30
    while not pool._starting and time.monotonic() < deadline:
        time.sleep(0.001)
    (first, *_) = pool._starting
    pool.close()
    assert not running(first.pid)
    assert first.returncode == -signal.SIGKILL, "it was ended before it was ready"
    assert (pool._idle, pool._starting) == ([], set())
    assert pool.ask(["read", "x+x"])["key"] == "2*x"


PARENT = """
import os, sys
from memreward_service.answers.mathematics.pool import Pool
pool = Pool(processes=1)
print(pool.ask(["read", "x+x"])["key"], pool._idle[0].pid, flush=True)
if sys.argv[1] == "fork":
    child = os.fork()
    if child == 0:
        print(pool.ask(["read", "x+x"])["key"], pool._idle[0].pid, flush=True)
        pool.close()
        os._exit(0)
    os.waitpid(child, 0)
    print(pool.ask(["read", "y+y"])["key"], pool._idle[0].pid, flush=True)
elif sys.argv[1] == "killed":
    os.kill(os.getpid(), 9)
"""


def parent(way: str) -> list[list[str]]:
    """What a process prints that asks, and ends in a way."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PARENT, way]
    printed = subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, check=False)
    assert "Traceback" not in printed.stderr, printed.stderr
    return [line.split() for line in printed.stdout.splitlines()]


@pytest.mark.parametrize("way", ["ended", "killed"])
def test_a_process_ends_with_its_parent(way: str) -> None:
    ((key, process),) = parent(way)
    assert key == "2*x"
    for _ in range(100):
        if not running(int(process)):
            break
        time.sleep(0.1)
    assert not running(int(process))


def test_a_fork_has_processes_of_its_own() -> None:
    first, second, third = parent("fork")
    assert [first[0], second[0], third[0]] == ["2*x", "2*x", "2*y"]
    assert first[1] == third[1] != second[1]
