"""Rewards beside the truth, and what is shown and written of them."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console

from memreward_client import Prediction, ScoredGroup, Source
from memreward_client.cli.predictions import (
    PredictedGroup,
    clip,
    clip_start,
    last_line,
    number,
    rewards_view,
    summarise_truth,
    write_predictions,
)
from memreward_client.files.rollouts import FileQuery, FileRollout


def predicted(*rollouts: tuple[float | None, float | None, Source | None]) -> PredictedGroup:
    """A group of (label, reward, source)."""
    query = FileQuery("What [b]is[/b] it?", tuple(FileRollout("So\nA: 4", label) for label, _, _ in rollouts))
    answers = tuple(Prediction(reward, reward, "ok", source) for _, reward, source in rollouts)
    return PredictedGroup(query, ScoredGroup("0", answers, ()), "m-1", 3)


def test_only_predicted_rewards_are_compared_with_labels() -> None:
    group = predicted(
        (1.0, 1.0, "gnn"),
        (0.0, 0.9, "gnn"),
        (0.0, 0.0, "gnn"),
        (0.0, 0.2, "gnn"),
        (1.0, 0.4, "gnn"),
        (0.0, 0.0, "label"),
        (1.0, None, None),
        (None, 1.0, "gnn"),
    )
    summary = summarise_truth([group])
    assert (summary.compared, summary.right, summary.false_positive_rate) == (5, 3 / 5, 1 / 3)


def test_without_labels_there_is_nothing_to_compare() -> None:
    summary = summarise_truth([predicted((None, 1.0, "gnn"))])
    assert (summary.compared, summary.right, summary.false_positive_rate) == (0, None, None)


def test_the_view_shows_text_as_it_is() -> None:
    screen = io.StringIO()
    Console(file=screen, width=80).print(rewards_view(predicted((0.0, 0.25, "gnn"), (None, None, None))))
    lines = [line.split() for line in screen.getvalue().splitlines() if line.strip()]
    assert lines[0] == ["What", "[b]is[/b]", "it?"]
    assert lines[-2] == ["A:", "4", "0.25", "0.25", "ok", "0"]
    assert lines[-1] == ["A:", "4", "-", "-", "ok", "-"]


def test_a_written_line_holds_the_prediction_and_the_label(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    write_predictions(path, [predicted((1.0, 0.0, "gnn"))])
    line = json.loads(path.read_text())
    assert line["rollouts"][0] == {
        "policy": None,
        "label": 1.0,
        "reward": 0.0,
        "probability": 0.0,
        "status": "ok",
        "source": "gnn",
        "explanation": None,
        "reason": None,
    }
    assert (line["model_version"], line["memory_version"], line["query"]) == ("m-1", 3, "What [b]is[/b] it?")


def test_texts_and_numbers_for_tables() -> None:
    assert last_line("First\n\nA: 4\n \n") == "A: 4"
    assert last_line("\n") == ""
    assert clip("one\n two", 20) == "one two"
    assert clip("abcdefgh", 5) == "abcd…"
    assert clip_start("one\n two", 20) == "one two"
    assert clip_start("abcdefgh", 5) == "…efgh"
    assert [number(value) for value in (None, 0.0, 1.0, 0.999, 0.5)] == ["-", "0", "1", "1.00", "0.50"]
