"""Label sets: the choice, the file, and the command that makes it out of data files."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from client.cli.command_line import run_command
from memreward_client.files.rollouts import FileQuery, FileRollout, write_rollout_file
from memreward_trainer.label_sets.choose import LabelSet, LabelSetError

RATIOS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
SUMS = [str(number) for number in range(627)]


def test_each_ratio_has_its_share_of_each_data_set_and_holds_the_smaller_ones() -> None:
    chosen = LabelSet.choose({"sums": SUMS, "few": ["a", "b", "c"]}, RATIOS, seed=0).ratios
    assert [len(chosen[ratio]["sums"]) for ratio in RATIOS] == [63, 125, 188, 251, 314, 376, 439]
    assert [len(chosen[ratio]["few"]) for ratio in RATIOS] == [0, 1, 1, 1, 2, 2, 2]
    for smaller, larger in pairwise(RATIOS):
        assert set(chosen[smaller]["sums"]) < set(chosen[larger]["sums"]) <= set(SUMS)


def test_the_choice_is_that_of_any_other_machine_and_of_no_other_seed_or_data_set() -> None:
    ids = [str(number) for number in range(10)]
    assert LabelSet.choose({"sums": ids}, [0.4], seed=0).ratios == {0.4: {"sums": ("0", "5", "7", "9")}}
    others = [
        LabelSet.choose({"sums": ids}, [0.4], seed=1).ratios[0.4]["sums"],
        LabelSet.choose({"differences": ids}, [0.4], seed=0).ratios[0.4]["differences"],
    ]
    assert len({("0", "5", "7", "9"), *others}) == 3


def test_a_data_set_or_a_ratio_more_changes_nothing_for_the_others() -> None:
    alone = LabelSet.choose({"sums": SUMS}, [0.2], seed=3).ratios[0.2]["sums"]
    beside = LabelSet.choose({"zebras": ["z"], "sums": reversed(SUMS), "apples": SUMS}, RATIOS, seed=3)
    assert beside.ratios[0.2]["sums"] == alone


def test_a_file_reads_back_equal(tmp_path: Path) -> None:
    label_set = LabelSet.choose({"sums": SUMS, "ünï": ["ä/1", "b"]}, RATIOS, seed=5)
    label_set.write(tmp_path / "labels.json")
    assert LabelSet.read(tmp_path / "labels.json") == label_set
    record = json.loads((tmp_path / "labels.json").read_text(encoding="utf-8"))
    assert record["seed"] == 5
    assert list(record["ratios"]) == ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"]
    assert len(record["ratios"]["0.2"]["sums"]) == 125


def test_a_ratio_is_found_by_its_value(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text('{"seed": 0, "ratios": {"0.30": {"sums": ["7"]}, "1": {"sums": ["7", "8"]}}}')
    label_set = LabelSet.read(path)
    assert label_set.at(0.1 * 3) == {"sums": {"7"}}
    assert label_set.at(1) == {"sums": {"7", "8"}}
    with pytest.raises(LabelSetError, match=r"no ratio 0\.4: use one of 0\.3, 1\.0"):
        label_set.at(0.4)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[]", "no object named ratios"),
        ("{", "holds no label set"),
        ('{"seed": "a", "ratios": {}}', "its seed is not a whole number"),
        ('{"seed": 0, "ratios": {"0.1": []}}', "ratio 0.1 is not an object of data sets"),
        ('{"seed": 0, "ratios": {"0.1": {"sums": [1]}}}', "data set sums of ratio 0.1 is not a list of ids"),
        ('{"seed": 0, "ratios": {"few": {}}}', "could not convert"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(content)
    with pytest.raises(LabelSetError, match=sentence):
        LabelSet.read(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(LabelSetError, match=r"cannot be read .*name a file that every machine"):
        LabelSet.read(tmp_path / "labels.json")


def test_the_command_reads_rollout_files_and_verls_data_sets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sums = rollout_file(tmp_path / "sums.jsonl.gz", [(f"sum-{number}", f"{number} + 1?") for number in range(20)])
    again = rollout_file(tmp_path / "again.jsonl", [("sum-3", "3 + 1?"), ("sum-20", "20 + 1?")])
    rows = verl_file(tmp_path / "train.parquet", [verl_row(place) for place in range(40)])
    out = tmp_path / "labels.json"
    told = run_command(capsys, "label-set", sums, again, rows, "--ratios", "0.5,0.1", "--seed", 4, "--out", out)
    assert (told.code, told.out.splitlines()[-1]) == (0, f"The label set is in {out}.")
    assert [cells(line) for line in told.out.splitlines() if "sums" in line] == [
        ["openai/sums", "40", "4", "20"],
        ["sums", "21", "2", "10"],
    ]
    ids = {"sums": [f"sum-{number}" for number in range(21)], "openai/sums": map(str, range(40))}
    assert LabelSet.read(out) == LabelSet.choose(ids, [0.1, 0.5], seed=4)


def test_the_column_of_the_ids_may_be_another_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [verl_row(place) | {"name": f"n-{place}"} for place in range(3)]
    file, out = verl_file(tmp_path / "train.parquet", rows), tmp_path / "labels.json"
    assert run_command(capsys, "label-set", file, "--id-field", "name", "--ratios", "1", "--out", out).code == 0
    assert LabelSet.read(out).at(1.0) == {"openai/sums": {"n-0", "n-1", "n-2"}}


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([0, {"index": 0}], "row 2: the id '0' of openai/sums is also that of another query (FILE, row 1)"),
        ([0, {"index": None}], "row 2 has no whole number or text at extra_info.index: name the column"),
        ([{"split": "train"}], "row 1 has no whole number or text at extra_info.index"),
        ([], "There is no query in FILE"),
    ],
)
def test_ids_that_do_not_tell_queries_apart_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: list[Any], sentence: str
) -> None:
    given = [
        verl_row(place) | ({"extra_info": extra} if isinstance(extra, dict) else {}) for place, extra in enumerate(rows)
    ]
    file, out = verl_file(tmp_path / "train.parquet", given), tmp_path / "labels.json"
    told = run_command(capsys, "label-set", file, "--out", out)
    assert told.code == 1
    assert sentence.replace("FILE", str(file)) in told.err
    assert not out.exists()


def test_rollout_files_without_ids_or_data_set_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "labels.json"
    nameless = rollout_file(tmp_path / "a.jsonl", [("x", "X?"), (None, "Y?")])
    assert "query 2 has no id: add it" in run_command(capsys, "label-set", nameless, "--out", out).err
    homeless = rollout_file(tmp_path / "b.jsonl", [("x", "X?")], dataset=None)
    assert "query 1 has no dataset: add it" in run_command(capsys, "label-set", homeless, "--out", out).err
    taken = rollout_file(tmp_path / "c.jsonl", [("x", "X?"), ("x", "Z?")])
    assert "the id 'x' of sums is also that of another query" in run_command(
        capsys, "label-set", taken, "--out", out
    ).err.replace("\n", " ")
    assert not out.exists()


@pytest.mark.parametrize("ratios", ["", "0.1,many", "0,0.1", "1.5", "nan"])
def test_ratios_that_are_no_shares_are_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ratios: str
) -> None:
    file = rollout_file(tmp_path / "a.jsonl", [("x", "X?")])
    told = run_command(capsys, "label-set", file, "--ratios", ratios, "--out", tmp_path / "labels.json")
    assert told.code == 2
    assert f"--ratios: {ratios!r} is no list of shares" in told.err


def test_without_pyarrow_and_with_a_damaged_file_the_command_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "train.parquet"
    file.write_bytes(b"PAR2, or so")
    told = run_command(capsys, "label-set", file, "--out", tmp_path / "labels.json")
    assert (told.code, "is no Parquet file that can be read" in told.err) == (1, True)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    told = run_command(capsys, "label-set", file, "--out", tmp_path / "labels.json")
    assert (told.code, "needs pyarrow: install it" in told.err) == (1, True)


def rollout_file(path: Path, queries: list[tuple[str | None, str]], dataset: str | None = "sums") -> Path:
    rollouts = (FileRollout("It is 4."),)
    write_rollout_file(path, [FileQuery(text, rollouts, query_id, dataset) for query_id, text in queries])
    return path


def verl_row(place: int) -> dict[str, Any]:
    return {
        "data_source": "openai/sums",
        "prompt": [{"role": "user", "content": f"{place} + 1?"}],
        "reward_model": {"ground_truth": str(place + 1)},
        "extra_info": {"split": "train", "index": place},
    }


def verl_file(path: Path, rows: list[dict[str, Any]]) -> Path:
    table = pyarrow.Table.from_pylist(rows) if rows else pyarrow.table({"data_source": pyarrow.array([], "string")})
    parquet.write_table(table, path)
    return path


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("│ ").split("│")]
