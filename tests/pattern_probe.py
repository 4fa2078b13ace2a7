"""Every regular expression of the packages, and how long it takes on hostile texts: `python -m pattern_probe`.

It prints a JSON list of [place, pattern, what it was run on, seconds] for what was slow. Run in a process of its own,
because an expression that backtracks cannot be stopped otherwise.

An expression that is only used by `match` and `fullmatch` is tried at the beginning of a text, any other one at all its
places. Short texts come first: only what takes more than its share there is run on longer ones.
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
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PACKAGES = ("memreward_proto", "memreward_client", "memreward_service", "memreward_trainer")
LENGTH = 200_000
"""The longest text that the service reads (max_text_chars)."""
SECONDS = 0.5
"""CPU time that one pass over such a text may take: linear ones take a tenth of it."""
LENGTHS = (10_000, 40_000, LENGTH)
"""Characters of the texts that are tried, one after the other while a pass takes more than its share: the time in which
work that grows with the square of the length would pass SECONDS on the longest text.
"""
CUT_SECONDS = 0.005
"""What a pass over a text may take that was cut to a sentence."""
CUT = {
    (
        "memreward_service.answers.places.quantities",
        "_TOKEN",
    ): "memreward_service.answers.places.quantities.LONGEST_SENTENCE",
    (
        "memreward_service.answers.places.sentences",
        "_OPENING",
    ): "memreward_service.answers.places.quantities.LONGEST_SENTENCE",
}
"""Expressions that only ever see a text that was cut, and the constant that says to how many characters."""
MADE = {"memreward_service.answers.programs.definitions._other_definition": "name"}
"""Functions that make an expression of a word, and the word that is tried."""
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


class Found:
    """An expression, where it stands, and how it is used: `anchored` by `match` and `fullmatch` only, on texts of at
    most `length` characters.
    """

    def __init__(self, place: str, pattern: re.Pattern[Any], anchored: bool, length: int = LENGTH) -> None:
        self.place, self.pattern, self.anchored, self.length = place, pattern, anchored, length


class Uses:
    """How the names of expressions are used in all modules."""

    def __init__(self, trees: dict[str, ast.Module]) -> None:
        self._methods: dict[tuple[str, str], set[str]] = {}
        for module, tree in trees.items():
            called = {id(node.value): node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
            for node in ast.walk(tree):
                if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
                    name = node.id if isinstance(node, ast.Name) else f".{node.attr}"
                    self._methods.setdefault(self._key(module, name), set()).add(called.get(id(node), "is handed on"))

    def anchored(self, module: str, name: str) -> bool:
        """Whether the name is known to be used by `match` and `fullmatch` alone."""
        methods = self._methods.get(self._key(module, name), set())
        return bool(methods) and methods <= {"match", "fullmatch", "pattern"}

    @staticmethod
    def _key(module: str, name: str) -> tuple[str, str]:
        return (module if name.startswith("_") else "", name)


def patterns() -> tuple[list[Found], list[str]]:
    """All expressions, and the places whose expression cannot be found without running them."""
    found: dict[tuple[str | bytes, int], Found] = {}
    hidden: list[str] = []
    trees = {name: ast.parse(file.read_text()) for name, file in modules()}
    uses = Uses(trees)

    def add(place: str, pattern: re.Pattern[Any], anchored: bool, length: int = LENGTH) -> None:
        known = found.setdefault((pattern.pattern, pattern.flags), Found(place, pattern, anchored, length))
        known.anchored, known.length = known.anchored and anchored, max(known.length, length)

    for name, tree in trees.items():
        calls = [call for call in ast.walk(tree) if _is_of_re(call)]
        if not calls:
            continue
        kept = list(_patterns_in(vars(importlib.import_module(name)).items()))
        for variable, pattern in kept:
            cut = CUT.get((name, variable))
            add(f"{name}.{variable}", pattern, uses.anchored(name, variable), _constant(cut) if cut else LENGTH)
        for call in calls:
            given = call.args[0]
            if isinstance(given, ast.Constant):
                flags = eval(compile(ast.Expression(_flags(call)), "flags", "eval"), {"re": re})
                pattern = re.compile(given.value, flags)
                if call.func.attr != "compile" or (pattern.pattern, pattern.flags) not in found:
                    add(f"{name}:{call.lineno}", pattern, call.func.attr in ("match", "fullmatch"))
            elif not kept or call.func.attr != "compile":
                hidden.append(f"{name}: {ast.unparse(call)}")
    for function, word in MADE.items():
        add(function, _constant(function)(word), anchored=False)
    return list(found.values()), hidden


def _constant(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


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


def _patterns_in(named: Any, depth: int = 0) -> Iterator[tuple[str, re.Pattern[Any]]]:
    """(the variable or .attribute, pattern) of the expressions in values, in their attributes, in what they hold."""
    for name, value in named:
        if isinstance(value, re.Pattern):
            yield name, value
        elif depth < 4 and isinstance(value, dict):
            yield from _patterns_in([("held", each) for pair in value.items() for each in pair], depth + 1)
        elif depth < 4 and isinstance(value, tuple | list | set | frozenset):
            yield from _patterns_in([("held", each) for each in value], depth + 1)
        elif depth < 4 and type(value).__module__.startswith(PACKAGES):
            slots = {each: getattr(value, each, None) for each in getattr(type(value), "__slots__", ())}
            attributes = slots | getattr(value, "__dict__", {})
            yield from _patterns_in([(f".{each}", part) for each, part in attributes.items()], depth + 1)


def hostile_texts(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str, str, str]]:
    """(name, beginning, what is repeated, end) of texts: runs of every character that the pattern names, and of what it
    matches, cut off before the end.
    """
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    tree = parser.parse(source, pattern.flags & (re.VERBOSE | re.IGNORECASE | re.MULTILINE | re.DOTALL))
    letters = list(dict.fromkeys([*list(dict.fromkeys(_letters(tree)))[:30], *COMMON]))
    samples = list(dict.fromkeys(filter(None, (_sample(tree, least) for least in (True, False)))))
    for letter in letters:
        yield f"{letter!r} * n", "", letter, ""
        yield f"{letter!r} * n + 'x'", "", letter, "\x01"
    for sample in samples:
        yield f"{sample!r} * n", "", sample, ""
        for cut in sorted({1, 2, 3, 5, 8, len(sample) // 2, len(sample) - 1} & set(range(1, len(sample)))):
            begun = sample[:cut]
            yield f"{begun!r} * n", "", begun, ""
            for letter in [*letters[:6], " ", "\n", "a", "7"]:
                yield f"{begun!r} + {letter!r} * n", begun, letter, ""


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


def seconds_of(pattern: re.Pattern[Any], text: Any, anchored: bool) -> float:
    """CPU time of one pass over a text; infinite where it was stopped."""
    began = time.process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        if anchored:
            pattern.match(text)
        else:
            deque(pattern.finditer(text), maxlen=0)
        pattern.fullmatch(text)
    except Slow:
        return float("inf")
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return time.process_time() - began


def slow(found: Found) -> tuple[str, float] | None:
    """The first hostile text on which the pattern is slow."""
    passes = [(length, SECONDS * (length / LENGTH) ** 2) for length in LENGTHS]
    if found.length < LENGTH:
        passes = [(found.length, CUT_SECONDS)]
    for name, begun, repeated, end in hostile_texts(found.pattern):
        for length, seconds in passes:
            count = length - len(begun) - len(end)
            text: Any = begun + (repeated * (count // len(repeated) + 1))[:count] + end
            text = text if isinstance(found.pattern.pattern, str) else text.encode("latin-1", "replace")
            if (taken := seconds_of(found.pattern, text, found.anchored)) <= seconds:
                break
        else:
            return name, taken
    return None


def main() -> None:
    """Probe the packages, or the patterns that are given."""

    def stop(*_: object) -> None:
        raise Slow

    signal.signal(signal.SIGVTALRM, stop)
    given = [Found("given", re.compile(each), anchored=False) for each in sys.argv[1:]]
    known, hidden = (given, []) if given else patterns()
    failures = [
        [
            each.place,
            each.pattern.pattern if isinstance(each.pattern.pattern, str) else repr(each.pattern.pattern),
            *found,
        ]
        for each in known
        if (found := slow(each)) is not None
    ]
    print(json.dumps({"patterns": len(known), "slow": failures, "hidden": hidden}))


if __name__ == "__main__":
    main()
