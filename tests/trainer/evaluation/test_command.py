"""`memreward evaluate` and `bench` end to end, on rollouts made here."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from memreward_client.files.rollouts import FileQuery, FileRollout, write_rollout_file
from memreward_proto.errors import InvalidArgument
from memreward_service.demo.rollouts import draw_rollouts
from memreward_trainer.bench.command import bench
from memreward_trainer.evaluation.arms import ARMS
from memreward_trainer.evaluation.command import evaluate
from memreward_trainer.evaluation.tables import means

DATA = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "demo.jsonl"
    write_rollout_file(path, draw_rollouts(seed=11, queries=80))
    return path


@pytest.fixture(scope="module", autouse=True)
def embeddings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The tests read the same texts: they are embedded once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("memreward_trainer.evaluation.command.CACHE_FOLDER", tmp_path_factory.mktemp("embeddings"))
        yield


def run(file: Path, tmp_path: Path, regime: str, **other: object) -> dict[str, dict[str, dict[str, float]]]:
    options: dict[str, object] = {"budget": 0.3, "seeds": 1, "rollouts": None, "policies": None, "epochs": 20}
    options |= {"output": tmp_path / "figures.json", "data_dir": None} | other
    evaluate(file, regime=regime, **options)  # type: ignore[arg-type]
    facts = json.loads((tmp_path / "figures.json").read_text())
    return facts["budgets"][0]["mean"]  # type: ignore[no-any-return]


@pytest.mark.slow
def test_the_engine_is_measured_beside_the_baselines_and_labels_inside_the_group_help(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reached = {}
    for regime in ("queries", "rollouts"):
        mean = run(file, tmp_path, regime)
        assert list(mean) == ["MemReward", "agreement share", "boosted trees", "logistic regr."]
        assert mean["agreement share"]["auc"]["mean"] > 0.8
        assert mean["MemReward"]["auc"]["mean"] > 0.8
        assert mean["MemReward"]["rollouts"]["mean"] == 448
        printed = capsys.readouterr().out
        assert f"regime {regime}" in printed
        assert "MemReward" in printed
        reached[regime] = mean["MemReward"]["auc"]["mean"]
    assert reached["rollouts"] > reached["queries"]


@pytest.mark.slow
def test_the_planner_spends_the_same_labels_better_than_chance(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    some = {name: ARMS[name] for name in ("label planner", "random labels", "oracle")}
    monkeypatch.setattr("memreward_trainer.evaluation.arms.ARMS", some)
    mean = run(file, tmp_path, "rollouts", budget=0.2, planner=True)
    assert list(mean) == list(some)
    spent = {method: figures["labels_spent"]["mean"] for method, figures in mean.items()}
    assert spent["random labels"] == pytest.approx(128 / 640)
    assert spent["label planner"] <= 128 / 640
    assert all(share <= 128 / 640 for share in spent.values())
    right = {method: figures["right"]["mean"] for method, figures in mean.items()}
    assert right["label planner"] > right["random labels"] + 0.02
    alone = {method: figures["right_without_network"]["mean"] for method, figures in mean.items()}
    assert alone["oracle"] == max(alone.values())
    assert right["oracle"] > right["random labels"]
    assert "labels" in capsys.readouterr().out


@pytest.mark.slow
def test_how_often_the_intervals_of_trust_hold_the_truth(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memreward_trainer.evaluation.trust_check.DRAWS", 40)
    monkeypatch.setattr("memreward_trainer.evaluation.trust_check.AUDIT_SHARES", (0.0, 0.9))
    mean = run(file, tmp_path, "queries", trust=True)
    ways = "chance", "whole groups", "planner, 0% audited", "planner, 90% audited"
    assert list(mean) == [f"{way}: {row}" for way in ways for row in ("truth", "estimate", "width", "holds")]
    for way in ways:
        figures = {row: mean[f"{way}: {row}"] for row in ("truth", "estimate", "width", "holds")}
        if way == "planner, 0% audited":
            assert {name: value["mean"] for name, value in figures["truth"].items()} == {"audited": 0.0, "given": 0.0}
            continue
        assert figures["truth"]["audited"]["mean"] >= 50
        assert abs(figures["truth"]["auc"]["mean"] - figures["estimate"]["auc"]["mean"]) < 0.05
        for name in ("auc", "false_positive_rate", "false_negative_rate"):
            assert figures["holds"][name]["mean"] >= 0.9
            assert 0 < figures["width"][name]["mean"] < 0.8
    assert "95% interval" in capsys.readouterr().out


@pytest.mark.slow
def test_what_three_kinds_of_rewards_teach(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mean = run(file, tmp_path, "queries", rewards=True)
    arms = "threshold", "soft", "corrected"
    assert list(mean) == [f"{situation}: {arm}" for situation in ("queries", "planned") for arm in arms]
    value = {row: {name: figure["mean"] for name, figure in figures.items()} for row, figures in mean.items()}
    assert value["queries: corrected"] == pytest.approx(value["queries: threshold"], abs=1e-4)
    assert value["queries: threshold"]["labels_spent"] == 0.0
    assert 0 < value["planned: threshold"]["labels_spent"] <= 109 / 640
    for arm in arms:
        assert value[f"planned: {arm}"]["right"] == value["planned: threshold"]["right"]
    assert value["planned: threshold"]["correlation"] > value["queries: threshold"]["correlation"] > 0.5
    assert "false grad." in capsys.readouterr().out


@pytest.mark.slow
def test_the_curve_is_drawn_for_every_budget(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memreward_trainer.evaluation.command.BUDGETS", (0.2, 0.4))
    two = {name: ARMS[name] for name in ("planner, no network", "random labels")}
    monkeypatch.setattr("memreward_trainer.evaluation.arms.ARMS", two)
    run(file, tmp_path, "rollouts", planner=True, curve=True, epochs=2)
    facts = json.loads((tmp_path / "figures.json").read_text())
    assert [each["budget"] for each in facts["budgets"]] == [0.2, 0.4]
    assert (tmp_path / "figures.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_programs_are_compared_by_what_they_do(tmp_path: Path) -> None:
    programs = "return {0} * n", "return n * {0}", "return sum([n] * {0})", "return n", "raise ValueError"
    queries = [
        FileQuery(
            query=f'def times_{factor}(n: int) -> int:\n    """{factor} times n."""\n',
            rollouts=tuple(
                FileRollout(f"def times_{factor}(n):\n    {body.format(factor)}", float(place < 3))
                for place, body in enumerate(programs)
            ),
            domain="code",
        )
        for factor in range(2, 42)
    ]
    write_rollout_file(tmp_path / "programs.jsonl", queries)
    by_behaviour = run(tmp_path / "programs.jsonl", tmp_path, "queries", epochs=2)
    by_text = run(tmp_path / "programs.jsonl", tmp_path, "queries", epochs=2, behaviour=False)
    assert by_behaviour["agreement share"]["auc"]["mean"] == 1.0
    assert by_text["agreement share"]["auc"]["mean"] == 0.5


def test_wrong_options_say_what_to_use(file: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="use queries, rollouts, epochs"):
        run(file, tmp_path, "everything")
    with pytest.raises(InvalidArgument, match="more than 0"):
        run(file, tmp_path, "queries", budget=0.0)
    with pytest.raises(InvalidArgument, match="--regime rollouts"):
        run(file, tmp_path, "queries", planner=True)
    for option in ("trust", "rewards"):
        for other in ({"regime": "rollouts"}, {"regime": "queries", "curve": True}):
            with pytest.raises(InvalidArgument, match=f"--{option} is measured on whole queries at one budget"):
                run(file, tmp_path, **{option: True}, **other)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="alone"):
        run(file, tmp_path, "queries", trust=True, rewards=True)
    both = [*draw_rollouts(seed=1, queries=2), FileQuery("Why?", (FileRollout("So.", label=1.0),), domain="text")]
    write_rollout_file(file, both)
    with pytest.raises(InvalidArgument, match="trust is given by domain: keep one of them"):
        run(file, tmp_path, "queries", trust=True)


def test_means_leave_out_what_a_run_could_not_define() -> None:
    runs = [{"m": {"auc": 0.8, "fpr": 0.1}}, {"m": {"auc": 0.6}}]
    assert means(runs) == {
        "m": {
            "auc": {"mean": pytest.approx(0.7), "spread": pytest.approx(0.1414, abs=1e-4)},
            "fpr": {"mean": 0.1, "spread": 0.0},
        }
    }


@pytest.mark.slow
def test_bench_times_the_engine_and_both_transports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("memreward_trainer.bench.command.CACHE_FOLDER", tmp_path)
    bench(tmp_path / "bench.json", memory_queries=24, groups=4, rollouts=4, repeats=2, http=True)
    rows = json.loads((tmp_path / "bench.json").read_text())["rows"]
    assert [row["name"].split(",")[0] for row in rows] == [
        "published procedure", "engine", "engine", "engine", "answers read", "answers read",
        "HTTP", "HTTP", "gRPC", "gRPC",
        "HTTP", "HTTP", "HTTP", "HTTP", "gRPC", "gRPC", "gRPC", "gRPC",
    ]  # fmt: skip
    alone = [row["name"] for row in rows if "one by one" in row["name"]]
    assert [name.split(", ")[:2] for name in alone] == [[t, s] for t in ("HTTP", "gRPC") for s in ("warm", "cold")]
    assert all(value > 0 for row in rows for value in row["milliseconds"])
    assert "p95 ms" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.skipif(not DATA.exists(), reason="the real rollouts are not beside the project")
def test_labels_of_siblings_beat_text_agreement_of_real_programs(tmp_path: Path) -> None:
    mean = run(DATA / "humaneval.jsonl.gz", tmp_path, "rollouts", rollouts=4, behaviour=False)
    assert mean["MemReward"]["rollouts"]["mean"] == 227
    assert mean["MemReward"]["auc"]["mean"] > mean["agreement share"]["auc"]["mean"]


@pytest.mark.slow
def test_a_second_epoch_needs_no_label_where_memory_knows_the_query(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "epochs.json"
    evaluate(
        file, regime="epochs", budget=0.2, seeds=1, rollouts=None, policies=None, output=target, data_dir=None, epochs=5
    )
    facts = json.loads(target.read_text())
    right = {name: figures["right"]["mean"] for name, figures in facts["mean"].items() if "right" in figures}
    assert right["second, memory, no label"] > right["second, no memory"] + 0.03
    assert right["second, memory, 3% labels"] >= right["second, memory, no label"]
    (many,) = facts["many_epochs"]
    assert many[-1]["labels"] < many[0]["labels"] / 4
    assert target.with_suffix(".png").exists()
