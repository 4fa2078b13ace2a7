"""A mathematical expression as a SymPy value: spelled so that it can be read in one way only, then read by
latex2sympy2_extended, then computed within bounds.

The library takes `2(3)` for a mixed number, `dc` for a differential, `x(x+1)` for a function and `101_2` for 101, so
every product is written out, every symbol as \\variable{...} and every decimal as a fraction before it sees the text.
What the speller does not know raises Unreadable.
"""

from __future__ import annotations

import math
import re
from typing import Any

import sympy
from antlr4 import Token
from latex2sympy2_extended.latex2sympy2 import ConversionConfig, _Latex2Sympy
from sympy import Expr

MAX_BITS = 1 << 17
"""Bits of the greatest number that is computed."""
MAX_FACTORIAL = 10_000
MAX_TERMS = 2_000
"""Terms that a product or power may have when it is multiplied out."""
MAX_DEPTH = 60
"""Brackets in brackets."""


class Unreadable(ValueError):
    """The text is no expression that is understood, or its value is out of bounds."""


_TOKEN = re.compile(r"(?P<number>\d++(?:\.\d*+)?+|\.\d++)|(?P<command>\\[a-zA-Z]++|\\.)|(?P<letter>[A-Za-z])|(?P<sign>\S)")
_FUNCTIONS = {
    name: f"\\{name}"
    for name in ("sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh ln log exp".split())
}  # fmt: skip
_MANY = {"max": "Max", "min": "Min", "gcd": "gcd", "lcm": "lcm"}
_BARE_FUNCTIONS = re.compile(r"(?<![A-Za-z\\])(sqrt|arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|log|ln|exp|pi)(?![a-z])")
_PLAIN_FRACTION = re.compile(r"\(\((\d++)\) / \((\d++)\)\)")
_GREEK = frozenset(
    "\\alpha \\beta \\gamma \\delta \\epsilon \\varepsilon \\zeta \\eta \\theta \\vartheta \\iota \\kappa \\lambda \\mu "
    "\\nu \\xi \\rho \\sigma \\tau \\upsilon \\phi \\varphi \\chi \\psi \\omega \\Gamma \\Delta \\Theta \\Lambda \\Xi "
    "\\Sigma \\Phi \\Psi \\Omega \\ell".split()
)
_MARKED = frozenset("\\overline \\bar \\hat \\vec \\tilde \\widehat \\overrightarrow \\angle \\triangle".split())
_APPLIED = frozenset("fghFGHPQ")
"""Letters that stand for functions before a bracket; every other letter is a factor."""
_CLOSING = {"(": ")", "[": "]", "\\{": "\\}", "\\lfloor": "\\rfloor", "\\lceil": "\\rceil", "|": "|"}


def scalar(normal: str) -> Any:
    """The value of a normalised expression: a SymPy expression, computed.

    Raises:
        Unreadable: it is no expression, or too great.
    """
    speller = _Speller(_BARE_FUNCTIONS.sub(r"\\\1 ", normal))
    return _value(speller.whole(), speller.symbols)


def _value(text: str, symbols: dict[str, str]) -> Any:
    """The computed value of a spelled expression. `symbols` gives the names behind the variables."""
    tree = _read(text)
    names = {sympy.Symbol(code, real=True): sympy.Symbol(name, real=True) for name, code in symbols.items()}
    found = evaluated(tree.xreplace(names))
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


class _Speller:
    """Reads tokens from left to right and writes the same expression with nothing left implied."""

    def __init__(self, text: str) -> None:
        self.symbols: dict[str, str] = {}
        """Name of a symbol -> the letters that stand for it in the spelled text."""
        self._tokens = [match[0] for match in _TOKEN.finditer(text)]
        self._at = 0
        self._depth = 0

    def whole(self) -> str:
        written = self._sum()
        if self._at < len(self._tokens):
            raise Unreadable(f"{self._tokens[self._at]} is not understood here")
        return written

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._next()
        self._at += 1
        if not token:
            raise Unreadable("the expression ends too early")
        return token

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise Unreadable(f"{token} is missing")

    def _sum(self) -> str:
        parts: list[str] = []
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Unreadable("too many brackets in brackets")
        while True:
            sign = ""
            while self._next() in ("+", "-"):
                sign = "-" if (self._take() == "-") != (sign == "-") else "+"
            parts.append((sign if sign == "-" or parts else "") + self._product())
            if self._next() not in ("+", "-"):
                break
        self._depth -= 1
        written = "".join(parts)
        if self._next() == "\\over":
            self._take()
            return f"(({written}) / ({self._sum()}))"
        return written

    def _product(self, argument: bool = False) -> str:
        """Factors. An `argument` of a function without brackets ends before the next function or sign."""
        written = self._power()
        while (token := self._next()) and token not in ("+", "-"):
            if token in ("*", "/"):
                if argument:
                    break
                self._take()
                sign = ""
                while self._next() in ("+", "-"):
                    sign = "-" if (self._take() == "-") != (sign == "-") else ""
                factor = f"({sign}{self._power()})" if sign else self._power()
                written += f" \\cdot {factor}" if token == "*" else f" / {factor}"
            elif self._begins_factor(token):
                if argument and token[1:] in _FUNCTIONS:
                    break
                if token[0].isdigit() and written[-1:].isdigit():
                    raise Unreadable("two numbers side by side")
                factor = self._power()
                if token == "\\frac" and written.isdigit():
                    written = _mixed(written, factor)
                else:
                    written += f" \\cdot {factor}"
            else:
                break
        return written

    def _begins_factor(self, token: str) -> bool:
        name = token[1:]
        return (
            token[0].isalnum() or token[0] == "." and len(token) > 1 or token in ("(", "{", "[")
            or token in _GREEK or token in _MARKED or name in _FUNCTIONS or name in _MANY
            or token in ("\\pi", "\\sqrt", "\\frac", "\\binom", "\\infty", "\\lfloor", "\\lceil", "\\sum", "\\prod")
            or (token == "|" and self._opens_absolute())
        )  # fmt: skip

    def _opens_absolute(self) -> bool:
        return self._tokens[: self._at].count("|") % 2 == 0

    def _power(self) -> str:
        base, raised = self._atom(), False
        while self._next() in ("!", "^", "°", "%"):
            mark = self._take()
            if mark == "^":
                if self._next() == "'":
                    raise Unreadable("a derivative")
                if raised:
                    raise Unreadable("a power of a power without brackets")
                raised = True
                base = f"{{({base})}}^{{{self._exponent()}}}"
            elif mark == "!":
                if self._next() == "!":
                    raise Unreadable("a double factorial")
                base = f"({base})!"
            elif mark == "°":
                base = f"({base} \\cdot \\pi / 180)"
            else:
                base = f"(({base}) / 100)"
        return base

    def _exponent(self) -> str:
        if self._next() == "{":
            return self._braced()
        sign = "-" if self._next() == "-" else ""
        if sign:
            self._take()
        if self._next() == "(":
            return sign + self._atom()
        return sign + (self._take() if self._next().isdigit() else self._small())

    def _small(self) -> str:
        """An argument without braces: one digit, one letter or one command."""
        token = self._next()
        if token[:1].isdigit() and len(token) > 1 and "." not in token:
            self._tokens[self._at] = token[1:]
            return token[0]
        return self._atom()

    def _braced(self) -> str:
        self._expect("{")
        inner = self._sum()
        self._expect("}")
        return inner

    def _argument(self) -> str:
        return self._braced() if self._next() == "{" else self._small()

    def _atom(self) -> str:  # noqa: C901 - one line a kind of atom
        token = self._take()
        if token[0].isdigit() or token[0] == "." and len(token) > 1:
            if self._next() == "_":
                raise Unreadable("a number with a base")
            if self._next() in ("e", "E") and self._tokens[self._at + 1 : self._at + 2][:1] > [""] and self._tokens[self._at + 1][0].isdigit():
                raise Unreadable("a power of ten out of bounds")
            return _exact(token)
        if token in ("(", "[", "{", "\\lfloor", "\\lceil", "|"):
            inner = self._sum()
            self._expect(_CLOSING.get(token, "}"))
            return {"\\lfloor": f"\\lfloor {inner} \\rfloor", "\\lceil": f"\\lceil {inner} \\rceil",
                    "|": f"|{inner}|"}.get(token, f"({inner})")  # fmt: skip
        if token.isalpha() or token in _GREEK:
            return self._symbol(token)
        if token == "\\frac":
            above = self._argument()
            return f"(({above}) / ({self._argument()}))"
        if token == "\\binom":
            above = self._argument()
            return f"\\binom{{{above}}}{{{self._argument()}}}"
        if token == "\\sqrt":
            if self._next().isdigit() and len(self._next()) > 1:
                raise Unreadable("a root of one digit or of all")
            return self._root()
        if token == "\\pi" or token == "\\infty":
            return token
        if token[1:] in _FUNCTIONS:
            return self._function(token)
        if token[1:] in _MANY:
            return self._function_of_many(token)
        if token in _MARKED:
            return self._variable(f"{token[1:]} {self._name()}")
        if token in ("\\sum", "\\prod"):
            return self._series(token)
        raise Unreadable(f"{token} is not understood")

    def _symbol(self, token: str) -> str:
        if token == "e" and self._next() != "_":
            return "(e^{1})"
        name = token.lstrip("\\")
        if self._next() == "_":
            self._take()
            name += f"_{self._name()}"
        elif token == "i":
            return "I"
        while self._next() == "'":
            name += self._take()
        if token in _APPLIED and self._next() == "(":
            self._take()
            inner = [self._sum()]
            while self._next() == ",":
                self._take()
                inner.append(self._sum())
            self._expect(")")
            return self._variable(f"{name}[{'; '.join(str(_value(part, self.symbols)) for part in inner)}]")
        return self._variable(name)

    def _variable(self, name: str) -> str:
        code = self.symbols.setdefault(name, "v" + "".join(chr(ord("a") + int(digit)) for digit in str(len(self.symbols))))
        return f"\\variable{{{code}}}"

    def _name(self) -> str:
        """A subscript or what a mark stands over, as it is written."""
        if self._next() != "{":
            if self._next()[:1].isdigit() and len(self._next()) > 1:
                return self._small()
            names = self._take()
            while self._tokens[self._at - 2][:1] == "\\" and self._next().isupper() and len(names) < 4:
                names += self._take()
            return names.lstrip("\\")
        self._take()
        inside, depth = [], 1
        while depth:
            token = self._take()
            depth += {"{": 1, "}": -1}.get(token, 0)
            inside.append(token.lstrip("\\"))
        inner = "".join(inside[:-1])
        return inner if len(inner) < 2 else f"{{{inner}}}"

    def _root(self) -> str:
        index = ""
        if self._next() == "[":
            self._take()
            index = f"[{self._sum()}]"
            self._expect("]")
        return f"\\sqrt{index}{{{self._argument()}}}"

    def _function(self, token: str) -> str:
        base, power = "", ""
        while self._next() in ("_", "^"):
            if self._take() == "_":
                base = self._argument()
            else:
                power = self._exponent()
        if base and token != "\\log":
            raise Unreadable("a function with a subscript")
        inner = self._atom() if self._next() in ("(", "[", "{") else f"({self._product(argument=True)})"
        if power == "-1" and token[1:] in ("sin", "cos", "tan"):
            return f"\\arc{token[1:]}({inner})"
        name = f"\\log_{{{base}}}" if base else token
        written = f"{name}({inner})"
        return f"{{({written})}}^{{{power}}}" if power else f"({written})"

    def _function_of_many(self, token: str) -> str:
        closing = {"(": ")", "\\{": "\\}"}.get(self._take())
        if closing is None:
            raise Unreadable(f"{token} of what?")
        inner = [self._sum()]
        while self._next() == ",":
            self._take()
            inner.append(self._sum())
        self._expect(closing)
        return f"{token}({','.join(inner)})"

    def _series(self, token: str) -> str:
        self._expect("_")
        self._expect("{")
        index = self._symbol(self._take()) if self._next().isalpha() and self._next() not in "ie" else ""
        if not index:
            raise Unreadable("the index of a series")
        self._expect("=")
        first = self._sum()
        self._expect("}")
        self._expect("^")
        last = self._exponent()
        return f"({token}_{{{index}={first}}}^{{{last}}} ({self._product()}))"


def _mixed(whole: str, fraction: str) -> str:
    """`2\\frac{1}{2}` is a mixed number, `2\\frac{x}{3}` a product, and `3\\frac{5}{2}` may be either."""
    match = _PLAIN_FRACTION.fullmatch(fraction)
    if match is None:
        return f"{whole} \\cdot {fraction}"
    if int(match[1]) >= int(match[2]):
        raise Unreadable("a mixed number or a product")
    return f"({whole} + {fraction})"


def _exact(number: str) -> str:
    """A decimal as a fraction: the library would make a float of it."""
    whole, _, places = number.partition(".")
    if not places:
        return whole.lstrip("0") or "0"
    return f"({(whole + places).lstrip('0') or '0'} / 1{'0' * len(places)})"


def evaluated(tree: Any) -> Any:
    """The computed form of what the library read, from the leaves up, each step within bounds.

    Raises:
        Unreadable: a step is out of bounds, divides by zero or has no value.
    """
    if not tree.args or tree.is_Atom:
        return tree
    if isinstance(tree, sympy.Sum | sympy.Product):
        index, first, last = tree.limits[0]
        found = type(tree)(evaluated(tree.function), (index, evaluated(first), evaluated(last)))
        # `F_{n-k}` is a symbol here, but it changes with k.
        if not any(index.name in re.split(r"[^A-Za-z]", symbol.name)[1:] for symbol in found.free_symbols):
            found = found.doit()
    else:
        parts = [evaluated(part) for part in tree.args]
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
