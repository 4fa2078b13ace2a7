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

from memreward_client.cli import ingestion, training
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
    rows = re.findall(r"(?:MemReward|agreement majority)(?:, no label)? +│ 1920 +│ +([\d.]+)% │ +([\d.]+)%", said.out)
    majority, model = rows[:2]
    assert 70 < float(majority[0]) < 90
    assert float(model[1]) < float(majority[1])
    # The child asks for labels one group after the other, and believes them.
    curve = re.findall(r"│ +(\d+)% │ +([\d.]+)% │ +([\d.]+)% │ +([\d.]+)% │ █", said.out)
    assert [point[0] for point in curve[:6]] == ["0", "2", "5", "10", "15", "20"]
    assert curve[0][1:] == (majority[0], model[0], model[0])
    assert all(float(last) > float(first) + 3 for first, last in zip(curve[0][1:], curve[5][1:], strict=True))
    assert "wrong rollouts rewarded" in said.out.split("GET /v1/trust")[1]


def test_every_tour_has_a_service_of_its_own(tmp_path: Path) -> None:
    for name in ("service", "service-2", "service-3"):
        assert tour.fresh_folder(tmp_path) == tmp_path / name
        (tmp_path / name).mkdir()


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
