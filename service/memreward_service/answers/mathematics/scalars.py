"""A mathematical expression as a SymPy value: spelled out (speller.py), read by latex2sympy2_extended, computed within
bounds.
"""

from __future__ import annotations

import math
import re
from typing import Any

import sympy
from antlr4 import Token
from latex2sympy2_extended.latex2sympy2 import ConversionConfig, _Latex2Sympy
from sympy import Expr

from memreward_service.answers.mathematics.speller import Speller, Unreadable

MAX_BITS = 1 << 17
"""Bits of the greatest number that is computed."""
MAX_FACTORIAL = 10_000
MAX_TERMS = 2_000
"""Terms that a product or power may have when it is multiplied out."""


def scalar(normal: str) -> Any:
    """The value of a normalised expression: a SymPy expression, computed.

    Raises:
        Unreadable: it is no expression, or too great.
    """
    speller = Speller(normal, lambda text, symbols: str(sympy.expand(_value(text, symbols))))
    return _value(speller.whole(), speller.symbols)


def _value(text: str, symbols: dict[str, str]) -> Any:
    """The computed value of a spelled expression. `symbols` gives the names behind the variables."""
    names = {sympy.Symbol(code, real=True): sympy.Symbol(name, real=True) for name, code in symbols.items()}
    found = evaluated(_read(text), names)
    if found.has(sympy.nan, sympy.zoo):
        raise Unreadable("it has no value")
    return found


def _read(text: str) -> Any:
    converter = _Latex2Sympy(None, True, False, config=ConversionConfig(lowercase_symbols=False))
    try:
        parser = converter.create_parser(text)
        tree = parser.expr()
        if parser.getCurrentToken().type != Token.EOF:
            raise Unreadable("something follows the expression")
        return converter.convert_expr(tree)
    except (Unreadable, MemoryError):
        raise
    except Exception as error:  # the library raises plain Exceptions
        raise Unreadable(str(error)) from None


def evaluated(tree: Any, names: dict[Any, Any]) -> Any:
    """The computed form of what the library read, from the leaves up, each step within bounds.

    `names` holds the symbols that stand behind the spelled ones.

    Raises:
        Unreadable: a step is out of bounds, divides by zero or has no value.
    """
    if not tree.args or tree.is_Atom:
        return names.get(tree, tree)
    if isinstance(tree, sympy.Sum | sympy.Product):
        index, first, last = (evaluated(part, names) for part in tree.limits[0])
        found = type(tree)(evaluated(tree.function, names), (index, first, last))
        # `F_{n-k}` is a symbol here, but it changes with k.
        if not any(index.name in re.split(r"[^A-Za-z]", symbol.name)[1:] for symbol in found.free_symbols):
            found = found.doit()
    else:
        parts = [evaluated(part, names) for part in tree.args]
        found = _step(tree, parts)
    if found.has(sympy.nan, sympy.zoo) or (found.has(sympy.oo, -sympy.oo) and found not in (sympy.oo, -sympy.oo)):
        raise Unreadable("it has no value")
    return found


def _step(tree: Any, parts: list[Any]) -> Any:
    if isinstance(tree, sympy.Pow | sympy.exp):
        base, exponent = parts if len(parts) == 2 else (sympy.E, parts[0])
        return _power(base, exponent)
    if isinstance(tree, sympy.factorial):
        if parts[0].is_number and not (parts[0].is_Integer and 0 <= parts[0] <= MAX_FACTORIAL):
            raise Unreadable("a factorial out of bounds")
        return sympy.factorial(parts[0])
    if isinstance(tree, sympy.UnevaluatedExpr):
        return parts[0]
    if isinstance(tree, sympy.Mul) and sum(_bits(part) for part in parts) > MAX_BITS:
        raise Unreadable("a product out of bounds")
    return tree.func(*parts)


def _power(base: Any, exponent: Any) -> Any:
    if base == 0 and (exponent.is_number and not exponent.is_positive):
        raise Unreadable("zero to no positive power")
    if base.is_Rational and exponent.is_Rational:
        if abs(exponent) * max(1, _bits(base)) > MAX_BITS or exponent.q > 1_000:
            raise Unreadable("a power out of bounds")
    elif exponent.is_number and not exponent.is_Rational and base.is_Rational and _bits(exponent) > 64:
        raise Unreadable("a power out of bounds")
    return sympy.Pow(base, exponent)


def _bits(value: Any) -> int:
    if value.is_Rational:
        return max(abs(int(value.p)).bit_length(), int(value.q).bit_length())
    return 1


def terms(value: Expr) -> float:
    """About how many terms the expression has when it is multiplied out."""
    if isinstance(value, sympy.Add):
        return sum(terms(part) for part in value.args)
    if isinstance(value, sympy.Mul):
        return math.prod(terms(part) for part in value.args)
    if isinstance(value, sympy.Pow) and value.exp.is_Integer and isinstance(value.base, sympy.Add):
        count, power = len(value.base.args), abs(int(value.exp))
        return math.comb(min(power, 10_000) + count - 1, count - 1) * terms(value.base) / count
    return 1
