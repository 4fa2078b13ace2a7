"""What an answer is made of: one expression, a list of solutions, a tuple, an interval, a system, a matrix.

`read` gives the value of a normalised answer (latex.py). Its key is equal for equal values; where it is `decided`,
another decided key means another value, else equality.py may still find the two equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
from sympy.polys.polyerrors import BasePolynomialError

from memreward_service.answers.mathematics.equality import scalar_key
from memreward_service.answers.mathematics.latex import surface
from memreward_service.answers.mathematics.numbers import plain_key
from memreward_service.answers.mathematics import scalars
from memreward_service.answers.mathematics.scalars import Unreadable

MOST_ELEMENTS = 100


@dataclass(frozen=True)
class Value:
    """A read answer.

    `kind` is scalar, list (no order), tuple (order, and brackets), named (`x = 5`), system, relation, set (of
    intervals), matrix, or literal (a time, a ratio, a word: only its key counts).
    """

    kind: str
    key: str
    decided: bool = True
    parts: tuple[Value, ...] = ()
    expression: Any = None
    name: str = ""
    extra: str = ""
    given: tuple[Value, ...] = ()
    """The elements of a list in the order in which they were written."""


_PAIRS = {"(": ")", "[": "]", "{": "}", "\\{": "\\}", "\\langle": "\\rangle"}
_TOKENS = re.compile(r"\\[a-zA-Z]++|\\.|«[^»]*+»|.", re.DOTALL)
_WORD = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{2,}+")
_PLAIN_WORDS = re.compile(r"[^\W\d_]++(?:[ ,.'’/-]++[^\W\d_]++)*+[.']?")
_KNOWN_WORDS = frozenset(
    "odd even yes no true false none all both neither zero one two three six ten red blue green never always both "
    "left right up down mon tue wed thu fri sat sun dne not is if to of than the in at by on it its all any one".split()
)
_MATH_WORDS = frozenset(
    "and or sin cos tan cot sec csc log ln exp arcsin arccos arctan sinh cosh tanh sqrt max min gcd lcm pi".split()
)
_BASE = re.compile(r"([0-9A-F]+) ?_ ?\{? ?([a-z]+|\d{1,2}) ?\}?")
_RATIO = re.compile(r"[^:]+(?::[^:]+)+")
_CLOCK = re.compile(r"\d{1,2}:[0-5]\d(?::[0-5]\d)?")
_CHOICE = re.compile(r"\(? ?([A-Z]) ?[).:]?")
_MATRIX = re.compile(r"\[? ?\\begin ?\{([pbBv]?matrix|smallmatrix|array)\} ?(?:\{[lcr| ]*\})?(.*)\\end ?\{\1\} ?\]?", re.DOTALL)
_TRAILING_UNIT = re.compile(r"(?P<quoted> ?«(?P<words>[^»]*)»(?: ?\^ ?\{? ?[1-4] ?\}?)?)\Z")
_BARE_UNIT = re.compile(r" ([A-Za-z]{2,}(?:[ /][A-Za-z]+)*)(?: ?\^ ?\{? ?[1-4] ?\}?)?\Z")
_NAME_WORD = re.compile(r"[A-Za-z]|\\[a-z]+")
_QUOTED_CONNECTOR = re.compile(r"« ?(and|or) ?»|(?<![A-Za-z])(and|or)(?![A-Za-z])")
_RELATIONS = {"=": "=", "<": "<", ">": ">", "\\le": "<=", "\\ge": ">=", "\\ne": "!=", "\\approx": "~", "\\in": "in"}
_CHANGING = re.compile(r"\b(?:if|where|when|for|mod|not|is|are|otherwise|than|least|most|and|or)\b")


def read(normal: str) -> Value:
    """The value of a normalised answer.

    Raises:
        Unreadable: it is not understood; its normalised text has to do as its key.
    """
    words = words_key(normal)
    if words is not None:
        return Value("literal", words)
    elements = _elements(normal)
    if len(elements) > MOST_ELEMENTS:
        raise Unreadable("a list out of bounds")
    if len(elements) == 1:
        return _element(normal)
    return _list(normal, elements)


def words_key(normal: str) -> str | None:
    """The key of an answer in words, or of a letter of a choice; None for mathematics."""
    if (choice := _CHOICE.fullmatch(normal)) is not None:
        return choice[1]
    text = normal.replace("«", " ").replace("»", " ").strip(" .,")
    quoted = normal.startswith("«") and normal.endswith("»") and normal.count("«") == 1
    if not _PLAIN_WORDS.fullmatch(text):
        return None
    tokens = [token.casefold() for token in re.findall(r"[^\W\d_]+", text)]
    if all(token in _MATH_WORDS or len(token) == 1 for token in tokens) and len(tokens) > 1:
        return None
    if quoted or any(_is_word(token) for token in tokens):
        return " ".join(text.casefold().split())
    return None


def _is_word(token: str) -> bool:
    return (len(token) > 3 and token not in _MATH_WORDS) or token in _KNOWN_WORDS or not token.isascii()


def _is_prose(text: str) -> bool:
    """Whether words change what the text says (`at least 5`)."""
    if "«" in text:
        return True
    return any(word.casefold() not in _MATH_WORDS and _is_word(word.casefold()) for word in _WORD.findall(text))


def _split(text: str, separates: Callable[[str, str, int], bool]) -> list[str]:
    """The parts of `text` outside all brackets. `separates(token, text, place)` says where one ends."""
    parts, depth, start, place = [], 0, 0, 0
    for token in _TOKENS.findall(text):
        if token in _PAIRS:
            depth += 1
        elif token in (")", "]", "}", "\\}", "\\rangle"):
            depth -= 1
            if depth < 0:
                raise Unreadable("a bracket too many")
        elif depth == 0 and separates(token, text, place):
            parts.append(text[start:place])
            start = place + len(token)
        place += len(token)
    if depth:
        raise Unreadable("a bracket is missing")
    return [*(part.strip() for part in parts), text[start:].strip()]


def _is_comma(token: str, text: str, place: int) -> bool:
    if token != "," or place + 1 == len(text):
        return token == "," or token == ";"
    # 1,000 is a number; 1, 000 and 1,00 are lists.
    thousands = re.compile(r"\d{3}(?!\d)").match(text, place + 1) and re.search(r"(?<![\d,.])\d{1,3}(?:,\d{3})*$", text[max(0, place - 40) : place])
    return not thousands


def _is_bracketed_comma(token: str, text: str, place: int) -> bool:
    """Inside brackets 1,000 is a number only beside a comma with a space."""
    if token == ";":
        return True
    return token == "," and (", " not in text or _is_comma(token, text, place))


def _elements(text: str) -> list[str]:
    """The elements of a list: split at commas, semicolons, `and` and `or`."""
    marked = _QUOTED_CONNECTOR.sub(lambda match: f" \x01{match[1] or match[2]} ", text)
    if any(sign in marked for sign in ("\x01", ",", ";")):
        marked = re.sub(r"[,;] *\x01(?:and|or) ", ", ", marked).replace("\x01and", ",\x02").replace("\x01or", ",\x03")
        parts = _split(marked, lambda token, whole, place: token == ";" or _is_comma(token, whole, place))
        return [part.replace("\x02", "").replace("\x03", "").strip() for part in parts if part.strip()]
    return [text]


def _list(normal: str, elements: Sequence[str]) -> Value:
    alternatives = [part for part in _split(_QUOTED_CONNECTOR.sub(lambda m: ";" if (m[1] or m[2]) == "or" else ",", normal), lambda token, *_: token == ";") if part]
    if len(alternatives) > 1 and len(elements) > len(alternatives) and all("=" in part for part in elements):
        return _collection([_list_of(_elements(part)) for part in alternatives])
    return _list_of(elements, conjunction="or" not in {(m[1] or m[2]) for m in _QUOTED_CONNECTOR.finditer(normal)} and bool(_QUOTED_CONNECTOR.search(normal)))


def _list_of(elements: Sequence[str], conjunction: bool = False) -> Value:
    values: list[Value] = []
    for element in elements:
        found = _element(element)
        # The later values of `n = 1, 2, 3` belong to n.
        if values and values[-1].kind == "named" and found.kind == "scalar":
            found = _named(values[-1].name, found)
        values.append(found)
    if len(values) == 1:
        return values[0]
    if all(value.kind == "named" for value in values):
        return _system(values)
    if all(value.kind == "set" and value.name for value in values) and len({value.name for value in values}) == 1:
        joined = sympy.Intersection if conjunction else sympy.Union
        return _set(joined(*(value.expression for value in values)), values[0].name)
    return _collection(values)


def _system(values: Sequence[Value]) -> Value:
    """`x = 1, x = 2` are two solutions for x, `x = 1, y = 2` is one for both, and one may follow another."""
    names = list(dict.fromkeys(value.name for value in values))
    if len(names) == 1:
        return _collection([value.parts[0] for value in values])
    size = len(names)
    if len(values) > size and [value.name for value in values] == names * (len(values) // size):
        return _collection([_system(values[at : at + size]) for at in range(0, len(values), size)])
    if len(values) != size:
        return _collection(values)
    ordered = sorted(values, key=lambda value: value.name)
    key = "(" + ", ".join(f"{value.name} = {value.parts[0].key}" for value in ordered) + ")"
    return Value("system", key, False, tuple(values))


def _collection(values: Sequence[Value]) -> Value:
    """A list without order. `±` inside it gives two elements."""
    flat = [part for value in values for part in (value.parts if value.kind == "list" else (value,))]
    flat = [part.parts[0] if part.kind == "named" else part for part in flat]
    # A point given twice is a slip; a number given twice (5 and 5) may be meant.
    points: set[str] = set()
    flat = [part for part in flat if part.kind == "scalar" or not (part.key in points or points.add(part.key))]  # type: ignore[func-returns-value]
    ordered = sorted(flat, key=lambda value: value.key)
    return Value("list", "{" + ", ".join(value.key for value in ordered) + "}", all(value.decided for value in ordered), tuple(ordered), given=tuple(flat))


def _element(text: str) -> Value:
    text = text.strip(" .")
    if not text:
        raise Unreadable("nothing")
    if (plain := plain_key(text)) is not None:
        return _of_number(plain)
    if (words := words_key(text)) is not None:
        return Value("literal", words)
    if (matrix := _MATRIX.fullmatch(text)) is not None and "\\begin" not in matrix[2]:
        return _matrix(matrix[2], matrix[1])
    if (base := _BASE.fullmatch(text)) is not None and base[1][0].isdigit():
        return Value("literal", base[1] if base[2] in ("10", "ten") else f"{base[1]}_{base[2]}")
    if _CLOCK.fullmatch(text):
        return Value("literal", text.removesuffix(":00"))
    if (relation := _relation(text)) is not None:
        return relation
    if ("\\pm" in text or "\\mp" in text) and not text.startswith("\\{"):
        return _plus_minus(text)
    if (union := _union(text)) is not None:
        return union
    if (bracketed := _bracketed(text)) is not None:
        return bracketed
    if ":" in text and (ratio := _ratio(text)) is not None:
        return ratio
    if (number := _without_unit(text)) is not None:
        return number
    return _scalar(_expression(text))


def _expression(text: str) -> Any:
    """The value of one expression. Words in it would be read as products of their letters."""
    if _is_prose(text):
        raise Unreadable("it is written in words")
    return scalars.scalar(text)


def _of_number(plain: str) -> Value:
    if re.fullmatch(r"-?\d+(?:/\d+)?", plain):
        return Value("scalar", plain, True, expression=sympy.Rational(plain))
    return Value("literal", plain)


def _scalar(expression: Any) -> Value:
    if isinstance(expression, sympy.MatrixBase | sympy.MatrixExpr):
        raise Unreadable("a matrix in an expression")
    key, decided = scalar_key(expression)
    return Value("scalar", key, decided, expression=expression)


def _without_unit(text: str) -> Value | None:
    match = _TRAILING_UNIT.search(text)
    if match is not None and not _CHANGING.search(match["words"].casefold()):
        rest = text[: match.start()].strip()
        return _element(rest) if rest else None
    bare = _BARE_UNIT.search(text)
    if bare is not None and (plain_key(f"1 {bare[1]}") == "1"):
        return _element(text[: bare.start()].strip())
    if text.endswith("°") and not any(f"\\{name}" in text for name in _MATH_WORDS):
        return _element(text[:-1])
    if text.endswith("%"):
        return _element(text[:-1])
    return None


def _plus_minus(text: str) -> Value:
    upper = text.replace("\\pm", "+").replace("\\mp", "-")
    lower = text.replace("\\pm", "-").replace("\\mp", "+")
    return _collection([_element(upper.removeprefix("+").strip()), _element(lower)])


def _bracketed(text: str) -> Value | None:
    """A tuple, an interval or a set, where one pair of brackets holds the whole text."""
    tokens = _TOKENS.findall(text)
    opening, closing = tokens[0], tokens[-1]
    if opening not in _PAIRS or closing not in (")", "]", "\\}", "\\rangle", "}"):
        return None
    inside = text[len(opening) : len(text) - len(closing)]
    try:
        parts = _split(inside, _is_bracketed_comma)
    except Unreadable:
        return None
    if opening == "\\{":
        return _braces(inside, parts) if closing == "\\}" else None
    if opening == "{":
        return read(inside) if closing == "}" else None
    if len(parts) == 1:
        return _element(inside) if _PAIRS[opening] == closing and not _is_vector(opening) else None
    values = tuple(_element(part) for part in parts)
    left, right = ("(", ")") if _is_vector(opening) else (opening, closing)
    if any(value.kind in ("list", "named", "relation", "system") for value in values):
        raise Unreadable("a tuple of what?")
    key = f"{left}{', '.join(value.key for value in values)}{right}"
    return Value("tuple", key, all(value.decided for value in values), values, extra=left + right)


def _is_vector(opening: str) -> bool:
    return opening == "\\langle"


def _braces(inside: str, parts: Sequence[str]) -> Value:
    if not inside.strip():
        return Value("literal", "\\emptyset")
    if "|" in inside or ":" in inside or "\\dots" in inside:
        raise Unreadable("a set by a condition")
    values = {value.key: value for value in (_element(part) for part in parts)}
    return _collection(list(values.values()))


def _ratio(text: str) -> Value | None:
    parts = [_element(part) for part in _split(text, lambda token, *_: token == ":")]
    if any(part.kind != "scalar" for part in parts) or len(parts) < 2:
        return None
    numbers = [part.expression for part in parts]
    if all(number.is_Rational for number in numbers) and numbers[0]:
        scale = sympy.ilcm(*(number.q for number in numbers))
        whole = [number * scale for number in numbers]
        divisor = sympy.igcd(*whole)
        return Value("ratio", ":".join(str(number / divisor) for number in whole), True, tuple(parts))
    return Value("ratio", ":".join(part.key for part in parts), False, tuple(parts))


def _matrix(body: str, kind: str) -> Value:
    if kind == "vmatrix":
        raise Unreadable("a determinant")
    rows = [row for row in _split(body, lambda token, *_: token == "\\\\") if row]
    cells = [[_element(cell) for cell in _split(row, lambda token, *_: token == "&")] for row in rows]
    if len({len(row) for row in cells}) != 1 or any(cell.kind != "scalar" for row in cells for cell in row):
        raise Unreadable("a table")
    flat = tuple(cell for row in cells for cell in row)
    key = "[" + "; ".join(", ".join(cell.key for cell in row) for row in cells) + "]"
    return Value("matrix", key, all(cell.decided for cell in flat), flat, extra=f"{len(cells)}x{len(cells[0])}")


# Equations and inequalities.


def _relation(text: str) -> Value | None:
    signs: list[str] = []

    def separates(token: str, *_: Any) -> bool:
        if token in _RELATIONS:
            signs.append(_RELATIONS[token])
            return True
        return False

    try:
        sides = _split(text, separates)
    except Unreadable:
        signs.clear()
        return None if not any(sign in text for sign in _RELATIONS) else _raise("brackets")
    if not signs:
        return None
    if "~" in signs:
        # What is only near the value is dropped: `1/3 \\approx 0.33`. A lone `x \\approx 11` says 11.
        at = signs.index("~")
        if at or not _is_name(sides[0]):
            sides, signs = sides[: at + 1], signs[:at]
        else:
            signs[0] = "="
        if not signs:
            return _element(sides[0])
    if signs == ["in"]:
        return _element(sides[1]) if _is_name(sides[0]) else _raise("membership")
    if all(sign == "=" for sign in signs):
        return _equation(sides)
    if "in" in signs or any(not side for side in sides):
        raise Unreadable("a mixed relation")
    return _inequality(sides, signs)


def _raise(reason: str) -> Value:
    raise Unreadable(reason)


_NAME = re.compile(
    r"(?:\\?[A-Za-z]+|[A-Za-z]+)(?:_(?:\{[^{}]*\}|\w))?'?(?:\((?:\\?[A-Za-z]+|\d+|[A-Za-z, ]+)(?:_(?:\{[^{}]*\}|\w))?\))?"
    r"|\\(?:overline|vec|angle|triangle|overrightarrow|hat|bar) ?\{?[A-Z a-z]+\}?|\|\\?[A-Za-z]+\||«[^»]*»|[A-Za-z ]{4,}"
    r"|\\frac ?\{[A-Z]{1,3}\} ?\{[A-Z]{1,3}\}|\([A-Za-z](?:, ?[A-Za-z])+\)|[A-Za-z][A-Za-z_{}0-9]* ?[:/] ?[A-Za-z][A-Z_a-z{}0-9]*"
)


def _is_name(text: str) -> bool:
    """Whether the left side of `=` only names what is found: x, f(x), |AB|, S_{ABC}, Total."""
    plain = text.strip()
    return len(plain) < 80 and _NAME.fullmatch(plain) is not None and not re.fullmatch(r"[a-z]{2,3}", plain) and plain not in ("e", "\\pi", "i")


def _equation(sides: list[str]) -> Value:
    left, right = sides[0], sides[-1]
    if not right:
        raise Unreadable("an equation without a right side")
    if not left:
        return _element(right)
    if _is_name(right) and not _is_name(left) and len(sides) == 2:
        left, right = right, left
    if _is_name(left):
        value = _element(right)
        constant = value.expression is None or not value.expression.free_symbols
        if value.kind in ("scalar", "list", "tuple", "literal", "ratio", "matrix", "set") and constant:
            return _named(left, value)
        if value.kind != "scalar":
            raise Unreadable("an equation of what?")
        if "(" in left:
            return _named(left, value)
        return _canonical(_expression(left) - value.expression, "=", name=left, value=value)
    if len(sides) > 2:
        return _element(right)
    one, other = _expression(left), _expression(right)
    if not one.free_symbols and not other.free_symbols:
        return _scalar(other)
    return _canonical(one - other, "=")


def _named(name: str, value: Value) -> Value:
    return Value("named", value.key, value.decided, (value,), value.expression, surface(name))


def _canonical(difference: Any, sign: str, name: str = "", value: Value | None = None) -> Value:
    """`difference sign 0`, in lowest terms, with a positive leading coefficient where the sign allows it."""
    difference = sympy.numer(sympy.together(difference)) if sign in ("=", "!=") else sympy.expand(difference)
    symbols = sorted(difference.free_symbols, key=str)
    if not symbols:
        raise Unreadable("a relation between numbers")
    try:
        polynomial = sympy.Poly(difference, *symbols, domain="QQ")
    except BasePolynomialError:
        return Value("relation", f"{scalar_key(difference)[0]} {sign} 0", False, () if value is None else (value,), difference, name, sign)
    content, primitive = polynomial.clear_denoms(convert=True)[1].primitive()
    if sign in ("=", "!=") and primitive.LC() < 0:
        primitive = -primitive
    key = f"{primitive.as_expr()} {sign} 0"
    return Value("relation", key, value is None, () if value is None else (value,), primitive.as_expr(), surface(name), sign)


def _inequality(sides: list[str], signs: list[str]) -> Value:
    values = [_expression(side) for side in sides]
    # `-\\infty < x < 3` says no more than `x < 3`.
    if len(values) > 2 and values[0] == -sympy.oo and signs[0] == "<":
        values, signs = values[1:], signs[1:]
    if len(values) > 2 and values[-1] == sympy.oo and signs[-1] == "<":
        values, signs = values[:-1], signs[:-1]
    found: Any = None
    for left, sign, right in zip(values, signs, values[1:], strict=False):
        region = _region(left - right, sign)
        if region is None:
            break
        name, interval = region
        found = (name, interval) if found is None else (name, sympy.Intersection(found[1], interval)) if name == found[0] else None
        if found is None:
            break
    else:
        if found is not None:
            return _set(found[1], found[0])
    if len(values) == 2:
        sign = signs[0]
        difference = values[0] - values[1]
        if sign in (">", ">="):
            difference, sign = -difference, {">": "<", ">=": "<="}[sign]
        return _canonical(difference, sign)
    if any(sign in (">", ">=") for sign in signs):
        values.reverse()
        signs = [{">": "<", ">=": "<="}.get(sign, "?") for sign in reversed(signs)]
    if any(sign not in ("<", "<=", "=") for sign in signs):
        raise Unreadable("a mixed chain")
    keys = [scalar_key(value)[0] for value in values]
    return Value("literal", "".join(f"{key} {sign} " for key, sign in zip(keys, [*signs, ""], strict=True)).strip())


def _region(difference: Any, sign: str) -> tuple[str, Any] | None:
    """The numbers for which a linear expression in one symbol is < 0, as (name, set)."""
    if len(difference.free_symbols) != 1:
        return None
    (symbol,) = difference.free_symbols
    if difference.has(sympy.Abs(symbol)):
        return _region_of_size(difference, symbol, sign)
    if not difference.is_polynomial(symbol):
        return None
    polynomial = sympy.Poly(difference, symbol)
    if polynomial.degree() != 1:
        return None
    slope, offset = polynomial.all_coeffs()
    border = sympy.nsimplify(-offset / slope) if (-offset / slope).is_Rational else -offset / slope
    if not slope.is_real or not border.is_real:
        return None
    if sign in ("=", "!="):
        point = sympy.FiniteSet(border)
        return symbol.name, point if sign == "=" else sympy.Complement(sympy.S.Reals, point)
    below = sign in ("<", "<=")
    if slope.is_negative:
        below = not below
    open_border = sign in ("<", ">")
    if below:
        return symbol.name, sympy.Interval(-sympy.oo, border, True, open_border)
    return symbol.name, sympy.Interval(border, sympy.oo, open_border, True)


def _region_of_size(difference: Any, symbol: Any, sign: str) -> tuple[str, Any] | None:
    """`_region` of a linear expression in |x|."""
    size = sympy.Symbol("size", real=True)
    found = _region(difference.xreplace({sympy.Abs(symbol): size}), sign)
    if found is None or found[0] != "size":
        return None
    positive = sympy.Intersection(found[1], sympy.Interval(0, sympy.oo))
    mirrored = [sympy.Interval(-part.end, -part.start, part.right_open, part.left_open) for part in _intervals(positive)]
    return symbol.name, sympy.Union(positive, *mirrored)


def _intervals(found: Any) -> list[Any]:
    parts = found.args if isinstance(found, sympy.Union) else (found,)
    return [sympy.Interval(part.args[0], part.args[0]) if isinstance(part, sympy.FiniteSet) else part for part in parts if part is not sympy.S.EmptySet]


# Intervals and their unions.


def _union(text: str) -> Value | None:
    if text in ("\\mathbb{R}", "\\R", "\\Reals", "\\mathbf{R}"):
        return _set(sympy.S.Reals)
    if text == "\\emptyset":
        return Value("literal", "\\emptyset")
    parts = _split(text, lambda token, *_: token in ("\\cup", "\\setminus", "\\backslash"))
    if len(parts) < 2:
        return None
    sets = [as_set(_element(part)) for part in parts]
    if "\\cup" in text and ("\\setminus" in text or "\\backslash" in text):
        raise Unreadable("a mixed union")
    return _set(sympy.Union(*sets) if "\\cup" in text else sympy.Complement(sets[0], sympy.Union(*sets[1:])))


def as_set(value: Value) -> Any:
    if value.kind == "set":
        return value.expression
    if value.kind == "list" and all(part.kind == "scalar" and part.expression.is_real for part in value.parts):
        return sympy.FiniteSet(*(part.expression for part in value.parts))
    if value.kind == "tuple" and len(value.parts) == 2 and all(part.kind == "scalar" for part in value.parts):
        left, right = (part.expression for part in value.parts)
        if left.is_extended_real and right.is_extended_real:
            return sympy.Interval(left, right, value.extra[0] == "(", value.extra[1] == ")")
    raise Unreadable("a union of what?")


def _set(found: Any, name: str = "") -> Value:
    found = sympy.simplify(found) if isinstance(found, sympy.Complement) else found
    return Value("set", _set_key(found), True, (), found, name)


def _set_key(found: Any) -> str:
    if found is sympy.S.EmptySet:
        return "\\emptyset"
    if found is sympy.S.Reals:
        return "(-oo, oo)"
    if isinstance(found, sympy.Interval):
        left, right = ("(" if found.left_open else "["), (")" if found.right_open else "]")
        return f"{left}{scalar_key(found.start)[0]}, {scalar_key(found.end)[0]}{right}"
    if isinstance(found, sympy.FiniteSet):
        keys = sorted(scalar_key(part)[0] for part in found.args)
        return keys[0] if len(keys) == 1 else "{" + ", ".join(keys) + "}"
    if isinstance(found, sympy.Union):
        return " U ".join(_set_key(part) for part in sorted(found.args, key=lambda part: (part.inf, str(part))))
    raise Unreadable("a set that is not computed")

