"""The tour over a real child process on real ports; the engine in the child has made-up answers."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from memreward_client import Explanation, Neighbor, Prediction, ScoredGroup
from memreward_client.cli import ingestion, training
from memreward_client.cli.predictions import PredictedGroup
from memreward_client.files.rollouts import FileQuery, FileRollout
from memreward_service.demo import process as service_process
from memreward_service.demo import tour
from memreward_service.demo.process import DemoError, ServiceProcess, free_port

CHILD = Path(__file__).with_name("tour_child.py")
TESTS = CHILD.parents[2]


@pytest.fixture
def fake_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child that the tour starts has the fake engine in it."""
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setattr(service_process, "PROGRAM", (sys.executable, str(CHILD)))
    monkeypatch.setattr(ingestion, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(training, "POLL_SECONDS", 0.01)


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


@pytest.mark.slow
def test_the_tour_twice_over_one_folder(fake_child: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # A setting of the shell's own service must not reach the demo's.
    os.environ["MEMREWARD_THRESHOLD"] = "not a number"
    try:
        for _ in range(2):
            tour.give_tour(tmp_path, http_port=0, grpc_port=0, once=True)
    finally:
        del os.environ["MEMREWARD_THRESHOLD"]
    said = capsys.readouterr()
    assert said.out.count("60 queries stored (60 of them new)") == 2
    assert said.out.count("1920") >= 2
    assert "scoring: 240/240 groups" in said.err
    # The child's rule differs from the majority's only in groups without a majority.
    rows = re.findall(r"(?:MemReward|agreement majority), no label +│ \d+ +│ +([\d.]+)% │ +([\d.]+)%", said.out)
    majority, model = rows[:2]
    assert 70 < float(majority[0]) < 90
    assert float(model[1]) < float(majority[1])


def test_one_label_of_a_group_is_that_of_its_first_rollout() -> None:
    query = FileQuery("How many?", tuple(FileRollout(f"A: {n}", float(n == 0)) for n in range(3)))
    assert [rollout.label for rollout in tour.only_first_label(query).rollouts] == [1.0, None, None]
    assert [rollout.response for rollout in tour.only_first_label(query).rollouts] == ["A: 0", "A: 1", "A: 2"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on this machine")
def test_the_curl_line_works_when_pasted(fake_child: None, tmp_path: Path) -> None:
    port = free_port(0, "--port")
    url = f"http://127.0.0.1:{port}"
    options = ["--http-port", str(port), "--grpc-port", "0", "--data-dir", str(tmp_path)]
    with ServiceProcess(options, tmp_path / "log") as service:
        service.await_answer(url)
        pasted = subprocess.run(["/bin/sh", "-c", tour.curl_line(url)], capture_output=True, check=True)
    rewards = [rollout["reward"] for rollout in json.loads(pasted.stdout)["groups"][0]["rollouts"]]
    assert rewards == [1.0, 1.0, 0.0]


def test_the_curl_line_is_one_shell_command() -> None:
    words = shlex.split(tour.curl_line("http://127.0.0.1:1"))
    assert words[0] == "curl"
    assert json.loads(words[-1])["groups"] == [tour.EXAMPLE]


@pytest.mark.slow
def test_the_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent_code = f"""
import time
from pathlib import Path
from memreward_service.demo import process as service_process
service_process.PROGRAM = ({sys.executable!r}, {str(CHILD)!r})
with service_process.ServiceProcess(["--http-port", "0", "--grpc-port", "0"], Path("log")) as service:
    print(service.pid, flush=True)
    time.sleep(600)
"""
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen(
        [sys.executable, "-c", parent_code], stdout=subprocess.PIPE, cwd=tmp_path, env=environment
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        try:
            until(lambda: "listening" in (tmp_path / "log").read_text())
            assert not gone(child)
            parent.send_signal(signal.SIGKILL)
            until(lambda: gone(child))
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DemoError, match=f"^port {port} of 127.0.0.1 is taken: .* another with --port"):
            tour.give_tour(tmp_path / "data", http_port=port, grpc_port=0, once=True)
        with pytest.raises(DemoError, match="another with --grpc-port"):
            tour.give_tour(tmp_path / "data", http_port=0, grpc_port=port, once=True)
    assert not (tmp_path / "data").exists()


def test_a_service_that_cannot_start_is_quoted(tmp_path: Path) -> None:
    with (
        ServiceProcess(["--threshold", "7"], tmp_path / "log") as service,
        pytest.raises(DemoError, match=r"ended with exit code 2: memreward: --threshold .*less than 1"),
    ):
        service.await_answer("http://127.0.0.1:9")


def group(labels: list[float], keys: list[str]) -> PredictedGroup:
    rollouts = tuple(FileRollout(key, label) for key, label in zip(keys, labels, strict=True))
    shares = [keys.count(key) / len(keys) for key in keys]
    predictions = tuple(
        Prediction(0.0, 0.1, "ok", "gnn", Explanation(key, key, share, 0, 0))
        for key, share in zip(keys, shares, strict=True)
    )
    scored = ScoredGroup("0", predictions, (Neighbor("near", 0.75, "Near"),))
    return PredictedGroup(FileQuery("?", rollouts, ground_truth="7"), scored, "m", 1)


def test_majority_rewards_the_most_shared_answer() -> None:
    tied = group([1, 0, 0, 1], ["7", "8", "8", "7"])
    misled = group([0, 0, 0, 1], ["6", "8", "8", "7"])
    assert tour.majority_rewards(tied) == [True, False, False, True]
    assert tour.majority_rewards(misled) == [False, True, True, False]
    summary = tour.summarise_majority([tied, misled])
    assert (summary.compared, summary.right, summary.false_positive_rate) == (8, 5 / 8, 2 / 5)


def test_the_group_shown_is_the_first_mixed_one() -> None:
    clear, mixed = group([1, 1], ["7", "7"]), group([0, 1], ["8", "7"])
    assert tour.mixed_group([clear, mixed, group([1, 0], ["7", "8"])]) is mixed
    assert tour.describe_group(mixed) == [
        "The true answer is 7; 1 of 2 rollouts reach it.",
        "The answer that most rollouts share is wrong here.",
        "MemReward's rewards match the truth for 1 of 2 rollouts.",
        'The nearest query in memory (cosine 0.75) is "Near"',
    ]
    with pytest.raises(DemoError):
        tour.mixed_group([clear])
