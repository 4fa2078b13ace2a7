"""Whether two answers have one value: True and False are certain, None is not known.

`loose` is for a reference and an answer, where the order of a bare list says something: `(1, 3)` is met by `1, 3`,
`AB = 4, CD = 5` by `4, 5`, and 1/3 by 0.333333.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import sympy

from memreward_service.answers.mathematics.equality import equal
from memreward_service.answers.mathematics.numbers import DECIMAL_COMMA
from memreward_service.answers.mathematics.regions import as_region
from memreward_service.answers.mathematics.speller import Unreadable
from memreward_service.answers.mathematics.structure import read
from memreward_service.answers.mathematics.values import Value

PLACES = 10
LOOSE_PLACES = 6
"""Decimals from which on a rounded number stands for the exact one."""

_TIME = re.compile(r"(\d\d?):(\d\d)")


def same_answer(one: str, other: str, loose: bool = False) -> bool | None:
    """Whether two normalised answers (latex.py) have one value.

    Raises:
        Unreadable: one of them is not understood.
    """
    for written, opposite in ((one, other), (other, one)):
        if (comma := DECIMAL_COMMA.fullmatch(written)) is not None and "," not in opposite:
            number = read(opposite)
            if number.kind in ("scalar", "named"):
                return bool(number.expression == sympy.Rational(comma[0].replace(",", ".")))
    return same(read(one), read(other), loose)


def same(one: Value, other: Value, loose: bool = False) -> bool | None:
    """Whether two read answers have one value."""
    if one.key == other.key:
        return True
    if "system" in (one.kind, other.kind):
        return _same_system(one, other, loose) if one.kind == "system" else _same_system(other, one, loose)
    one, other = (value.parts[0] if value.kind == "named" else value for value in (one, other))
    if one.kind == other.kind == "scalar":
        return _same_number(one, other, loose)
    if one.kind == other.kind == "list":
        return _same_elements(one.parts, other.parts, loose)
    if one.kind == other.kind and one.kind in ("tuple", "matrix", "ratio"):
        if one.extra != other.extra or len(one.parts) != len(other.parts):
            return False
        return _same_in_order(one.parts, other.parts, loose)
    for left, right in ((one, other), (other, one)):
        if left.kind == "relation" and left.parts and right.kind == "scalar":
            return same(left.parts[0], right, loose)
        if loose and left.kind == "tuple" and right.kind == "list":
            return _same_in_order(left.parts, right.given, loose) if left.extra == "()" else False
    if one.kind == other.kind == "relation":
        return _same_relation(one, other)
    if {one.kind, other.kind} <= {"set", "list", "tuple", "scalar"} and "set" in (one.kind, other.kind):
        return _same_set(one, other)
    if loose and (time := _same_hour(one, other)) is not None:
        return time
    if "literal" in (one.kind, other.kind):
        return False if one.kind == other.kind or _is_letter(one) or _is_letter(other) else None
    return False


def _same_hour(one: Value, other: Value) -> bool | None:
    """Whether 2 is met by 2 PM; None where these are no hours."""
    for time, number in ((one, other), (other, one)):
        if number.kind == "scalar" and (match := _TIME.fullmatch(time.key)) is not None and time.kind == "literal":
            return bool(match[2] == "00" and number.expression in (int(match[1]), (int(match[1]) - 1) % 12 + 1))
    return None


def _is_letter(value: Value) -> bool:
    return value.kind == "literal" and len(value.key) == 1


def _same_number(one: Value, other: Value, loose: bool) -> bool | None:
    left, right = one.expression, other.expression
    for decimal, exact in ((left, right), (right, left)):
        places = _places(decimal)
        if places is not None and places >= (LOOSE_PLACES if loose else PLACES) and _places(exact) is None:
            if not exact.is_number or not exact.is_real:
                return False
            error = abs(sympy.N(exact, places + 30) - sympy.N(decimal, places + 30))
            return bool(error <= sympy.Rational(6, 10 ** (places + 1)))
    return equal(left, right)


def _places(number: sympy.Expr) -> int | None:
    """The decimals of a number that a decimal can write, else None."""
    if not number.is_Rational:
        return None
    divisor, places = int(number.q), 0
    while divisor % 2 == 0 or divisor % 5 == 0:
        divisor = divisor // 10 if divisor % 10 == 0 else divisor // (2 if divisor % 2 == 0 else 5)
        places += 1
    return places if divisor == 1 else None


def _same_in_order(one: Sequence[Value], other: Sequence[Value], loose: bool) -> bool | None:
    if len(one) != len(other):
        return False
    found = [same(left, right, loose) for left, right in zip(one, other, strict=True)]
    return False if False in found else (None if None in found else True)


def _same_elements(one: Sequence[Value], other: Sequence[Value], loose: bool) -> bool | None:
    if len(one) != len(other):
        return False
    left, unknown = list(other), False
    for value in one:
        answers = [same(value, candidate, loose) for candidate in left]
        if True in answers:
            left.pop(answers.index(True))
        elif None in answers:
            unknown = True
        else:
            return False
    return None if unknown else True


def _same_system(system: Value, other: Value, loose: bool) -> bool | None:
    values = {part.name: part.parts[0] for part in system.parts}
    if other.kind == "system":
        others = {part.name: part.parts[0] for part in other.parts}
        return (
            _same_in_order(list(values.values()), [others[name] for name in values], loose)
            if values.keys() == others.keys()
            else False
        )
    if other.kind == "named" and other.parts[0].kind == "tuple":
        names = other.name.strip("()").split(",")
        return (
            _same_in_order([values[name] for name in names], other.parts[0].parts, loose)
            if set(names) == set(values)
            else None
        )
    if other.kind == "tuple" and other.extra == "()":
        # `x = 3, y = 4` is (3, 4), but who knows the order of `m = 2, b = 3`?
        in_order = [part.name for part in system.parts] == sorted(values)
        return _same_in_order(list(values.values()), other.parts, loose) if in_order else None
    if other.kind == "list" and (loose or _are_roots(list(values))):
        return _same_in_order(list(values.values()), other.given, loose)
    return None


def _are_roots(names: list[str]) -> bool:
    """x_1, x_2: the solutions for x, in any list."""
    return len({name.partition("_")[0] for name in names}) == 1


def _same_relation(one: Value, other: Value) -> bool | None:
    if one.extra != other.extra:
        return False
    found = equal(one.expression, other.expression)
    if found is False and (not one.decided or not other.decided):
        return (
            False
            if one.key.split(" ")[0] != other.key.split(" ")[0] and _is_polynomial(one) and _is_polynomial(other)
            else None
        )
    return found


def _is_polynomial(value: Value) -> bool:
    return bool(value.expression.is_polynomial())


def _same_set(one: Value, other: Value) -> bool | None:
    try:
        return bool(as_region(one) == as_region(other))
    except Unreadable:
        return False
