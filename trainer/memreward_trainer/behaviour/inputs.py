"""Inputs on which the programs of a group are compared: from the types of the function asked for, and from its query.

An annotated parameter has the type it says. For the others the types are tried in combinations of a small pool, the
likelier ones first (by the names of the parameters); the service keeps the combination on which the group returns
values. Values are drawn with a seed made of the function's name and the types, so a query always gets the same ones.
Arguments that are drawn apart seldom have to do with each other, so that some rows are made related.
"""

from __future__ import annotations

import ast
import itertools
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from memreward_trainer.behaviour.values import ValueSource
from memreward_trainer.sandbox.query_code import QueryCode

COMBINATIONS = 48
"""Combinations of types that are tried at most."""
RELATED = 4
"""One row in so many has related arguments: equal numbers, a text and a piece of it, a list and one of its items."""
MOST_SHOWN = 16
"""Calls that the query shows of which inputs are made, at most."""
POOL = ("int", "str", "list[int]", "list[str]", "float", "list[list[int]]", "tuple[int, int]", "list[float]")
"""Types of a parameter that says nothing about itself."""
NAMES = (
    (re.compile(r"(lst|list|arr|array|nums|numbers|values|items|xs|ys|l|q)\d*"), "list[int]"),
    (re.compile(r"(grid|matrix|board|table|mat)"), "list[list[int]]"),
    (re.compile(r"(?<!\w)(s|t|c|str|string|char|text|txt|word|message|msg|sentence|date|key|name|\w+_name)\d*"), "str"),
    (re.compile(r"(words|strings|names|strs|texts|lines)"), "list[str]"),
    (re.compile(r"(interval|pair|point)\d*"), "tuple[int, int]"),
    (re.compile(r"(n|m|k|x|y|z|a|b|i|j|w|h|num|number|size|count|capacity|shift|limit)\d*"), "int"),
)
"""What parameters are usually called."""
_UNSIGNED = re.compile(r"\b(?:positive|non-?negative|natural|unsigned)\b", re.IGNORECASE)
_QUOTED = re.compile(r"'([^'\n]{1,12})'|\"([^\"\n]{1,12})\"|`([^`\n]{1,12})`")


@dataclass(frozen=True, slots=True)
class InputSet:
    """Arguments for one combination of types."""

    types: tuple[str, ...]
    inputs: tuple[tuple[Any, ...], ...]


def input_sets(code: QueryCode, text: str) -> list[InputSet]:
    """Inputs for the function that `code` asks for, the likeliest types first; nothing where it asks for none.

    The calls that the query shows settle the types of the parameters that say nothing about themselves, and stand
    first among the inputs of every set.
    """
    if not code.asked:
        return []
    function = code.asked[-1]
    parameters = [*function.args.posonlyargs, *function.args.args]
    if code.owner and not any(ast.unparse(one) == "staticmethod" for one in function.decorator_list):
        parameters = parameters[1:]
    if not parameters:
        return [InputSet((), ((),))]
    shown = tuple(row for row in example_inputs(code, text) if len(row) == len(parameters))[:MOST_SHOWN]
    choices = [_types(parameter, [row[place] for row in shown]) for place, parameter in enumerate(parameters)]
    alphabet, signed = _alphabet(function, text), not _UNSIGNED.search(text)
    sets = (_input_set(function.name, types, alphabet, signed) for types in _combinations(choices))
    return [InputSet(made.types, shown + made.inputs) for made in sets]


def example_inputs(code: QueryCode, text: str) -> list[tuple[Any, ...]]:
    """The arguments of the calls that the query shows (`>>> f(1, 2)`, `f("ab") -> 3`); what they give is not read."""
    if code.entry_point is None:
        return []
    found: dict[str, tuple[Any, ...]] = {}
    for match in re.finditer(rf"(?<![\w.]){re.escape(code.entry_point)}\(", text):
        if text[: match.start()].rstrip().endswith("def"):
            continue
        arguments = _call_arguments(text[match.start() :].split("\n", 1)[0])
        if arguments is not None:
            found.setdefault(repr(arguments), arguments)
    return list(found.values())


def _call_arguments(line: str) -> tuple[Any, ...] | None:
    """The arguments of the call that `line` begins with, where they are literals."""
    for end, character in enumerate(line):
        if character == ")":
            try:
                call = ast.parse(line[: end + 1], mode="eval").body
                if isinstance(call, ast.Call) and not call.keywords:
                    return tuple(ast.literal_eval(argument) for argument in call.args)
            except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
                continue
    return None


def _alphabet(function: ast.FunctionDef, text: str) -> tuple[str, ...]:
    """What the texts of the inputs seem to be made of: pieces with a sign in them that the query quotes, as "<"."""
    quoted = ("".join(found) for found in _QUOTED.findall(ast.get_docstring(function) or text))
    tokens = tuple(
        dict.fromkeys(piece for piece in quoted if len(piece) <= 2 and not piece.isalnum() and piece.strip())
    )
    return tokens if len(tokens) > 1 else ()


def _combinations(choices: list[list[str]]) -> list[tuple[str, ...]]:
    """Combinations of types, the likeliest first: the sum of how far down each type stands in its own list."""
    if len(choices) > 2:
        choices = [types[:4] for types in choices]
    ranked: Iterator[tuple[int, tuple[str, ...]]] = (
        (sum(rank for rank, _ in combination), tuple(kind for _, kind in combination))
        for combination in itertools.product(*map(enumerate, choices))
    )
    return [kinds for _, kinds in sorted(ranked, key=lambda pair: pair[0])[:COMBINATIONS]]


def _types(parameter: ast.arg, shown: list[Any]) -> list[str]:
    """Types that a parameter may have, the likeliest first: annotated, shown in a call, or usual for its name."""
    if (kind := parameter.annotation) is not None:
        while isinstance(kind, ast.BinOp):  # int | None: the first one
            kind = kind.left
        return [str(kind.value) if isinstance(kind, ast.Constant) else ast.unparse(kind)]
    seen = list(dict.fromkeys(filter(None, map(_type_name, shown))))
    if seen:
        return seen
    usual = next((kind for pattern, kind in NAMES if pattern.fullmatch(parameter.arg.lower())), None)
    return sorted(POOL, key=lambda kind: kind != usual)


def _type_name(value: Any) -> str | None:
    """The type of a literal as an annotation; None for an empty container, which says too little."""
    if isinstance(value, tuple) and value:
        parts = [_type_name(item) for item in value]
        return f"tuple[{', '.join(part or 'int' for part in parts)}]"
    if isinstance(value, (list, set)):
        inner = next(filter(None, map(_type_name, value)), None)
        return inner and f"{type(value).__name__}[{inner}]"
    if isinstance(value, dict):
        key, item = next(((_type_name(key), _type_name(item)) for key, item in value.items()), (None, None))
        return key and f"dict[{key}, {item or 'int'}]"
    return type(value).__name__ if isinstance(value, (bool, int, float, str)) else None


def _input_set(name: str, types: tuple[str, ...], alphabet: tuple[str, ...], signed: bool) -> InputSet:
    seed = random.Random(f"{name}({', '.join(types)})")
    source = ValueSource(seed, alphabet, signed)
    columns = [source.usual(ast.parse(kind, mode="eval").body) for kind in types]
    if len(columns) > 1:
        for column in columns:
            seed.shuffle(column)
    rows = [list(row) for row in zip(*columns, strict=False)]
    for row in rows[RELATED - 1 :: RELATED]:
        _relate(row, seed)
    return InputSet(types, tuple(map(tuple, rows)))


def _relate(row: list[Any], seed: random.Random) -> None:
    """Derive each argument from the one before it: the same value, a rotated piece of it, or an item."""
    for place, (before, value) in enumerate(itertools.pairwise(list(row)), start=1):
        if type(before) is type(value):
            row[place] = _rotated_piece(before, seed) if isinstance(before, (str, list)) and before else before
        elif isinstance(before, list) and before and type(before[0]) is type(value):
            row[place] = seed.choice(before)


def _rotated_piece(whole: Any, seed: random.Random) -> Any:
    """2 to 4 items of a text or list, fewer at its end, turned by 0 to 2 places."""
    start, turn = seed.randrange(len(whole)), seed.randrange(3)
    piece = whole[start : start + seed.randint(2, 4)]
    return piece[turn:] + piece[:turn]
