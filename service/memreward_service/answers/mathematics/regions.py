"""Sets of numbers: intervals, unions, and what an inequality in one unknown allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy

from memreward_service.answers.mathematics.equality import scalar_key
from memreward_service.answers.mathematics.speller import Unreadable
from memreward_service.answers.mathematics.splitting import split_at
from memreward_service.answers.mathematics.values import Value, literal

_REALS = ("\\mathbb{R}", "\\mathbb R", "\\R", "\\Reals", "\\mathbf{R}")
_EMPTY = "\\emptyset"
_SIZE = sympy.Symbol("size", real=True)


def region_value(found: Any, name: str = "") -> Value:
    """The value of a SymPy set; `name` is the unknown that lies in it."""
    return Value("set", _key(found), True, (), found, name)


def union(text: str, element: Callable[[str], Value]) -> Value | None:
    """The value of `A \\cup B`, `A \\setminus B`, the reals or the empty set; None for anything else."""
    if text in _REALS:
        return region_value(sympy.S.Reals)
    if text == _EMPTY:
        return literal(_EMPTY)
    if "\\cup" not in text and "\\setminus" not in text:
        return None
    if "\\cup" in text and "\\setminus" in text:
        raise Unreadable("a mixed union")
    sets = [as_region(element(part)) for part in split_at(text, "\\cup", "\\setminus")]
    if len(sets) < 2:
        return None
    return region_value(sympy.Union(*sets) if "\\cup" in text else sympy.Complement(sets[0], sympy.Union(*sets[1:])))


def as_region(value: Value) -> Any:
    """The SymPy set that a value is. Raises Unreadable where it is none."""
    if value.kind == "set":
        return value.expression
    if value.kind == "list" and all(part.kind == "scalar" and part.expression.is_real for part in value.parts):
        return sympy.FiniteSet(*(part.expression for part in value.parts))
    if value.kind == "tuple" and len(value.parts) == 2 and all(part.kind == "scalar" for part in value.parts):
        left, right = (part.expression for part in value.parts)
        if left.is_extended_real and right.is_extended_real:
            return sympy.Interval(left, right, value.extra[0] == "(", value.extra[1] == ")")
    raise Unreadable("no set of numbers")


def region(difference: Any, sign: str) -> tuple[str, Any] | None:
    """(unknown, set of its values) for `difference sign 0`, linear in one unknown or in its absolute value."""
    if len(difference.free_symbols) != 1:
        return None
    (symbol,) = difference.free_symbols
    if difference.has(sympy.Abs(symbol)):
        return _region_of_size(difference, symbol, sign)
    if not difference.is_polynomial(symbol) or sympy.degree(difference, symbol) != 1:
        return None
    slope, offset = sympy.Poly(difference, symbol).all_coeffs()
    border = -offset / slope
    if not slope.is_real or not border.is_real:
        return None
    return symbol.name, _half_line(border, sign, falling=bool(slope.is_negative))


def _half_line(border: Any, sign: str, falling: bool) -> Any:
    if sign in ("=", "!="):
        point = sympy.FiniteSet(border)
        return point if sign == "=" else sympy.Complement(sympy.S.Reals, point)
    open_border = sign in ("<", ">")
    if (sign in ("<", "<=")) != falling:
        return sympy.Interval(-sympy.oo, border, True, open_border)
    return sympy.Interval(border, sympy.oo, open_border, True)


def _region_of_size(difference: Any, symbol: Any, sign: str) -> tuple[str, Any] | None:
    found = region(difference.xreplace({sympy.Abs(symbol): _SIZE}), sign)
    if found is None or found[0] != _SIZE.name:
        return None
    positive = sympy.Intersection(found[1], sympy.Interval(0, sympy.oo))
    return symbol.name, sympy.Union(positive, *(_mirrored(part) for part in _parts(positive)))


def _mirrored(part: Any) -> Any:
    if isinstance(part, sympy.FiniteSet):
        return sympy.FiniteSet(*(-point for point in part.args))
    return sympy.Interval(-part.end, -part.start, part.right_open, part.left_open)


def _parts(found: Any) -> Sequence[Any]:
    if isinstance(found, sympy.Union):
        return tuple(found.args)
    return () if found is sympy.S.EmptySet else (found,)


def _key(found: Any) -> str:
    if found is sympy.S.EmptySet:
        return _EMPTY
    if found is sympy.S.Reals:
        return "(-oo, oo)"
    if isinstance(found, sympy.Interval):
        left, right = ("(" if found.left_open else "["), (")" if found.right_open else "]")
        return f"{left}{scalar_key(found.start)[0]}, {scalar_key(found.end)[0]}{right}"
    if isinstance(found, sympy.FiniteSet):
        keys = sorted(scalar_key(part)[0] for part in found.args)
        return keys[0] if len(keys) == 1 else "{" + ", ".join(keys) + "}"
    if isinstance(found, sympy.Union):
        return " U ".join(_key(part) for part in sorted(found.args, key=lambda part: (part.inf, str(part))))
    raise Unreadable("a set that is not computed")
