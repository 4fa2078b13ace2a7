"""Numbers built from rationals by + - * / and roots: their value decides, with proven bounds.

For such an expression E, the rules of Burnikel, Funke, Mehlhorn, Schirra and Schmitt ("A separation bound for real
algebraic expressions", Algorithmica 55, 2009) give u, l and D with: E = 0 or |E| >= 1 / (u^(D-1) * l). u bounds the
numerator and all its conjugates, l the denominator, D is the product of the indexes of the different roots. So a number
computed to more bits than that is zero exactly when it looks like zero, and two numbers are equal exactly when their
difference does.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import sympy

SMALL_DEGREE = 8
SMALL_BITS = 64
"""An expression with D and log2(u) + log2(l) within these has a key of its value."""
KEY_BITS = (SMALL_DEGREE**2 - 1) * (2 * SMALL_BITS + 1) + 2 * SMALL_BITS
"""Two different small numbers differ before this bit: the bound of their difference."""
MOST_BITS = 200_000
"""Bits beyond which a difference is not computed."""
GUARD = 256


@dataclass(frozen=True, slots=True)
class Bound:
    """log2(u), log2(l), and the roots (their argument and index) whose indexes D multiplies."""

    above: float
    below: float
    roots: frozenset[tuple[Any, int]]

    @property
    def degree(self) -> int:
        """D."""
        product = 1
        for _, index in self.roots:
            product *= index
        return product

    @property
    def bits(self) -> float:
        """The number is zero, or greater than 2 to the power of minus this."""
        return (self.degree - 1) * max(0.0, self.above) + max(0.0, self.below)


def bound(value: Any) -> Bound | None:
    """The bound of an expression, or None where it is more than rationals, + - * / and roots."""
    if value.is_Rational:
        return Bound(float(abs(int(value.p)).bit_length()), float(int(value.q).bit_length()), frozenset())
    if value is sympy.I:
        return Bound(0.0, 0.0, frozenset({(sympy.Integer(-1), 2)}))
    if value.is_Add or value.is_Mul:
        found = None
        for part in value.args:
            other = bound(part)
            if other is None:
                return None
            found = other if found is None else (_sum(found, other) if value.is_Add else _product(found, other))
        return found
    if value.is_Pow and value.exp.is_Rational and (inside := bound(value.base)) is not None:
        return _power(inside, value.base, value.exp)
    return None


def is_zero(value: Any) -> bool | None:
    """Whether an algebraic number is zero, proven; None where it is no such number or too much work."""
    limits = bound(value)
    if limits is None or limits.bits > MOST_BITS:
        return None
    number = computed(value, int(limits.bits) + GUARD)
    return None if number is None else bool(abs(number) < mpmath.mpf(2) ** (-int(limits.bits) - 1))


def algebraic_key(value: Any) -> str | None:
    """The key of a small algebraic number: equal for equal numbers only. None where it is not small."""
    limits = bound(value)
    if limits is None or limits.degree > SMALL_DEGREE or max(0, limits.above) + max(0, limits.below) > SMALL_BITS:
        return None
    number = computed(value, KEY_BITS + 2 * GUARD)
    if number is None:
        return None
    with mpmath.workprec(KEY_BITS + 2 * GUARD):
        parts = [int(mpmath.nint(part * mpmath.mpf(2) ** (KEY_BITS + GUARD))) for part in (number.real, number.imag)]
    rationals = [_rational(part) for part in parts]
    if None not in rationals:
        real, imaginary = rationals
        return str(real) if not imaginary else f"{real} + {imaginary}*i"
    # What is left may lie on either side of a border of rounding with a chance of 2^-GUARD.
    bits = [part + (1 << (GUARD - 1)) >> GUARD for part in parts]
    digest = hashlib.sha256(repr(bits).encode()).hexdigest()[:16]
    shown = [mpmath.nstr(mpmath.mpf(part) / mpmath.mpf(2) ** KEY_BITS, 12) for part in bits]
    return f"{shown[0]}{f' + {shown[1]}i' if bits[1] else ''} #{digest}"


def computed(value: Any, bits: int) -> Any:
    """The number, to about `bits` bits, as a complex of mpmath. None where a root or a quotient is too near zero."""
    with mpmath.workprec(bits + GUARD):
        try:
            return _computed(value, mpmath.mpf(2) ** (-bits // 2))
        except ZeroDivisionError:
            return None


def _computed(value: Any, least: Any) -> Any:
    if value.is_Rational:
        return mpmath.mpc(mpmath.mpf(int(value.p)) / int(value.q))
    if value is sympy.I:
        return mpmath.mpc(0, 1)
    parts = [_computed(part, least) for part in (value.args[:1] if value.is_Pow else value.args)]
    if value.is_Add:
        return mpmath.fsum(parts)
    if value.is_Mul:
        return mpmath.fprod(parts)
    base, power = parts[0], value.exp
    if (power.q > 1 or power < 0) and abs(base) < least:
        # Zero cannot be told from a small number here: an error would grow in the root.
        raise ZeroDivisionError
    index = int(power.q)
    if index == 1:
        return base ** int(power.p)
    if value.base.is_real:
        base = mpmath.mpc(base.real)
    elif abs(base.imag) < least:
        # On the cut of the root, an error of rounding would choose the branch.
        raise ZeroDivisionError
    positive = base.imag == 0 and base.real > 0
    return mpmath.mpc(mpmath.root(base.real if positive else base, index)) ** int(power.p)


def _rational(scaled: int) -> Fraction | None:
    """The rational number of small size that `scaled` / 2^(KEY_BITS + GUARD) is, if it is one."""
    value = Fraction(scaled, 1 << (KEY_BITS + GUARD))
    near = value.limit_denominator(1 << SMALL_BITS)
    return near if abs(value - near) <= Fraction(1, 1 << (KEY_BITS + GUARD // 2)) else None


def _sum(one: Bound, other: Bound) -> Bound:
    return Bound(
        max(one.above + other.below, other.above + one.below) + 1, one.below + other.below, one.roots | other.roots
    )


def _product(one: Bound, other: Bound) -> Bound:
    return Bound(one.above + other.above, one.below + other.below, one.roots | other.roots)


def _power(inside: Bound, base: Any, exponent: Any) -> Bound:
    times, index = abs(int(exponent.p)), int(exponent.q)
    above, below, roots = inside.above, inside.below, inside.roots
    if index > 1:
        # The root of U/L is the root of U * L^(index-1), over L.
        above, roots = (above + (index - 1) * below) / index, roots | {(base, index)}
    above, below = above * times, below * times
    return Bound(below, above, roots) if exponent < 0 else Bound(above, below, roots)
