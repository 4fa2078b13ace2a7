"""Whether two expressions are equal: True and False are proven, None is not known.

| expressions | proof |
|---|---|
| numbers of roots | the separation bound (algebraic.py) |
| other numbers | different: 60 digits; equal: SymPy simplifies the difference to 0 |
| with symbols | different: at some point the values differ; equal: the difference simplifies to 0 |
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy.printing.str import StrPrinter

from memreward_service.answers.mathematics.algebraic import algebraic_key, is_zero
from memreward_service.answers.mathematics.scalars import MAX_TERMS, terms

DIGITS = 60
POINTS = ((7, 5), (11, 3), (17, 13))
"""Places at which expressions with symbols are compared: symbol number n is a*n/b + 1/b... away from the usual ones."""


class _Printer(StrPrinter):  # type: ignore[misc]
    """Writes e and i for the constants: E and I are symbols."""

    def _print_Exp1(self, _number: Any) -> str:  # noqa: N802 - SymPy looks for the name
        return "e"

    def _print_ImaginaryUnit(self, _number: Any) -> str:  # noqa: N802
        return "i"


_PRINTER = _Printer()
_PI = sympy.Symbol("pi", real=True)


def scalar_key(value: Any) -> tuple[str, bool]:
    """The key of an expression, and whether every equal expression has that key."""
    if value.is_Rational or value in (sympy.oo, -sympy.oo):
        return str(value), True
    if not value.free_symbols and (number := algebraic_key(value)) is not None:
        return number, True
    quotient = _rational_function(value)
    return (quotient, True) if quotient is not None else (_written(value), False)


def equal(one: Any, other: Any) -> bool | None:
    """Whether two values of scalars.py are equal."""
    if one == other:
        return True
    if sympy.oo in (one, other) or -sympy.oo in (one, other):
        return False
    if one.is_Rational and other.is_Rational:
        return False
    difference = one - other
    if difference == 0:
        return True
    if not difference.free_symbols:
        return _is_zero(difference)
    if (left := _rational_function(one)) is not None and (right := _rational_function(other)) is not None:
        return left == right
    if any(_differs_at(difference, point) for point in POINTS):
        return False
    return True if sympy.simplify(difference) == 0 else None


def _is_zero(number: Any) -> bool | None:
    if (proven := is_zero(number)) is not None:
        return proven
    if abs(sympy.N(number, DIGITS, maxn=4 * DIGITS, chop=False)) > sympy.Float(10) ** (-DIGITS // 2):
        return False
    return True if sympy.simplify(number) == 0 else None


def _differs_at(difference: Any, point: tuple[int, int]) -> bool:
    symbols = sorted(difference.free_symbols, key=str)
    values = {
        symbol: sympy.Rational(point[0] * (place + 1) + place * place, point[1]) for place, symbol in enumerate(symbols)
    }
    found = sympy.N(difference.subs(values), DIGITS // 2, maxn=4 * DIGITS)
    return bool(found.is_number and found.is_comparable and abs(found) > sympy.Float(10) ** (-DIGITS // 4))


def _rational_function(value: Any) -> str | None:
    """A quotient of polynomials with rational coefficients, in lowest terms, the divisor monic; None for others.

    pi is one more symbol: being transcendental, it solves no such equation.
    """
    value = value.xreplace({sympy.pi: _PI})
    if not value.is_rational_function() or value.atoms(sympy.NumberSymbol, sympy.core.numbers.ImaginaryUnit):
        return None
    if terms(value) > MAX_TERMS or any(not atom.is_Rational for atom in value.atoms(sympy.Number)):
        return None
    if any(power.exp.is_Rational and power.exp.q != 1 for power in value.atoms(sympy.Pow)) or value.atoms(
        sympy.Function
    ):
        return None
    symbols = sorted(value.free_symbols, key=str)
    if not symbols:
        return None
    above, below = sympy.fraction(sympy.cancel(sympy.together(value)))
    numerator, divisor = (sympy.Poly(part, *symbols, domain="QQ") for part in (above, below))
    leading = divisor.LC()
    numerator, divisor = numerator.quo_ground(leading), divisor.quo_ground(leading)
    written = str(_PRINTER.doprint(numerator.as_expr()))
    return written if divisor.is_one else f"({written})/({_PRINTER.doprint(divisor.as_expr())})"


def _written(value: Any) -> str:
    """One of the forms of an expression, the same for many of its spellings."""
    if terms(value) <= MAX_TERMS // 4:
        value = sympy.expand(sympy.radsimp(value)) if not value.free_symbols else sympy.expand(value)
    return str(_PRINTER.doprint(value))
