import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memreward_client.files.rollouts import (
    FileQuery,
    FileRollout,
    RolloutFileError,
    read_rollout_file,
    write_rollout_file,
)

REAL = Path(__file__).parents[4] / "shared" / "data"
GOOD = '{"query": "1+1?", "rollouts": [{"response": "2"}]}'


def written(path: Path, *lines: str) -> Path:
    data = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def message(path: Path) -> str:
    with pytest.raises(RolloutFileError) as refused:
        list(read_rollout_file(path))
    return str(refused.value)


@pytest.mark.parametrize("name", ["rollouts.jsonl", "rollouts.jsonl.gz"])
def test_a_full_line_is_read_key_by_key(tmp_path: Path, name: str) -> None:
    line = {
        "id": "q1",
        "dataset": "humaneval",
        "domain": "code",
        "query": "Schreibe 🙂",
        "ground_truth": None,
        "tests": ["assert f(1)", "assert f(2)"],
        "unknown": {"passed": "over"},
        "rollouts": [
            {
                "policy": "p",
                "response": "r",
                "label": 1,
                "id": "r1",
                "thinking": "t",
                "answer": "a",
                "answer_key": "k",
                "label_source": "verifier",
                "step": 3,
                "behaviour": [["v1", "xValueError"], ["t"]],
            },
            {"response": "", "label": 0.25},
            {"response": "x", "label": None, "policy": None},
        ],
    }
    [query] = read_rollout_file(written(tmp_path / name, json.dumps(line)))
    assert query == FileQuery(
        query="Schreibe 🙂",
        rollouts=(
            FileRollout("r", 1.0, "p", "r1", "t", "a", "k", "verifier", 3, (("v1", "xValueError"), ("t",))),
            FileRollout("", 0.25),
            FileRollout("x"),
        ),
        id="q1",
        dataset="humaneval",
        domain="code",
        tests=("assert f(1)", "assert f(2)"),
    )


def test_blank_lines_and_a_byte_order_mark_are_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", "\ufeff" + GOOD, "", "  ", GOOD)
    assert [query.query for query in read_rollout_file(path)] == ["1+1?", "1+1?"]


def test_an_empty_file_has_no_queries(tmp_path: Path) -> None:
    assert list(read_rollout_file(written(tmp_path / "a.jsonl"))) == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('{"query": "1+1?", ', "bad JSON: "),
        ("[" * 100_000, "bad JSON: "),
        ('{"query": ' + "9" * 5000 + "}", "bad JSON: "),
        ("[]", "a line must be a JSON object"),
        ('{"rollouts": [{"response": "2"}]}', "query is missing"),
        ('{"query": null, "rollouts": [{"response": "2"}]}', "query is missing"),
        ('{"query": 7, "rollouts": [{"response": "2"}]}', "query must be a string"),
        ('{"query": " ", "rollouts": [{"response": "2"}]}', "query is blank"),
        ('{"query": "\\ud83d", "rollouts": [{"response": "2"}]}', "query holds half of a surrogate pair"),
        ('{"query": "?", "id": "", "rollouts": [{"response": "2"}]}', "id is empty"),
        ('{"query": "?", "domain": "maths", "rollouts": [{"response": "2"}]}', "unknown domain 'maths'"),
        ('{"query": "?"}', "no rollouts"),
        ('{"query": "?", "rollouts": []}', "no rollouts"),
        ('{"query": "?", "rollouts": {"response": "2"}}', "no rollouts"),
        ('{"query": "?", "rollouts": ["2"]}', "rollouts[0] must be a JSON object"),
        ('{"query": "?", "rollouts": [{"response": "2"}, {}]}', "rollouts[1].response is missing"),
        (
            '{"query": "?", "rollouts": [{"response": "2", "label": NaN}]}',
            "rollouts[0].label must be a number",
        ),
        ('{"query": "?", "rollouts": [{"response": "2", "label": 1.5}]}', "from 0 to 1, not 1.5"),
        ('{"query": "?", "rollouts": [{"response": "2", "label": -1}]}', "from 0 to 1, not -1"),
        ('{"query": "?", "rollouts": [{"response": "2", "label": "1"}]}', "from 0 to 1, not '1'"),
        ('{"query": "?", "rollouts": [{"response": "2", "step": 1.5}]}', "rollouts[0].step must be a whole"),
        ('{"query": "?", "rollouts": [{"response": "2", "step": -1}]}', "rollouts[0].step must be a whole"),
        (
            '{"query": "?", "rollouts": [{"response": "2", "answer": 4}]}',
            "rollouts[0].answer must be a string",
        ),
        *(
            (
                f'{{"query": "?", "rollouts": [{{"response": "2", "behaviour": {behaviour}}}]}}',
                "rollouts[0].behaviour must",
            )
            for behaviour in (
                "[]",
                '["v"]',
                "[[]]",
                '[["v"], []]',
                "[[1]]",
                '[["v", ""]]',
                '[["v\\n"]]',
                '"v"',
                '{"a": 1}',
            )
        ),
        ('{"query": "?", "tests": "assert", "rollouts": [{"response": "2"}]}', "tests must be a list"),
    ],
)
def test_a_wrong_line_is_named_with_what_is_wrong(tmp_path: Path, line: str, wrong: str) -> None:
    path = written(tmp_path / "a.jsonl", GOOD, "", line, GOOD)
    text = message(path)
    assert text.startswith(f"{path}:3: ")
    assert wrong in text


def test_queries_before_the_wrong_line_are_read(tmp_path: Path) -> None:
    queries = read_rollout_file(written(tmp_path / "a.jsonl", GOOD, "{}"))
    assert next(queries).query == "1+1?"
    with pytest.raises(RolloutFileError):
        next(queries)


def test_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD.encode() + b'\n{"query": "caf\xe9"}\n')
    assert message(path) == f"{path}:2: not UTF-8 (byte 15 of the line)"


def test_gzip_that_is_cut_off_damaged_or_none(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    whole = gzip.compress(f"{GOOD}\n".encode() * 50)
    path.write_bytes(whole[:-12])
    assert "the gzip data is cut off or damaged" in message(path)
    path.write_bytes(whole[:12] + b"\xff\xff\xff" + whole[15:])
    assert "the gzip data is cut off or damaged" in message(path)
    path.write_text(GOOD)
    assert message(path).startswith(f"{path}:1: the gzip data is cut off or damaged")


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(read_rollout_file(tmp_path / "none.jsonl"))


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_what_is_written_reads_back_equal(tmp_path: Path, name: str) -> None:
    queries = [
        FileQuery(
            "Zeile 1\nZeile 2\u2028 🙂 \x00",
            (FileRollout("r\r\n", 0.1, "p", "r1", "t", "a", "k", "expert", 2**62, (("v", "n"),)), FileRollout("")),
            "q1",
            "d",
            "code",
            "42",
            ("t1", "t2"),
        ),
        FileQuery("?", (FileRollout("r"),)),
    ]
    assert write_rollout_file(tmp_path / name, iter(queries)) == 2
    assert list(read_rollout_file(tmp_path / name)) == queries
    assert [path.name for path in tmp_path.iterdir()] == [name]
    first = (tmp_path / name).read_bytes()
    write_rollout_file(tmp_path / name, queries)
    assert (tmp_path / name).read_bytes() == first


@pytest.mark.parametrize(
    "wrong",
    [
        FileQuery("?", ()),
        FileQuery("?", (FileRollout("r", float("nan")),)),
        FileQuery("?", (FileRollout("r"),), domain="maths"),
        FileQuery("half \ud83d", (FileRollout("r"),)),
    ],
)
def test_a_query_that_no_reader_takes_leaves_the_old_file(tmp_path: Path, wrong: FileQuery) -> None:
    path = tmp_path / "out.jsonl.gz"
    good = [FileQuery("?", (FileRollout("r"),))]
    write_rollout_file(path, good)
    with pytest.raises(RolloutFileError) as refused:
        write_rollout_file(path, [*good, *good, wrong])
    assert str(refused.value).startswith(f"{path}:3: ")
    assert list(read_rollout_file(path)) == good
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_a_source_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def broken() -> Iterator[FileQuery]:
        yield FileQuery("?", (FileRollout("r"),))
        raise ConnectionError("the service went away")

    with pytest.raises(ConnectionError):
        write_rollout_file(tmp_path / "out.jsonl", broken())
    assert list(tmp_path.iterdir()) == []


def test_reading_needs_only_the_standard_library() -> None:
    program = (
        "import sys; import memreward_client.files.rollouts; "
        "heavy = {'torch', 'sqlalchemy', 'pydantic', 'numpy', 'memreward_service'}; "
        "print(heavy & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "queries", "rollouts"), [("gsm8k", 627, 16), ("humaneval", 81, 16)])
def test_real_files_are_read_whole_and_round_trip(tmp_path: Path, name: str, queries: int, rollouts: int) -> None:
    source = REAL / f"{name}.jsonl.gz"
    if not source.exists():
        pytest.skip("the real rollouts are not on this machine")
    read = list(read_rollout_file(source))
    assert len(read) == queries
    assert {len(query.rollouts) for query in read} == {rollouts}
    assert {rollout.label for query in read for rollout in query.rollouts} == {0.0, 1.0}
    write_rollout_file(tmp_path / "copy.jsonl", read)
    assert list(read_rollout_file(tmp_path / "copy.jsonl")) == read
