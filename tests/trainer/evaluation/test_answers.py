"""`memreward answers`: how every answer is read, and where the labels contradict the reading."""

import json
from pathlib import Path

import pytest

from memreward_client.cli.main import main
from memreward_client.files.rollouts import FileQuery, FileRollout, write_rollout_file
from memreward_proto.records import Experience, StoredRollout
from memreward_trainer.evaluation.answers import (
    contradicted_keys,
    read_answers,
    split_right_answers,
)


def query(*labelled: tuple[str, float | None], domain: str = "math", name: str = "q1") -> Experience:
    rollouts = tuple(StoredRollout(response, label=label) for response, label in labelled)
    return Experience("How many apples?", name, domain, None, rollouts=rollouts)


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["answers", *arguments])
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "apples.jsonl"
    rollouts = (
        FileRollout("Seven. The answer is 7.", 1.0),
        FileRollout("\\boxed{7}", 0.0),
        FileRollout("\\boxed{7}", 1.0),
        FileRollout("\\boxed{9}", 1.0),
        FileRollout(" ", 0.0),
    )
    write_rollout_file(path, [FileQuery("How many apples?", rollouts, "apples", domain="math")])
    return path


def test_a_key_with_right_and_wrong_labels_shows_the_rollouts_that_the_majority_contradicts() -> None:
    read = read_answers([query(("\\boxed{7}", 1.0), ("\\boxed{7}", 1.0), ("\\boxed{7}", 0.0), ("\\boxed{8}", 0.0))])
    (found,) = contradicted_keys(read)
    assert (found.query_id, found.keys) == ("q1", ("7",))
    assert [one.place for one in found.rollouts] == [2]
    assert split_right_answers(read) == []


def test_keys_of_two_queries_do_not_contradict_each_other() -> None:
    read = read_answers([query(("\\boxed{7}", 1.0)), query(("\\boxed{7}", 0.0), name="q2")])
    assert contradicted_keys(read) == []


def test_right_answers_with_several_keys_are_listed_under_the_one_that_most_have() -> None:
    read = read_answers([query(("\\boxed{7}", 1.0), ("\\boxed{8}", 1.0), ("\\boxed{7}", 1.0), ("\\boxed{9}", None))])
    (found,) = split_right_answers(read)
    assert found.keys == ("7", "8")
    assert [one.place for one in found.rollouts] == [1]


def test_the_command_shows_answer_key_rule_and_the_share_without_a_key(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = command(capsys, str(file))
    assert code == 0
    row = next(line for line in out.splitlines() if line.split()[:2] == ["apples", "3"])
    assert row.split() == ["apples", "3", "9", "9", "box", "1"]
    assert "no key" in next(line for line in out.splitlines() if line.split()[:2] == ["apples", "4"])
    total = next(line for line in out.splitlines() if line.split()[:1] == ["all"])
    assert total.split() == ["all", "5", "100.0%", "20.0%", "60.0%"]
    assert "1 of 5 (20.00%)" in out
    assert "1 of 3 (33.33%)" in out


def test_disagree_lists_both_kinds_and_nothing_else(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = command(capsys, str(file), "--disagree")
    assert "one key, right and wrong labels: 1 of the queries" in out
    assert "two keys, both labelled right: 1 of the queries" in out
    against = next(line.split() for line in out.splitlines() if line.split()[:2] == ["apples", "7"])
    assert against == ["apples", "7", "1", "7", "box", "0"]


def test_every_reading_can_be_written_and_one_query_be_chosen(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "readings.jsonl"
    code, _, _ = command(capsys, str(file), "--query", "apples", "--output", str(target))
    assert code == 0
    lines = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert [line["answer_key"] for line in lines] == ["7", "7", "7", "9", None]
    assert lines[3] == {
        "query": "apples", "rollout": 3, "domain": "math", "answer": "9", "answer_key": "9", "rule": "box", "label": 1.0
    }  # fmt: skip


def test_an_unknown_query_and_a_missing_file_are_said_in_one_sentence(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = command(capsys, str(file), "--query", "pears")
    assert (code, err.strip()) == (1, f"memreward: {file} has no query with the id 'pears'.")
    code, _, err = command(capsys, str(file.with_name("none.jsonl")))
    assert code == 2
    assert "none.jsonl" in err
