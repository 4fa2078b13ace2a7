"""Equations and inequalities.

| written | value |
|---|---|
| `x = 5`, `f(2) = 5`, `|AB| = 5`, `x = 2 + 3 = 5`, `x \\approx 5` | 5 |
| `y = 2x + 3`, `2x - y + 3 = 0` | one equation |
| `x \\in [2, 5)`, `2 \\le x < 5` | an interval |
| `x \\ne 5` | two intervals |
| `x + y < 3` | an inequality |
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import sympy
from sympy.polys.polyerrors import BasePolynomialError

from memreward_service.answers.mathematics.equality import scalar_key
from memreward_service.answers.mathematics.latex import surface
from memreward_service.answers.mathematics.regions import region, region_value
from memreward_service.answers.mathematics.speller import Unreadable
from memreward_service.answers.mathematics.splitting import split
from memreward_service.answers.mathematics.values import Value, expression, literal, named, scalar

Element = Callable[[str], Value]

_SIGNS = {"=": "=", "<": "<", ">": ">", "\\le": "<=", "\\ge": ">=", "\\ne": "!=", "\\approx": "~", "\\in": "in"}
_TURNED = {">": "<", ">=": "<=", "=": "=", "<": ">", "<=": ">="}

_SUBSCRIPT = r"(?:_(?:\{[^{}]*+\}|\w))?"
_NAMES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\\?[A-Za-z]++{_SUBSCRIPT}'?(?:\((?:\\?[A-Za-z]++|\d++|[A-Za-z, ]++){_SUBSCRIPT}\))?",  # x_1, \theta, f(2)
        r"\\(?:overline|vec|angle|triangle|overrightarrow|hat|bar) ?\{?[A-Z a-z]++\}?",  # \overline{AB}
        r"\|\\?[A-Za-z]++\|",  # |AB|
        r"[A-Z] ?\^ ?(?:\{ ?(?:-1|T) ?\}|T)",  # A^{-1}
        r"«[^«»]*+»|[A-Za-z ]{4,}+",  # Total
        r"\\frac ?\{[A-Z]{1,3}\} ?\{[A-Z]{1,3}\}",  # AB over CD
        r"\([A-Za-z](?:, ?[A-Za-z])+\)",  # (x, y)
        rf"(?<![A-Za-z])[A-Za-z]++{_SUBSCRIPT} ?[:/] ?[A-Za-z]++{_SUBSCRIPT}",  # A:B
    )
)
_LONGEST_NAME = 80
_PRODUCT = re.compile(r"[a-z]{2,3}")
_CONSTANTS = ("e", "i", "\\pi", "\\infty")


def relation(text: str, element: Element) -> Value | None:
    """The value of an equation, an inequality or a membership; None where the text is none.

    `element` reads a side. Raises Unreadable.
    """
    signs: list[str] = []

    def separates(token: str, _text: str, _place: int) -> bool:
        if token in _SIGNS:
            signs.append(_SIGNS[token])
        return token in _SIGNS

    if not any(sign in text for sign in _SIGNS):
        return None
    sides = split(text, separates)
    if not signs:
        return None
    if "~" in signs:
        # `1/3 \approx 0.33` says 1/3, and a lone `x \approx 11` says 11.
        at = signs.index("~")
        sides, signs = (sides[: at + 1], signs[:at]) if at or not is_name(sides[0]) else (sides[:2], ["="])
        if not signs:
            return element(sides[0])
    if signs == ["in"] and is_name(sides[0]):
        return element(sides[1])
    if "in" in signs or not sides[-1]:
        raise Unreadable("a relation that is not known")
    return _equation(sides, element) if set(signs) == {"="} else _inequality(sides, signs)


def is_name(text: str) -> bool:
    """Whether the left side of `=` only names what is found: x, f(x), |AB|, S_{ABC}, Total."""
    if len(text) > _LONGEST_NAME or text in _CONSTANTS or _PRODUCT.fullmatch(text):
        return False
    return any(name.fullmatch(text) for name in _NAMES)


def _equation(sides: list[str], element: Element) -> Value:
    left, right = sides[0], sides[-1]
    if not left:
        return element(right)
    if len(sides) == 2 and is_name(right) and not is_name(left):
        left, right = right, left
    if is_name(left):
        return _assignment(left, element(right))
    if len(sides) > 2:
        return element(right)
    one, other = expression(left), expression(right)
    if not one.free_symbols and not other.free_symbols:
        return scalar(other)
    return _canonical(one - other, "=")


def _assignment(name: str, value: Value) -> Value:
    if value.kind in ("named", "relation", "system"):
        raise Unreadable("an equation of what?")
    if value.kind != "scalar" or not value.expression.free_symbols or "(" in name:
        return named(surface(name), value)
    return _canonical(expression(name) - value.expression, "=", surface(name), value)


def _canonical(difference: Any, sign: str, name: str = "", value: Value | None = None) -> Value:
    """`difference sign 0`: whole coefficients without a common divisor, the first positive where the sign allows it."""
    parts = () if value is None else (value,)
    if sign in ("=", "!="):
        difference = sympy.numer(sympy.together(difference))
    symbols = sorted(difference.free_symbols, key=str)
    if not symbols:
        raise Unreadable("a relation between numbers")
    try:
        polynomial = sympy.Poly(difference, *symbols, domain="QQ")
    except BasePolynomialError:
        key = f"{scalar_key(difference)[0]} {sign} 0"
        return Value("relation", key, False, parts, difference, name, sign)
    primitive = polynomial.clear_denoms(convert=True)[1].primitive()[1]
    if sign in ("=", "!=") and primitive.LC() < 0:
        primitive = -primitive
    left = primitive.as_expr()
    return Value("relation", f"{scalar_key(left)[0]} {sign} 0", value is None, parts, left, name, sign)


def _inequality(sides: list[str], signs: list[str]) -> Value:
    values = [expression(side) for side in sides]
    # `-\infty < x < 3` says no more than `x < 3`.
    if len(values) > 2 and values[0] == -sympy.oo and signs[0] == "<":
        values, signs = values[1:], signs[1:]
    if len(values) > 2 and values[-1] == sympy.oo and signs[-1] == "<":
        values, signs = values[:-1], signs[:-1]
    regions = [region(left - right, sign) for (left, right), sign in zip(pairwise(values), signs, strict=True)]
    known = [one for one in regions if one is not None]
    if len(known) == len(regions) and len({name for name, _ in known}) == 1:
        return region_value(sympy.Intersection(*(one for _, one in known)), known[0][0])
    if len(values) == 2:
        left, right = values
        turned = signs[0] in (">", ">=")
        return _canonical(right - left, _TURNED[signs[0]]) if turned else _canonical(left - right, signs[0])
    return _chain(values, signs)


def _chain(values: list[Any], signs: list[str]) -> Value:
    """`f(2) < f(1) < f(4)`, the least first."""
    if any(sign in (">", ">=") for sign in signs):
        values, signs = values[::-1], [_TURNED.get(sign, "!=") for sign in reversed(signs)]
    if not {"<", "<=", "="} >= set(signs):
        raise Unreadable("a chain in both directions")
    keys = [scalar_key(value)[0] for value in values]
    return literal(" ".join(f"{key} {sign}" for key, sign in zip(keys, [*signs, ""], strict=True)).strip())
