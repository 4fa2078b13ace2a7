"""Every regular expression of the packages, and how long it takes on hostile texts: `python -m pattern_probe`.

It prints a JSON list of [place, pattern, what it was run on, seconds] for what was slow. Run in a process of its own,
because an expression that backtracks cannot be stopped otherwise.
"""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
import re._constants as op
import re._parser as parser
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PACKAGES = ("memreward_proto", "memreward_client", "memreward_service", "memreward_trainer")
LENGTH = 200_000
"""The longest text that the service reads (max_text_chars)."""
SECONDS = 0.5
"""CPU time that one pass over such a text may take: linear ones take a tenth of it."""
FUNCTIONS = {"compile", "match", "search", "sub", "subn", "split", "findall", "finditer", "fullmatch"}
CATEGORIES = {
    op.CATEGORY_SPACE: " \n", op.CATEGORY_DIGIT: "7", op.CATEGORY_WORD: "a_7é",
    op.CATEGORY_NOT_SPACE: "a(", op.CATEGORY_NOT_DIGIT: "a ", op.CATEGORY_NOT_WORD: " (.",
}  # fmt: skip
COMMON = [" ", "\n", "\t", "(", "[", "{", "7", "a", "\\", "é", "\r\n", " \n", "a ", "7 ", "7,", "- ", "\x00"]


class Slow(Exception):
    """A pass took more than SECONDS."""


def modules() -> Iterator[tuple[str, Path]]:
    """The name and file of every module of ours, not imported."""
    for package in PACKAGES:
        (root,) = importlib.import_module(package).__path__
        for found in pkgutil.walk_packages([root], package + "."):
            file = Path(root, *found.name.split(".")[1:])
            yield found.name, file / "__init__.py" if found.ispkg else file.with_suffix(".py")


def patterns() -> tuple[list[tuple[str, re.Pattern[Any]]], list[str]]:
    """(place, pattern) of all expressions, and the places whose expression cannot be found without running them."""
    found: dict[tuple[str | bytes, int], tuple[str, re.Pattern[Any]]] = {}
    hidden: list[str] = []
    for name, file in modules():
        calls = [call for call in ast.walk(ast.parse(file.read_text())) if _is_of_re(call)]
        if not calls:
            continue
        kept = list(_patterns_in(vars(importlib.import_module(name)).values()))
        for pattern in kept:
            found.setdefault((pattern.pattern, pattern.flags), (name, pattern))
        for call in calls:
            given = call.args[0]
            if isinstance(given, ast.Constant):
                flags = eval(compile(ast.Expression(_flags(call)), "flags", "eval"), {"re": re})
                pattern = re.compile(given.value, flags)
                found.setdefault((pattern.pattern, pattern.flags), (f"{name}:{call.lineno}", pattern))
            elif not kept or call.func.attr != "compile":
                hidden.append(f"{name}: {ast.unparse(call)}")
    return list(found.values()), hidden


def _is_of_re(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr in FUNCTIONS
    )


def _flags(call: ast.Call) -> ast.expr:
    named = next((each.value for each in call.keywords if each.arg == "flags"), None)
    if named is not None:
        return named
    if call.func.attr == "compile" and len(call.args) > 1:
        return call.args[1]
    return ast.copy_location(ast.Constant(0), call)


def _patterns_in(values: Any, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    for value in values:
        if isinstance(value, re.Pattern):
            yield value
        elif depth < 4 and isinstance(value, dict):
            yield from _patterns_in([*value.keys(), *value.values()], depth + 1)
        elif depth < 4 and isinstance(value, tuple | list | set | frozenset):
            yield from _patterns_in(value, depth + 1)
        elif depth < 4 and type(value).__module__.startswith(PACKAGES):
            parts = [getattr(value, each, None) for each in getattr(type(value), "__slots__", ())]
            yield from _patterns_in([*parts, *getattr(value, "__dict__", {}).values()], depth + 1)


def hostile_texts(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str]]:
    """(name, text): runs of every character that the pattern names, and of what it matches, cut off before the end."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    tree = parser.parse(source, pattern.flags & (re.VERBOSE | re.IGNORECASE | re.MULTILINE | re.DOTALL))
    letters = list(dict.fromkeys([*list(dict.fromkeys(_letters(tree)))[:30], *COMMON]))
    samples = list(dict.fromkeys(filter(None, (_sample(tree, least) for least in (True, False)))))
    for letter in letters:
        yield f"{letter!r} * n", _filled(letter)
        yield f"{letter!r} * n + 'x'", _filled(letter)[:-1] + "\x01"
    for sample in samples:
        yield f"{sample!r} * n", _filled(sample)
        for cut in sorted({1, 2, 3, 5, 8, len(sample) // 2, len(sample) - 1} & set(range(1, len(sample)))):
            begun = sample[:cut]
            yield f"{begun!r} * n", _filled(begun)
            for letter in [*letters[:6], " ", "\n", "a", "7"]:
                yield f"{begun!r} + {letter!r} * n", begun + _filled(letter)[: LENGTH - len(begun)]


def _filled(text: str) -> str:
    return (text * (LENGTH // len(text) + 1))[:LENGTH]


def _letters(tree: Any) -> Iterator[str]:
    for kind, value in tree:
        if kind in (op.LITERAL, op.NOT_LITERAL):
            yield chr(value)
        elif kind is op.RANGE:
            yield from (chr(value[0]), chr(value[1]))
        elif kind is op.CATEGORY:
            yield from CATEGORIES.get(value, "a")
        elif kind is op.IN:
            yield from _letters(value)
        else:
            for part in _parts(value):
                yield from _letters(part)


def _parts(value: Any) -> Iterator[Any]:
    """The trees inside a node."""
    if isinstance(value, parser.SubPattern):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _parts(each)


def _sample(tree: Any, least: bool) -> str:
    """A text about as the pattern matches it; lookarounds are left out."""
    text = ""
    for kind, value in tree:
        if kind is op.LITERAL:
            text += chr(value)
        elif kind in (op.NOT_LITERAL, op.ANY):
            text += "b"
        elif kind is op.IN:
            text += next(iter(_letters([each for each in value if each[0] is not op.NEGATE])), "b")
        elif kind is op.BRANCH:
            text += _sample(value[1][0 if least else -1], least)
        elif kind is op.SUBPATTERN:
            text += _sample(value[3], least)
        elif kind is op.ATOMIC_GROUP:
            text += _sample(value, least)
        elif kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            low, high, inner = value
            text += _sample(inner, least) * (low if least else min(high, max(low, 1) + 1))
    return text[:400]


def seconds_of(pattern: re.Pattern[Any], text: Any) -> float:
    """CPU time of one pass over a text; infinite where it was stopped."""
    began = time.process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        for found in pattern.finditer(text):
            del found
        pattern.fullmatch(text)
    except Slow:
        return float("inf")
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return time.process_time() - began


def slow(pattern: re.Pattern[Any]) -> tuple[str, float] | None:
    """The first hostile text on which the pattern is slow."""
    for name, text in hostile_texts(pattern):
        given = text if isinstance(pattern.pattern, str) else text.encode("latin-1", "replace")
        if (taken := seconds_of(pattern, given)) > SECONDS:
            return name, taken
    return None


def main() -> None:
    """Probe the packages, or the patterns that are given."""

    def stop(*_: object) -> None:
        raise Slow

    signal.signal(signal.SIGVTALRM, stop)
    known, hidden = patterns()
    if len(sys.argv) > 1:
        known, hidden = [("given", re.compile(each)) for each in sys.argv[1:]], []
    failures = [
        [place, pattern.pattern if isinstance(pattern.pattern, str) else repr(pattern.pattern), *found]
        for place, pattern in known
        if (found := slow(pattern)) is not None
    ]
    print(json.dumps({"patterns": len(known), "slow": failures, "hidden": hidden}))


if __name__ == "__main__":
    main()
