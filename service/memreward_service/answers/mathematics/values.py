"""A read answer, and how the simple ones are made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy

from memreward_service.answers.mathematics import scalars
from memreward_service.answers.mathematics.equality import scalar_key
from memreward_service.answers.mathematics.speller import Unreadable
from memreward_service.answers.mathematics.wording import is_prose

_RATIONAL = re.compile(r"-?\d+(?:/\d+)?")


@dataclass(frozen=True)
class Value:
    """A read answer. Its key is equal for equal values; another `decided` key is another value.

    | kind | parts | extra |
    |---|---|---|
    | scalar | | |
    | list, without order | the elements | |
    | tuple | the elements | its brackets |
    | named: `x = 5` | the value | |
    | system: `x = 3, y = 4` | named values | |
    | relation: `x + y < 3` | what y is, in `y = 2x` | its sign |
    | set of numbers, as an interval | | |
    | matrix | the cells | its shape |
    | ratio | the numbers | |
    | literal: a time, a word, a number in base 2 | | |
    """

    kind: str
    key: str
    decided: bool = True
    parts: tuple[Value, ...] = ()
    expression: Any = None
    """The SymPy value of a scalar, of a named one, of the left side of a relation to 0, of a set."""
    name: str = ""
    extra: str = ""
    given: tuple[Value, ...] = ()
    """The elements of a list in the order in which they were written."""

    @property
    def is_structured(self) -> bool:
        """Whether it has elements."""
        return self.kind in ("list", "tuple", "system", "set", "matrix") or any(
            part.is_structured for part in self.parts
        )


def literal(key: str) -> Value:
    """A value of which only the key counts."""
    return Value("literal", key)


def scalar(value: Any) -> Value:
    """The value of an expression."""
    key, decided = scalar_key(value)
    return Value("scalar", key, decided, expression=value)


def of_plain_key(plain: str) -> Value:
    """The value of what numbers.py read."""
    return scalar(sympy.Rational(plain)) if _RATIONAL.fullmatch(plain) else literal(plain)


def named(name: str, value: Value) -> Value:
    """`name = value`."""
    return Value("named", value.key, value.decided, (value,), value.expression, name)


def collection(values: Iterable[Value]) -> Value:
    """A list without order. A list in it (`1 ± 2`) gives its elements."""
    flat: list[Value] = []
    points: set[str] = set()
    for value in values:
        for part in value.parts if value.kind in ("list", "named") else (value,):
            # A point given twice is a slip; a number given twice (5 and 5) may be meant.
            if part.kind == "scalar" or part.key not in points:
                flat.append(part)
            points.add(part.key)
    if any(part.kind == "list" for part in flat):
        return collection(flat)
    ordered = sorted(flat, key=lambda value: value.key)
    key = "{" + ", ".join(value.key for value in ordered) + "}"
    return Value("list", key, all(value.decided for value in ordered), tuple(ordered), given=tuple(flat))


def sequence(values: Sequence[Value], left: str, right: str) -> Value:
    """A tuple, or an interval by its ends."""
    if any(value.kind in ("list", "named", "relation", "system") for value in values):
        raise Unreadable("a tuple of what?")
    key = f"{left}{', '.join(value.key for value in values)}{right}"
    return Value("tuple", key, all(value.decided for value in values), tuple(values), extra=left + right)


def expression(text: str) -> Any:
    """The SymPy value of one normalised expression.

    Raises:
        Unreadable: it is none, or it has words, which would be read as products of their letters.
    """
    if is_prose(text):
        raise Unreadable("it is written in words")
    return scalars.scalar(text)
