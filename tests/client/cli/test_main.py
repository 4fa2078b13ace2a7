"""The commands against a real server over a real socket, with an engine of fixed answers behind it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

from client.cli.command_line import run_command
from client.learning_engine import LearningEngine
from memreward_client import Experience
from memreward_client.cli import ingestion, training
from memreward_client.cli import main as cli
from memreward_client.files.rollouts import FileQuery, FileRollout, read_rollout_file, write_rollout_file
from memreward_proto.errors import Unavailable
from memreward_proto.records import Experience as StoredExperience
from memreward_proto.records import ExperienceReceipt, ModelInfo
from serving import Address, serving

BASE_INSTALL = """
import sys
for name in ("pydantic_settings", "torch", "faiss", "fastapi", "sqlalchemy"):
    sys.modules[name] = None
from memreward_client.cli import main as cli
cli.main(sys.argv[1:])
"""


@pytest.fixture
def engine() -> LearningEngine:
    return LearningEngine()


@pytest.fixture
def address(engine: LearningEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Address]:
    monkeypatch.setattr(ingestion, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(training, "POLL_SECONDS", 0.01)
    with serving(engine) as address:
        yield address


@pytest.fixture
def rollout_file(tmp_path: Path) -> Path:
    """Five queries of three rollouts: right, wrong, unlabelled."""
    queries = [
        FileQuery(
            query=f"What is {number} + 1?",
            rollouts=(
                FileRollout(f"It is {number + 1}.", 1.0, "large", label_source="verifier", step=4),
                FileRollout("I say 99.", 0.0, "small"),
                FileRollout("unsure", None, "small", answer="?", answer_key="?"),
            ),
            id=f"sum-{number}",
            dataset="sums",
            domain="math",
            ground_truth=str(number + 1),
        )
        for number in range(5)
    ]
    path = tmp_path / "rollouts.jsonl.gz"
    write_rollout_file(path, queries)
    return path


def test_ingest_stores_everything_and_waits_for_the_memory(
    address: Address, engine: LearningEngine, rollout_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run_command(capsys, "ingest", rollout_file, "--url", address.http, "--batch", 2)

    assert done.code == 0, done.err
    assert "5 queries read: 5 new, 15 new rollouts, 10 new or changed labels" in done.out
    assert "Predictions use memory version 5." in done.out
    assert engine.memory_version == 5
    stored = engine.experience["sum-3"]
    assert (stored.text, stored.domain, stored.dataset) == (
        "What is 3 + 1?",
        "math",
        "sums",
    )
    first, second, third = stored.rollouts
    assert (first.label, first.label_source, first.policy, first.step) == (
        1.0,
        "verifier",
        "large",
        4,
    )
    assert (second.response, second.label) == ("I say 99.", 0.0)
    assert (third.label, third.answer, third.answer_key) == (None, "?", "?")


def test_ingesting_again_adds_nothing(address: Address, rollout_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_command(capsys, "ingest", rollout_file, "--url", address.http)
    again = run_command(capsys, "ingest", rollout_file, "--url", address.http)
    assert again.code == 0
    assert "5 queries read: 0 new, 0 new rollouts, 0 new or changed labels" in again.out


def test_ingest_without_labels_sends_none(
    address: Address, engine: LearningEngine, rollout_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run_command(capsys, "ingest", rollout_file, "--url", address.http, "--without-labels", "--no-wait")
    assert done.code == 0
    assert "Predictions use" not in done.out
    labels = {(r.label, r.label_source) for e in engine.experience.values() for r in e.rollouts}
    assert labels == {(None, None)}


def test_a_bad_line_is_met_before_anything_is_sent(
    address: Address, engine: LearningEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.jsonl"
    good = {"query": "1 + 1?", "rollouts": [{"response": "2"}]}
    path.write_text(json.dumps(good) + '\n{"query": "no rollouts"}\n')
    done = run_command(capsys, "ingest", path, "--url", address.http, "--batch", 1)
    assert done.code == 1
    assert f"{path}:2" in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert engine.experience == {}


def test_an_interrupted_ingest_says_how_far_it_came(
    address: Address,
    engine: LearningEngine,
    rollout_file: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = ingestion.experience_of

    def interrupt_at_the_fourth(query: FileQuery, *, with_labels: bool) -> Experience:
        if query.id == "sum-3":
            raise KeyboardInterrupt
        return whole(query, with_labels=with_labels)

    monkeypatch.setattr(ingestion, "experience_of", interrupt_at_the_fourth)
    stopped = run_command(capsys, "ingest", rollout_file, "--url", address.http, "--batch", 2)
    assert stopped.code == 130
    assert "2 queries are stored" in stopped.err
    assert sorted(engine.experience) == ["sum-0", "sum-1"]


def test_train_follows_the_job_to_its_metrics(
    address: Address, engine: LearningEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run_command(capsys, "train", "--url", address.http, "--seeds", 2, "--epochs", 9)
    assert done.code == 0, done.err
    assert engine.options is not None
    assert (engine.options.seeds, engine.options.epochs) == (2, 9)
    assert "training: 25% running" in done.err
    assert "false_positive_rate" in done.out
    assert "0.9375" in done.out
    assert "Model m-3 answers from now on." in done.out


def test_a_failed_training_is_a_sentence(address: Address, capsys: pytest.CaptureFixture[str]) -> None:
    done = run_command(capsys, "train", "--url", address.http, "--epochs", 13)
    assert done.code == 1
    assert done.err.strip().splitlines()[-1] == "memreward: Training failed: Add 12 labels."


def test_a_second_training_is_refused_in_the_services_words(
    address: Address, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run_command(capsys, "train", "--url", address.http, "--seeds", 7)
    assert (done.code, done.err) == (1, "memreward: A training job is running: wait for job-1.\n")


def test_rewards_are_asked_without_labels_and_shown_beside_them(
    address: Address,
    engine: LearningEngine,
    rollout_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "rewards.jsonl"
    done = run_command(capsys, "rewards", rollout_file, "--url", address.http, "--out", out)

    assert done.code == 0, done.err
    sent = [rollout.label for groups in engine.scored for group in groups for rollout in group.rollouts]
    assert sent == [None] * 15
    # "It is 1." has 8 letters: the engine's 0.8; "I say 99." has 9: 0.9. So both are rewarded.
    assert "50.0% of 10 predicted rewards say what the file's labels say." in done.out
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["id"] for line in lines] == [f"sum-{number}" for number in range(5)]
    assert (lines[0]["model_version"], lines[0]["memory_version"]) == ("m-2", 9)
    right, wrong, unsure = lines[0]["rollouts"]
    assert (right["reward"], right["probability"], right["label"], right["source"]) == (1.0, 0.8, 1.0, "gnn")
    assert (wrong["reward"], wrong["label"], wrong["policy"]) == (1.0, 0.0, "small")
    assert (unsure["reward"], unsure["status"], unsure["label"]) == (None, "abstain", None)


def test_rewards_with_labels_count_no_label_as_a_prediction(
    address: Address, engine: LearningEngine, rollout_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run_command(capsys, "rewards", rollout_file, "--url", address.http, "--with-labels", "--explain")
    assert done.code == 0, done.err
    assert engine.scored[0][0].rollouts[0].label == 1.0
    assert "predicted rewards say" not in done.out
    assert "0.67" in done.out
    why = "27: Labelled right at step 12; 31 of 40 earlier rollouts say the same."
    assert done.out.count(why) == len(engine.scored[0]), "once for all rollouts of which it is true"


def test_an_export_is_what_ingest_reads(
    address: Address,
    engine: LearningEngine,
    rollout_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ingestion, "PAGE_QUERIES", 2)
    run_command(capsys, "ingest", rollout_file, "--url", address.http)
    before = dict(engine.experience)
    backup = tmp_path / "backup.jsonl"

    done = run_command(capsys, "export", backup, "--url", address.http)

    assert (done.code, done.out) == (0, f"5 queries written to {backup}.\n")
    assert [query.query for query in read_rollout_file(backup)] == [f"What is {n} + 1?" for n in range(5)]
    engine.experience.clear()
    run_command(capsys, "ingest", backup, "--url", address.http)
    assert engine.experience == before


def test_an_export_that_fails_leaves_no_file(
    address: Address, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run_command(capsys, "export", tmp_path / "absent" / "backup.jsonl", "--url", address.http)
    assert done.code == 1
    assert "No such file or directory" in done.err
    assert list(tmp_path.iterdir()) == []


def test_prune_says_what_would_go_and_removes_it_with_yes(address: Address, capsys: pytest.CaptureFixture[str]) -> None:
    done = run_command(capsys, "prune", "--url", address.http, "--rollouts", "4")
    assert done.code == 0, done.err
    assert "more rollouts of their query than are kept" in done.out
    assert "Would go: 4 rollouts of 3 queries, 2.0 KiB of text. Nothing is removed yet: --yes removes them." in done.out
    done = run_command(capsys, "prune", "--url", address.http, "--rollouts", "4", "--yes")
    assert "Removed: 4 rollouts of 3 queries, 2.0 KiB of text. The history of each query stays." in done.out
    missing = run_command(capsys, "prune", "--url", address.http)
    assert (missing.code, missing.err) == (1, "memreward: Nothing says what to keep.\n")


def test_models_lists_and_switches(address: Address, capsys: pytest.CaptureFixture[str]) -> None:
    done = run_command(capsys, "models", "--url", address.http, "--activate", "m-1")
    assert done.code == 0, done.err
    assert [line for line in done.out.splitlines() if "active" in line and "m-1" in line]
    missing = run_command(capsys, "models", "--url", address.http, "--activate", "m-9")
    assert (missing.code, missing.err) == (1, "memreward: There is no model m-9.\n")


def test_a_list_of_models_fits_a_terminal(
    address: Address, engine: LearningEngine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    metrics = {"rollouts": 96.0, "auc": 0.87654, "accuracy": 0.75, "false_positive_rate": 0.125}
    model = ModelInfo(
        "gnn-0123456789ab", "2026-11-21T08:15:37.12+00:00", True, 2, 60, 480, metrics, "Taken: AUC 0.877 [0.8, 0.9]."
    )
    kept = [model]

    async def models() -> list[ModelInfo]:
        return kept

    monkeypatch.setattr(engine, "models", models)
    done = run_command(capsys, "models", "--url", address.http)
    row, why = [line.split() for line in done.out.splitlines() if "gnn-" in line]
    assert why == ["gnn-0123456789ab:", "Taken:", "AUC", "0.877", "[0.8,", "0.9]."]
    assert row == ["active", "gnn-0123456789ab", "2026-11-21", "08:15", "480", "0.877", "0.750", "0.125"]
    kept.clear()
    none = run_command(capsys, "models", "--url", address.http)
    assert (none.code, none.out.startswith("No model is trained yet: `memreward train`")) == (0, True)


def test_a_place_that_cannot_be_written_is_met_before_the_work(
    address: Address, engine: LearningEngine, rollout_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "absent" / "rewards.jsonl"
    done = run_command(capsys, "rewards", rollout_file, "--url", address.http, "--out", out)
    assert (done.code, done.err) == (1, f"memreward: {out}: No such file or directory\n")
    assert engine.scored == []


def test_a_line_without_a_domain_is_sent_without_one(
    address: Address, engine: LearningEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plain.jsonl"
    path.write_text('{"id": "q", "query": "1 + 1?", "dataset": "gsm8k", "rollouts": [{"response": "2"}]}\n')
    assert run_command(capsys, "ingest", path, "--url", address.http).code == 0
    assert run_command(capsys, "rewards", path, "--url", address.http).code == 0
    assert engine.experience["q"].domain == engine.scored[0][0].query.domain == "math"


def test_keys(rollout_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(LearningEngine(), api_keys="first,second") as address:
        refused = run_command(capsys, "models", "--url", address.http, "--api-key", "wrong")
        assert refused.code == 1
        assert "refused the API key" in refused.err
        monkeypatch.setenv("MEMREWARD_API_KEYS", "second,first")
        assert run_command(capsys, "models", "--url", address.http).code == 0


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "grpc://127.0.0.1:9"])
def test_nobody_at_the_url(url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # One that waits would fail here, and not only be slow.
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("nobody is there to wait for"))
    done = run_command(capsys, "models", "--url", url)
    assert done.code == 1
    assert (
        done.err
        == f"memreward: No service is reachable at {url}: start one with `memreward serve`, or name it by --url.\n"
    )


def test_a_url_that_names_no_transport(capsys: pytest.CaptureFixture[str]) -> None:
    done = run_command(capsys, "models", "--url", "localhost:8080")
    assert done.code == 1
    assert done.err.startswith(
        "memreward: localhost:8080 is no URL of a service: a URL of a service starts with http://"
    )


def test_a_service_that_restarts_in_the_middle_is_waited_for(
    address: Address, engine: LearningEngine, rollout_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refusals = [Unavailable("The service is stopping.", retry_after=0)] * 2
    stored = engine.add_experience

    async def away_twice(queries: Sequence[StoredExperience]) -> ExperienceReceipt:
        if engine.experience and refusals:
            raise refusals.pop()
        return await stored(queries)

    engine.add_experience = away_twice  # type: ignore[method-assign]
    done = run_command(capsys, "ingest", rollout_file, "--url", address.http, "--batch", 2, "--no-wait")
    assert done.code == 0, done.err
    assert refusals == []
    assert len(engine.experience) == 5


def test_wrong_usage_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(capsys, "ingest", tmp_path / "absent.jsonl").code == 2
    assert run_command(capsys, "rewards").code == 2
    assert run_command(capsys, "unknown").code == 2
    assert run_command(capsys, "evaluate", __file__, "--budget", "2").code == 2


@pytest.mark.parametrize("arguments", [["serve"], ["evaluate", __file__], ["bench"], ["demo"]])
def test_the_base_install_names_the_extra(arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BASE_INSTALL, *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "pip install 'memreward[service]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_base_install_has_help_for_every_command() -> None:
    done = subprocess.run([sys.executable, "-c", BASE_INSTALL, "--help"], capture_output=True, text=True, check=True)
    for command in ("serve", "ingest", "train", "rewards", "export", "models", "evaluate", "bench", "demo"):
        assert f"\n  {command} " in done.stdout


def test_a_command_that_cannot_be_imported_says_so_and_spoils_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [EntryPoint("absent", "no_such_package:app", cli.COMMANDS), *entry_points(group=cli.COMMANDS)]
    monkeypatch.setattr(cli, "entry_points", lambda **_: found)
    helped = run_command(capsys, "--help")
    assert "\n  absent " in helped.out
    assert "\n  serve " in helped.out
    done = run_command(capsys, "absent", "--option", "file")
    assert (done.code, done.err) == (
        1, "memreward: The command absent cannot be imported: No module named 'no_such_package'.\n",
    )  # fmt: skip
