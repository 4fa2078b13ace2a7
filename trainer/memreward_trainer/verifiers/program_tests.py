"""Tests of a program in the formats that data sets have, read into three kinds: sources, calls, scripts.

| written as | found in | read as |
|---|---|---|
| Python source: assertions, `def check(candidate)`, test functions | HumanEval, MBPP | sources |
| {"test": source, "entry_point": name} | rows of HumanEval | sources |
| a JSON list of assertions | MBPP, AceCode | sources |
| {"input": text, "output": text}, also stdin, stdout, expected_output | CodeContests | scripts |
| {"inputs": [text, ..], "outputs": [text, ..]}, also lists of lines | APPS, TACO | scripts |
| the same with "fn_name", where an input is a list of arguments | APPS, TACO | calls |
| [{"input": .., "output": .., "testtype": "stdin"}, ..] | LiveCodeBench | scripts |
| the same with "functional", where a line of input is one argument | LiveCodeBench | calls |
| {"test_cases": ..} around any of them, or any of them as a text in JSON | PrimeIntellect, KodCode | what is inside |
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

WRAPPERS = (
    *("test_cases", "testcases", "tests", "cases", "unit_tests", "public_test_cases", "private_test_cases"),
    *("input_output", "assert_case", "asserts", "assertions", "test_list", "test_code", "functional"),
)
"""Fields that hold tests in any format."""
INPUTS, OUTPUTS = ("inputs", "stdins"), ("outputs", "stdouts", "expected_outputs")
"""Fields with one item a test."""
INPUT, OUTPUT = ("input", "stdin"), ("output", "stdout", "expected_output", "expected")
"""Fields of one test."""
NAMES = ("fn_name", "func_name", "function_name", "entry_point")
"""Fields that name the function to call."""
CALL_TYPES = frozenset({"functional", "function_call", "function", "call"})
SCRIPT_TYPES = frozenset({"stdin", "stdin_stdout", "stdio", "script"})
"""What `testtype` or `type` say."""
MOST_LAYERS = 6
"""Texts and lists around a test."""
_MISSING = object()


class NotUnderstood(Exception):
    """A test is in no format that is known: why, as a phrase."""


@dataclass(frozen=True, slots=True)
class SourceTest:
    """Python source that fails where the program is wrong."""

    source: str
    entry_point: str | None = None
    """The function that it takes, where the test says."""


@dataclass(frozen=True, slots=True)
class CallTest:
    """One call and what it has to return, as JSON has it: no tuples, and the keys of dicts are texts."""

    name: str | None
    args: tuple[Any, ...]
    expected: tuple[Any, ...]
    """Any of them is right."""
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScriptTest:
    """What a script reads and has to print."""

    stdin: str
    stdout: str


ProgramTest = SourceTest | CallTest | ScriptTest


def read_tests(texts: Sequence[str]) -> list[ProgramTest]:
    """The tests in `texts`. Raises NotUnderstood; there is at least one where it does not."""
    found = [test for text in texts for test in _of_text(text, None, MOST_LAYERS)]
    if not found:
        raise NotUnderstood("there is none in them")
    return found


def _of_text(text: str, name: str | None, layers: int) -> Iterator[ProgramTest]:
    value = _data(text) if text.lstrip()[:1] in ("{", "[", '"', "'") else None
    if isinstance(value, (dict, list, str)):
        yield from _of_value(value, name, layers)
    elif text.strip():
        yield SourceTest(text, name)


def _data(text: str) -> Any:
    """A text as JSON, else as a Python literal; None where it is neither."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _of_value(value: Any, name: str | None, layers: int) -> Iterator[ProgramTest]:
    if layers == 0:
        raise NotUnderstood("they are wrapped too often")
    if isinstance(value, str):
        yield from _of_text(value, name, layers - 1)
    elif isinstance(value, list):
        for item in value:
            yield from _of_value(item, name, layers - 1)
    elif isinstance(value, dict):
        yield from _of_fields(value, _name(value) or name, layers)
    else:
        raise NotUnderstood(f"one is a {type(value).__name__}")


def _of_fields(fields: dict[str, Any], name: str | None, layers: int) -> Iterator[ProgramTest]:
    if isinstance(source := fields.get("test"), str):
        yield SourceTest(source, name)
        return
    given, due = _field(fields, INPUTS), _field(fields, OUTPUTS)
    if isinstance(given, list) and isinstance(due, list):
        if len(given) != len(due):
            raise NotUnderstood(f"one has {len(given)} inputs and {len(due)} outputs")
        for one, expected in zip(given, due, strict=True):
            wrapped = (expected[0],) if isinstance(expected, list) and len(expected) == 1 else ()
            yield _pair(fields, name, one, (expected, *wrapped))
        return
    given, due = _field(fields, (*INPUT, *INPUTS)), _field(fields, (*OUTPUT, *OUTPUTS))
    if given is not _MISSING and due is not _MISSING:
        yield _pair(fields, name, given, (due,))
        return
    inner = [key for key in WRAPPERS if fields.get(key)]
    if not inner:
        raise NotUnderstood(f"one has the fields {', '.join(map(repr, fields))[:200]}")
    for key in inner:
        yield from _of_value(fields[key], name, layers - 1)


def _pair(fields: dict[str, Any], name: str | None, given: Any, expected: tuple[Any, ...]) -> ProgramTest:
    """One input with its output: a call where the test says so or the input is no text."""
    kind = str(fields.get("testtype") or fields.get("type") or "").lower()
    if kind and kind not in CALL_TYPES | SCRIPT_TYPES:
        raise NotUnderstood(f"one has the type {kind[:80]!r}")
    stdin, stdout = _lines(given), _lines(expected[0])
    if kind in SCRIPT_TYPES or (kind not in CALL_TYPES and name is None and stdin is not None):
        if stdin is None or stdout is None:
            raise NotUnderstood("one of a script has an input or an output that is no text")
        return ScriptTest(stdin, stdout)
    if isinstance(given, str):
        return CallTest(name, _arguments(given), tuple(map(_loaded, expected)))
    if isinstance(given, dict):
        return CallTest(name, (), expected, given)
    return CallTest(name, tuple(given) if isinstance(given, list) else (given,), expected)


def _arguments(text: str) -> tuple[Any, ...]:
    """Arguments as JSON, one a line."""
    try:
        return tuple(json.loads(line) for line in text.split("\n") if line.strip())
    except (ValueError, RecursionError):
        raise NotUnderstood("one has arguments that are no JSON") from None


def _loaded(expected: Any) -> Any:
    try:
        return json.loads(expected)
    except (ValueError, TypeError, RecursionError):
        return expected


def _lines(value: Any) -> str | None:
    """A text, lines as one text, or a number as it is printed; None for anything else."""
    if isinstance(value, list) and value and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _field(fields: dict[str, Any], names: Sequence[str]) -> Any:
    return next((fields[name] for name in names if fields.get(name) is not None), _MISSING)


def _name(fields: dict[str, Any]) -> str | None:
    """The function that a test names, itself or in its `metadata`; of `Solution().f` the method."""
    inner = _loaded(fields.get("metadata"))
    for place in (fields, inner if isinstance(inner, dict) else {}):
        for key in NAMES:
            if isinstance(name := place.get(key), str) and name.strip():
                return name.strip().rpartition(".")[2]
    return None
