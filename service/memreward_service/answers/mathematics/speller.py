"""Writes an expression so that it can be read in one way only: every product, argument and symbol is written out.

latex2sympy2_extended takes `2(3)` for a mixed number, `dc` for a differential, `x(x+1)` for a function and `101_2` for
101. So it sees `2 \\cdot (3)`, `\\variable{va} \\cdot \\variable{vb}`, and for 0.5 the exact `(5 / 10)`. What is not
known here raises Unreadable: nothing is left out, nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from memreward_service.answers.mathematics.latex import word_set

MAX_DEPTH = 60
"""Brackets in brackets."""


class Unreadable(ValueError):
    """The text is no expression that is understood, or its value is out of bounds."""


_TOKEN = re.compile(
    r"(?P<number>\d++(?:\.\d*+)?+|\.\d++)|(?P<command>\\[a-zA-Z]++|\\.)|(?P<letter>[A-Za-z])|(?P<sign>\S)"
)
_FUNCTIONS = word_set("sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh ln log exp")
_MANY = word_set("max min gcd lcm")
_BARE_FUNCTIONS = re.compile(
    r"(?<![A-Za-z\\])(sqrt|arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|log|ln|exp|pi)(?![a-z])"
)
_PLAIN_FRACTION = re.compile(r"\(\((\d++)\) / \((\d++)\)\)")
_GREEK = word_set(
    "\\alpha \\beta \\gamma \\delta \\epsilon \\varepsilon \\zeta \\eta \\theta \\vartheta \\iota \\kappa "
    "\\lambda \\mu \\nu \\xi \\rho \\sigma \\tau \\upsilon \\phi \\varphi \\chi \\psi \\omega \\Gamma \\Delta "
    "\\Theta \\Lambda \\Xi \\Sigma \\Phi \\Psi \\Omega \\ell"
)
_MARKED = frozenset(
    ["\\overline", "\\bar", "\\hat", "\\vec", "\\tilde", "\\widehat", "\\overrightarrow", "\\angle", "\\triangle"]
)
_APPLIED = frozenset("fghFGHPQ")
"""Letters that stand for functions before a bracket; every other letter is a factor."""
_CLOSING = {"(": ")", "[": "]", "\\{": "\\}", "\\lfloor": "\\rfloor", "\\lceil": "\\rceil", "|": "|"}


class Speller:
    """Reads tokens from left to right and writes the same expression with nothing left implied."""

    def __init__(self, text: str, printed: Callable[[str, dict[str, str]], str]) -> None:
        """`printed` writes a spelled argument of an unknown function in its canonical form."""
        self._printed = printed
        self.symbols: dict[str, str] = {}
        """Name of a symbol -> the letters that stand for it in the spelled text."""
        self._tokens = [match[0] for match in _TOKEN.finditer(_BARE_FUNCTIONS.sub(r"\\\1 ", text))]
        self._at = 0
        self._depth = 0

    def whole(self) -> str:
        """The spelled expression. Raises Unreadable."""
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
            token[0].isalnum() or (token[0] == "." and len(token) > 1) or token in ("(", "{", "[")
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

    def _atom(self) -> str:
        token = self._take()
        if token[0].isdigit() or (token[0] == "." and len(token) > 1):
            if self._next() == "_":
                raise Unreadable("a number with a base")
            if (
                self._next() in ("e", "E")
                and self._tokens[self._at + 1 : self._at + 2][:1] > [""]
                and self._tokens[self._at + 1][0].isdigit()
            ):
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
            return self._variable(f"{name}[{'; '.join(self._printed(part, self.symbols) for part in inner)}]")
        return self._variable(name)

    def _variable(self, name: str) -> str:
        code = self.symbols.setdefault(
            name, "v" + "".join(chr(ord("a") + int(digit)) for digit in str(len(self.symbols)))
        )
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
