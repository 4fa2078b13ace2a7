"""How tests are read, and what is equal to what they expect."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from memreward_trainer.sandbox.inside.literals import Opaque
from memreward_trainer.verifiers.comparisons import Match, same_output, same_value
from memreward_trainer.verifiers.program_tests import CallTest, NotUnderstood, ScriptTest, SourceTest, read_tests


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("assert f(1)", [SourceTest("assert f(1)")]),
        ('"""Tests."""\nassert f(1)', [SourceTest('"""Tests."""\nassert f(1)')]),
        ("[f(x) for x in y]", [SourceTest("[f(x) for x in y]")]),
        (["assert f(1)", "assert f(2)"], [SourceTest("assert f(1)"), SourceTest("assert f(2)")]),
        ("['assert f(1)', 'assert f(2)']", [SourceTest("assert f(1)"), SourceTest("assert f(2)")]),
        ({"test": "def check(c): ...", "entry_point": "S().f"}, [SourceTest("def check(c): ...", "f")]),
        ({"input": "1", "output": "2"}, [ScriptTest("1", "2")]),
        ({"stdin": "1", "expected_output": "2"}, [ScriptTest("1", "2")]),
        ({"input": "", "output": 2}, [ScriptTest("", "2")]),
        ({"inputs": ["1", "2"], "outputs": ["3", "4"]}, [ScriptTest("1", "3"), ScriptTest("2", "4")]),
        ({"inputs": [["1", "2"]], "outputs": [["3", "4"]]}, [ScriptTest("1\n2", "3\n4")]),
        ({"inputs": [], "outputs": [], "input": "1", "output": "2"}, None),
        ({"fn_name": "f", "inputs": [[1, [2]]], "outputs": [3]}, [CallTest("f", (1, [2]), (3,))]),
        ({"fn_name": "f", "inputs": [[1]], "outputs": [[3]]}, [CallTest("f", (1,), ([3], 3))]),
        ({"fn_name": "f", "inputs": ["1\n[2]"], "outputs": ["[3]"]}, [CallTest("f", (1, [2]), ([3],))]),
        ([{"input": "1", "output": "2", "testtype": "stdin"}], [ScriptTest("1", "2")]),
        (
            [{"input": '"a"\n2', "output": "x", "testtype": "functional", "metadata": {"func_name": "f"}}],
            [CallTest("f", ("a", 2), ("x",))],
        ),
        ({"test_cases": [{"type": "stdin_stdout", "input": "1", "output": "2"}]}, [ScriptTest("1", "2")]),
        ({"fn_name": "f", "test_cases": [{"input": [1], "output": 2}]}, [CallTest("f", (1,), (2,))]),
        ({"input_output": json.dumps({"inputs": ["1"], "outputs": ["2"]})}, [ScriptTest("1", "2")]),
        (json.dumps(json.dumps({"input": "1", "output": "2"})), [ScriptTest("1", "2")]),
        ("{'inputs': ['1'], 'outputs': ['2']}", [ScriptTest("1", "2")]),
        ({"inputs": [[1, 2]], "outputs": [3]}, [CallTest(None, (1, 2), (3,))]),
    ],
)
def test_a_test_is_read(written: Any, read: list[Any] | None) -> None:
    text = written if isinstance(written, str) else json.dumps(written)
    if read is None:
        with pytest.raises(NotUnderstood):
            read_tests([text])
    else:
        assert read_tests([text]) == read


@pytest.mark.parametrize(
    "written",
    [
        "",
        "[]",
        "{}",
        "[1]",
        "[null]",
        '{"inputs": ["1", "2"], "outputs": ["1"]}',
        '{"input": "1"}',
        '[[["assert f(1)"]], 2]',
        '{"input": "1", "output": "2", "testtype": "graphics"}',
        '{"input": [1], "output": "2", "testtype": "stdin"}',
        '[{"input": "not json", "output": "2", "testtype": "functional"}]',
        "[" * 9 + '"assert 1"' + "]" * 9,
        '{"input": {"file": 1}, "checker": "c"}',
        "[" * 100_000,
    ],
)
def test_what_is_no_test_is_not_understood(written: str) -> None:
    if written.startswith("[" * 100):
        assert read_tests([written]) == [SourceTest(written)], "the process of the tests says that it is no Python"
    else:
        with pytest.raises(NotUnderstood):
            read_tests([written])


def test_hidden_tests_that_are_packed_are_a_source_that_is_no_python() -> None:
    packed = base64.b64encode(b"zip" * 30).decode()
    assert read_tests([json.dumps({"private_test_cases": packed})]) == [SourceTest(packed)]


EQUAL, UNCLEAR, DIFFERENT = Match.EQUAL, Match.UNCLEAR, Match.DIFFERENT


@pytest.mark.parametrize(
    ("found", "expected", "match"),
    [
        (1, 1, EQUAL),
        (1, 1.0, EQUAL),
        ((1, (2,)), [1, [2]], EQUAL),
        ("a", "a", EQUAL),
        ({1: "x"}, {"1": "x"}, EQUAL),
        (True, True, EQUAL),
        (None, None, EQUAL),
        (0.1 + 0.2, 0.3, UNCLEAR),
        ([1.0000001], [1], UNCLEAR),
        ({1, 2}, [2, 1], UNCLEAR),
        ({1, 2}, [1, 3], DIFFERENT),
        ({1}, [1, 1], DIFFERENT),
        (1, 2, DIFFERENT),
        ("1", 1, DIFFERENT),
        ([1, 2], [2, 1], DIFFERENT),
        ([1], [1, 1], DIFFERENT),
        ({"a": 1}, {"b": 1}, DIFFERENT),
        (1.1, 1, DIFFERENT),
        (10**17 + 1, 10**17, DIFFERENT),
        ([0.3, 1], [0.1 + 0.2, 2], DIFFERENT),
        (float("nan"), 1.0, DIFFERENT),
    ],
)
def test_returned_values_are_compared(found: Any, expected: Any, match: Match) -> None:
    assert same_value(found, expected) is match


def test_a_value_that_is_not_plain_is_another() -> None:
    assert same_value(Opaque("object"), 1) is DIFFERENT
    assert same_value([Opaque("object")], [1]) is DIFFERENT


@pytest.mark.parametrize(
    ("found", "expected", "match"),
    [
        ("1\n2\n", "1\n2", EQUAL),
        ("1 \n2\n\n", "1\n2", EQUAL),
        ("0.50\n", "0.5", EQUAL),
        ("", "", EQUAL),
        ("1 2", "1\n2", UNCLEAR),
        ("1  2", "1 2", UNCLEAR),
        ("0.3333333", "0.33333334", UNCLEAR),
        ("1\r\n2", "1\n2", EQUAL),
        ("1", "2", DIFFERENT),
        ("1 2", "1", DIFFERENT),
        ("yes", "no", DIFFERENT),
        ("0.34", "0.33", DIFFERENT),
        ("1000000000001", "1000000000002", DIFFERENT),
        ("", "1", DIFFERENT),
        ("1e5", "100000", EQUAL),
        ("nan", "1", DIFFERENT),
        ("9" * 500, "8" * 500, DIFFERENT),
        ("1e999999999", "1e999999998", DIFFERENT),
    ],
)
def test_printed_lines_are_compared(found: str, expected: str, match: Match) -> None:
    assert same_output(found, expected) is match
