"""The processes that read expressions, as a service has them: they start with it, serve beside it, end with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from e2e.service_process import HTTP, ServiceProcess, running, until

pytestmark = pytest.mark.slow

WORKER = "memreward_service.answers.mathematics.worker"
GAP_SECONDS = 3.0
"""The longest time between two answers of /healthz. Other tests share the processor; what these expressions take by
themselves is minutes."""
REQUEST_SECONDS = 60.0
HOSTILE = {
    "towers of powers": ["9^{9^{9^{9}}}", "2^{2^{2^{2^{2^{2}}}}}", "10^{10^{10}}"],
    "sums of 8,000 terms": ["+".join(f"x^{{{n}}}" for n in range(8_000)), "+".join(map(str, range(8_000)))],
    "30,000 nested braces": ["{" * 30_000 + "x" + "}" * 30_000, "\\frac{1}{" * 10_000 + "x" + "}" * 10_000],
    "factorials": ["(10^9)!", "(200!)!", "\\binom{10^9}{5 \\cdot 10^8}"],
}


def workers(service: ServiceProcess) -> list[int]:
    """The running processes that read expressions and belong to the service."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        parent = str(service.process.pid).encode()
        if WORKER.encode() in command and parent in command:
            found.append(int(entry.parent.name))
    return found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with running(tmp_path_factory.mktemp("service")) as started:
        until(lambda: len(workers(started)) >= 2)
        yield started


def test_the_processes_start_with_the_service_and_end_with_sigterm(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        until(lambda: len(workers(service)) >= 2)
        assert service.terminate() == 0
        assert workers(service) == []


def test_kill_9_leaves_no_process(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        until(lambda: len(workers(service)) >= 2)
        service.kill()
        until(lambda: workers(service) == [])


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_expressions_end_in_time_while_others_are_answered(service: ServiceProcess, kind: str) -> None:
    rollouts = [{"response": f"So \\boxed{{{text}}}."} for text in HOSTILE[kind]]
    rollouts += [{"response": f"<answer>{text}</answer>"} for text in HOSTILE[kind]]
    body = {"groups": [{"query": {"text": "How many?", "domain": "math"}, "rollouts": rollouts}]}
    ended = threading.Event()
    replies: list[httpx.Response] = []

    def ask() -> None:
        try:
            replies.append(HTTP.post(f"{service.url}/v1/rewards", json=body, timeout=2 * REQUEST_SECONDS))
        finally:
            ended.set()

    began = time.monotonic()
    asking = threading.Thread(target=ask)
    asking.start()
    longest, looks = 0.0, 0
    with httpx.Client(base_url=service.url, timeout=REQUEST_SECONDS, verify=False) as client:
        while not ended.is_set() or looks < 3:
            looked = time.monotonic()
            assert client.get("/healthz").status_code == 200
            longest, looks = max(longest, time.monotonic() - looked), looks + 1
            time.sleep(0.01)
    asking.join()
    assert time.monotonic() - began < REQUEST_SECONDS
    assert longest < GAP_SECONDS
    (reply,) = replies
    assert reply.status_code == 200, reply.text
    ((scored,),) = [[group["rollouts"] for group in reply.json()["groups"]]]
    assert len(scored) == len(rollouts)
    print(kind, "longest gap", round(longest, 3), "seconds in all", round(time.monotonic() - began, 2))
