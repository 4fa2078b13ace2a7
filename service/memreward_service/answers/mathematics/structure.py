"""What an answer is made of: one expression, a list of solutions, a tuple, an interval, a system, a matrix.

READ FIRST `_KINDS`, the kinds of an element in the order in which they are tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import sympy

from memreward_service.answers.mathematics.matrices import matrix
from memreward_service.answers.mathematics.numbers import plain_key
from memreward_service.answers.mathematics.regions import region_value, union
from memreward_service.answers.mathematics.relations import relation
from memreward_service.answers.mathematics.speller import Unreadable
from memreward_service.answers.mathematics.splitting import (
    OPENING,
    TOKENS,
    alternatives,
    bracketed,
    connectors,
    elements,
    split_at,
)
from memreward_service.answers.mathematics.values import (
    Value,
    collection,
    expression,
    literal,
    named,
    of_plain_key,
    scalar,
    sequence,
)
from memreward_service.answers.mathematics.wording import FUNCTIONS, words_key

MOST_ELEMENTS = 100

_BASE = re.compile(r"(\d[0-9A-F]*) ?_ ?\{? ?([a-z]+|\d{1,2}) ?\}?")
_CLOCK = re.compile(r"\d{1,2}:[0-5]\d(?::[0-5]\d)?")
_EXPONENT = r"(?: ?\^ ?\{? ?[1-4] ?\}?)?\Z"
_QUOTED_UNIT = re.compile(rf" ?«([^«»]*+)»{_EXPONENT}")
_BARE_UNIT = re.compile(rf" ([A-Za-z]{{2,}}(?:[ /][A-Za-z]+)*){_EXPONENT}")
_BOUNDED = re.compile(
    r"«? ?((?:at (?:least|most)|(?:no )?(?:more|less|fewer) than|greater than|up to|over|under)(?: or equal to)?) ?»?"
    r" ?(?=[-\d\\$(])",
    re.IGNORECASE,
)
_LONGEST_UNIT = 60
_CHANGING = re.compile(r"\b(?:if|where|when|for|mod|not|is|are|otherwise|than|least|most|and|or)\b", re.IGNORECASE)


def read(normal: str) -> Value:
    """The value of a normalised answer (latex.py).

    Raises:
        Unreadable: it is not understood; its normalised text has to do as its key.
    """
    if (words := words_key(normal)) is not None:
        return literal(words)
    parts = elements(normal)
    if len(parts) > MOST_ELEMENTS:
        raise Unreadable("a list out of bounds")
    if len(parts) <= 1:
        return _element(normal)
    branches = alternatives(normal)
    if 1 < len(branches) < len(parts) and all("=" in part for part in parts):
        return collection([_list(elements(branch), {"and"}) for branch in branches])
    return _list(parts, connectors(normal))


def _list(parts: Sequence[str], words: set[str]) -> Value:
    values: list[Value] = []
    for part in parts:
        value = _element(part)
        # The later values of `n = 1, 2, 3` belong to n.
        if values and values[-1].kind == "named" and value.kind == "scalar":
            value = named(values[-1].name, value)
        values.append(value)
    if all(value.kind == "named" for value in values):
        return _system(values)
    unknowns = {value.name for value in values}
    if all(value.kind == "set" and value.name for value in values) and len(unknowns) == 1:
        joined = sympy.Intersection if words == {"and"} else sympy.Union
        return region_value(joined(*(value.expression for value in values)), values[0].name)
    return collection(values)


def _system(values: Sequence[Value]) -> Value:
    """`x = 1, x = 2` are two solutions for x, `x = 1, y = 2` is one for both, and one may follow another."""
    names = list(dict.fromkeys(value.name for value in values))
    size = len(names)
    if size == 1:
        return collection(values)
    if len(values) > size and [value.name for value in values] == names * (len(values) // size):
        return collection([_system(values[at : at + size]) for at in range(0, len(values), size)])
    if len(values) != size:
        raise Unreadable("several values for some of several unknowns")
    ordered = sorted(values, key=lambda value: value.name)
    key = "(" + ", ".join(f"{value.name} = {value.parts[0].key}" for value in ordered) + ")"
    return Value("system", key, False, tuple(values))


def _element(text: str) -> Value:
    text = text.strip(" .")
    if not text:
        raise Unreadable("nothing")
    for kind in _KINDS:
        if (value := kind(text)) is not None:
            return value
    return scalar(expression(text))


def _plain(text: str) -> Value | None:
    plain = plain_key(text)
    return None if plain is None else of_plain_key(plain)


def _words(text: str) -> Value | None:
    words = words_key(text)
    return None if words is None else literal(words)


def _based(text: str) -> Value | None:
    """`101_2`"""
    match = _BASE.fullmatch(text)
    if match is None:
        return None
    return of_plain_key(str(int(match[1]))) if match[2] in ("10", "ten") else literal(f"{match[1]}_{match[2]}")


def _clock(text: str) -> Value | None:
    """`5:30`, which is no ratio that could be reduced. `7:00` is 7."""
    if _CLOCK.fullmatch(text) is None:
        return None
    hour, _, rest = text.partition(":")
    return of_plain_key(str(int(hour))) if rest == "00" else literal(text)


def _bounded(text: str) -> Value | None:
    """`at least 5`, which is not 5"""
    bound = _BOUNDED.match(text)
    if bound is None:
        return None
    value = _element(text[bound.end() :])
    return Value("literal", f"{' '.join(bound[1].casefold().split())} {value.key}", value.decided)


def _plus_minus(text: str) -> Value | None:
    if ("\\pm" not in text and "\\mp" not in text) or text.startswith("\\{"):
        return None
    upper = text.replace("\\pm", "+").replace("\\mp", "-")
    lower = text.replace("\\pm", "-").replace("\\mp", "+")
    return collection([_element(upper.removeprefix("+")), _element(lower)])


def _brackets(text: str) -> Value | None:
    """A tuple, an interval or a set, where one pair of brackets holds the whole text."""
    tokens = TOKENS.findall(text)
    opening, closing = tokens[0], tokens[-1]
    if opening not in OPENING or closing not in OPENING.values():
        return None
    inside = text[len(opening) : len(text) - len(closing)]
    try:
        parts = bracketed(inside)
    except Unreadable:
        return None
    if opening in ("\\{", "{"):
        if OPENING[opening] != closing:
            return None
        return read(inside) if opening == "{" else _set(inside, parts)
    if opening == "\\langle":
        return sequence([_element(part) for part in parts], "(", ")")
    if len(parts) == 1:
        return _element(inside) if OPENING[opening] == closing else None
    return sequence([_element(part) for part in parts], opening, closing)


def _set(inside: str, parts: Sequence[str]) -> Value:
    if not inside.strip():
        return literal("\\emptyset")
    if "|" in inside or ":" in inside:
        raise Unreadable("a set by a condition")
    return collection({value.key: value for value in map(_element, parts)}.values())


def _ratio(text: str) -> Value | None:
    """`6:8`, in lowest terms."""
    if ":" not in text or len(parts := split_at(text, ":")) < 2:
        return None
    values = [_element(part) for part in parts]
    if any(value.kind != "scalar" for value in values):
        raise Unreadable("a ratio of what?")
    numbers = [value.expression for value in values]
    if all(number.is_Rational for number in numbers) and any(numbers):
        divisor = sympy.gcd(numbers)
        return Value("ratio", ":".join(str(number / divisor) for number in numbers), True, tuple(values))
    return Value("ratio", ":".join(value.key for value in values), False, tuple(values))


def _with_unit(text: str) -> Value | None:
    """An expression in front of its unit, of its percent sign, or in degrees."""
    tail = max(0, len(text) - _LONGEST_UNIT)
    quoted = _QUOTED_UNIT.search(text, tail)
    bare = _BARE_UNIT.search(text, tail)
    if quoted is not None and quoted.start() and not _CHANGING.search(quoted[1]):
        return _element(text[: quoted.start()])
    if bare is not None and bare.start() and plain_key(f"1 {bare[1]}") == "1":
        return _element(text[: bare.start()])
    # Degrees in the argument of a function are an angle.
    if text[-1] == "%" or (text[-1] == "°" and not any(f"\\{name}" in text for name in FUNCTIONS)):
        return _element(text[:-1])
    return None


def _relation(text: str) -> Value | None:
    return relation(text, _element)


def _union(text: str) -> Value | None:
    return union(text, _element)


_KINDS: tuple[Callable[[str], Value | None], ...] = (
    _plain,  # 1,000.50; 5 apples; 5:30 PM
    _words,  # Monday; (C)
    _bounded,  # at least 5
    matrix,  # \begin{pmatrix} 1 & 2 \end{pmatrix}
    _based,  # 101_2
    _clock,  # 5:30
    _relation,  # x = 5; 2 < x \le 3
    _plus_minus,  # 1 \pm \sqrt{2}
    _union,  # [1, 2) \cup (2, 3]
    _brackets,  # (3, 4); \{1, 2\}
    _ratio,  # 3:4
    _with_unit,  # 2\sqrt{3} cm
)
"""What an element may be. An expression is what is none of these."""
