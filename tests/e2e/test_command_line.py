"""Every command as a new user types it, in a process of its own: what it says, its exit code, what it leaves."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from e2e.conftest import Trained
from e2e.service_process import MEMREWARD, clean_environment, free_ports, until
from memreward_client.files.rollouts import read_rollout_file, write_rollout_file
from memreward_service.demo.rollouts import draw_rollouts

pytestmark = pytest.mark.slow

Done = subprocess.CompletedProcess[str]


def memreward(*arguments: object, folder: Path, timeout: float = 120) -> Done:
    command = [MEMREWARD, *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=clean_environment(), timeout=timeout, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def refused(done: Done, code: int, sentence: str) -> None:
    """The last words are one sentence that says `sentence`; a wrong option has the usage above it."""
    assert done.returncode == code, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert re.search(sentence, last), done.stderr
    assert last.startswith("memreward: " if code == 1 else ("memreward: ", "Error: ", "memreward serve: error: "))


@pytest.fixture(scope="module")
def rollout_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "rollouts.jsonl.gz"
    write_rollout_file(path, [replace(query, id=f"mine-{query.id}") for query in draw_rollouts(23, 25)])
    return path


def test_the_way_of_a_new_user(trained: Trained, rollout_file: Path, tmp_path: Path) -> None:
    at = ("--url", trained.service.url)
    [first] = [model for model in trained.service.get("/v1/models")["models"] if model["active"]]
    few = tmp_path / "few.jsonl"
    write_rollout_file(few, list(read_rollout_file(rollout_file))[:3])

    done = memreward("ingest", few, "--without-labels", *at, folder=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        "3 queries read: 3 new, 24 new rollouts, 0 new or changed labels.",
    )
    done = memreward("ingest", few, *at, folder=tmp_path)
    assert "3 queries read: 0 new, 0 new rollouts, 24 new or changed labels." in done.stdout
    assert re.search(r"^Predictions use memory version \d+\.$", done.stdout, re.MULTILINE)

    done = memreward("rewards", few, "--out", "scored.jsonl", "--explain", *at, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"% of 24 predicted rewards say what the file's labels say", done.stdout)
    scored = [json.loads(line) for line in (tmp_path / "scored.jsonl").read_text().splitlines()]
    assert [len(line["rollouts"]) for line in scored] == [8, 8, 8]
    assert {line["model_version"] for line in scored} == {first["model_version"]}

    done = memreward("train", "--seeds", 1, "--epochs", 1, *at, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "training: 100% succeeded" in done.stderr
    second = re.search(r"^Model (\S+) answers from now on", done.stdout, re.MULTILINE)
    assert second is not None
    done = memreward("models", "--activate", first["model_version"], *at, folder=tmp_path)
    rows = {row.split()[1 if "active" in row else 0]: row for row in done.stdout.splitlines() if "gnn-" in row}
    assert "active" in rows[first["model_version"]]
    assert "active" not in rows[second[1]]

    done = memreward("export", "backup.jsonl.gz", *at, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    exported = {query.id: query for query in read_rollout_file(tmp_path / "backup.jsonl.gz")}
    assert done.stdout == f"{len(exported)} queries written to backup.jsonl.gz.\n"
    for query in read_rollout_file(few):
        assert [r.response for r in exported[query.id].rollouts] == [r.response for r in query.rollouts]


def test_wrong_input_is_told_in_a_sentence(trained: Trained, rollout_file: Path, tmp_path: Path) -> None:
    at = ("--url", trained.service.url)
    (tmp_path / "bad.jsonl").write_text('{"query": "x", "rollouts": [{"response": "1"}]}\n{"query": "x"\n')
    refused(memreward("ingest", "absent.jsonl", *at, folder=tmp_path), 2, "'absent.jsonl' does not exist")
    refused(memreward("ingest", "bad.jsonl", *at, folder=tmp_path), 1, r"bad\.jsonl:2: bad JSON: .* at column 14$")
    refused(memreward("models", "--activate", "gnn-0", *at, folder=tmp_path), 1, "no model 'gnn-0'")
    refused(memreward("train", "--seeds", 99, *at, folder=tmp_path), 1, "whole number from 1 to 32")
    refused(memreward("rewards", rollout_file, "--out", "no/x", *at, folder=tmp_path), 1, "^memreward: no/x: No such")
    refused(memreward("export", "no/x", *at, folder=tmp_path), 1, "^memreward: no/x: No such")
    refused(memreward("evaluate", rollout_file, "--regime", "x", folder=tmp_path), 2, "'x' is not one of")
    refused(memreward("nothing", folder=tmp_path), 2, "No such command")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.jsonl"]


def test_without_a_service_the_commands_say_how_to_start_one(rollout_file: Path, tmp_path: Path) -> None:
    at = ("--url", f"http://127.0.0.1:{free_ports()[0]}")
    refused(memreward("ingest", rollout_file, *at, folder=tmp_path), 1, "start one with `memreward serve`")
    refused(memreward("train", *at, folder=tmp_path), 1, "start one with `memreward serve`")


def test_a_service_that_cannot_start_says_why(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(memreward("serve", "--threshold", 7, folder=tmp_path), 2, "--threshold .*less than 1")
    refused(memreward("serve", "--http-port", 0, "--data-dir", "file/x", folder=tmp_path), 1, "memreward: The folder")
    taken = ("--http-port", trained.service.http_port, "--grpc-port", 0, "--data-dir", "new")
    refused(memreward("serve", *taken, folder=tmp_path), 1, "cannot listen on 127.0.0.1:.* set MEMREWARD_HTTP_PORT")


def test_evaluate_measures_without_a_service(rollout_file: Path, tmp_path: Path) -> None:
    options = ("--budget", 0.6, "--seeds", 1, "--epochs", 1, "--data-dir", "kept", "--output", "figures.json")
    done = memreward("evaluate", rollout_file, *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    facts = json.loads((tmp_path / "figures.json").read_text())
    [point] = facts["budgets"]
    assert (facts["queries"], facts["rollouts"], point["budget"]) == (25, 200, 0.6)
    assert point["mean"]["MemReward"]["labels_spent"]["mean"] == pytest.approx(0.6, abs=0.05)
    refused(memreward("evaluate", rollout_file, "--budget", 0.1, *options[2:], folder=tmp_path), 1, "labelled")


def test_bench_prints_its_times_and_keeps_them(tmp_path: Path) -> None:
    options = ("--memory-queries", 12, "--groups", 2, "--rollouts", 2, "--repeats", 1, "--output", "times.json")
    done = memreward("bench", *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "warm" in done.stdout
    json.loads((tmp_path / "times.json").read_text())


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on this machine")
def test_the_demos_last_lines_work_when_pasted(tmp_path: Path) -> None:
    http_port, grpc_port = free_ports()
    ports = ("--port", http_port, "--grpc-port", grpc_port)
    done = memreward("demo", "--once", *ports, "--data-dir", "demo", folder=tmp_path, timeout=240)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    # The last row of the curve: at a fifth of the labels the planner is beyond chance, and that beyond the majority.
    [last] = [re.findall(r"([\d.]+)%", line) for line in lines if re.match(r"│ +20% │", line)]
    assert float(last[3]) > float(last[2]) > float(last[1])
    [serve] = [line for line in lines if line.startswith("memreward serve ")]
    [curl] = [line for line in lines if line.startswith("curl ")]

    environment = clean_environment() | {"PATH": f"{Path(MEMREWARD).parent}:/usr/bin:/bin"}
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(["/bin/sh", "-c", f"exec {serve}"], stdout=log, stderr=log, env=environment) as service,
    ):
        try:
            pasted = paste_until_ready(curl)
        finally:
            service.terminate()
    [group] = pasted["groups"]
    assert [rollout["explanation"]["answer_key"] for rollout in group["rollouts"]] == ["30", "30", "50"]
    assert all(0 <= rollout["probability"] <= 1 for rollout in group["rollouts"])


def paste_until_ready(curl: str) -> dict[str, list[dict[str, list[dict[str, dict[str, str]]]]]]:
    """What the line prints once the service that it asks has loaded its model."""
    printed: list[str] = []

    def answered() -> bool:
        time.sleep(0.1)
        pasted = subprocess.run(["/bin/sh", "-c", curl], capture_output=True, text=True, check=False)
        printed.append(pasted.stdout)
        return '"groups"' in pasted.stdout

    until(answered)
    answer: dict[str, list[dict[str, list[dict[str, dict[str, str]]]]]] = json.loads(printed[-1])
    return answer
