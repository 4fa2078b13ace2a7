"""Where a normalised answer falls apart: at commas, semicolons, `and`, `or`, relation signs, outside all brackets."""

from __future__ import annotations

import re
from collections.abc import Callable

from memreward_service.answers.mathematics.speller import Unreadable

TOKENS = re.compile(r"\\[a-zA-Z]++|\\.|«[^«»]*+»|.", re.DOTALL)
OPENING = {"(": ")", "[": "]", "{": "}", "\\{": "\\}", "\\langle": "\\rangle"}
_CLOSING = frozenset((")", "]", "}", "\\}", "\\rangle", "\\end"))

_CONNECTOR = re.compile(r"(?:[,;] *)?(?:« ?(and|or) ?»|(?<![A-Za-z\\])(and|or)(?![A-Za-z]))")
_THREE_DIGITS = re.compile(r"\d{3}(?!\d)")
_FIRST_DIGITS = re.compile(r"(?<![\d,.])\d{1,3}(?:,\d{3})*+\Z")
_LONGEST_NUMBER = 40


def split(text: str, separates: Callable[[str, str, int], bool]) -> list[str]:
    """The parts of `text` outside all brackets. `separates(token, text, place)` says where one ends.

    Raises:
        Unreadable: the brackets do not match.
    """
    parts: list[str] = []
    depth = start = place = 0
    for token in TOKENS.findall(text):
        if token in OPENING or token == "\\begin":
            depth += 1
        elif token in _CLOSING:
            depth -= 1
            if depth < 0:
                raise Unreadable("a bracket too many")
        elif depth == 0 and separates(token, text, place):
            parts.append(text[start:place].strip())
            start = place + len(token)
        place += len(token)
    if depth:
        raise Unreadable("a bracket is missing")
    return [*parts, text[start:].strip()]


def split_at(text: str, *tokens: str) -> list[str]:
    """The parts of `text` between these tokens, outside all brackets."""
    return split(text, lambda token, _text, _place: token in tokens)


def elements(text: str) -> list[str]:
    """The elements of a list that is written with commas, semicolons, `and` and `or`."""
    marked = _CONNECTOR.sub(";", text)
    if "," not in marked and ";" not in marked:
        return [text]
    parts = split(marked, lambda token, whole, place: token == ";" or (token == "," and not _joins(whole, place)))
    return [part for part in parts if part]


def alternatives(text: str) -> list[str]:
    """What stands between `or` and semicolons: `x = 1, y = 2 or x = 3, y = 4` has two alternatives."""
    marked = _CONNECTOR.sub(lambda match: ";" if "or" in match.groups() else ",", text)
    return [part for part in split_at(marked, ";") if part]


def connectors(text: str) -> set[str]:
    """The words among `and` and `or` that connect its elements."""
    return {match[1] or match[2] for match in _CONNECTOR.finditer(text)}


def bracketed(inside: str) -> list[str]:
    """The elements inside brackets. There `1,000` is a number only beside a comma with a space: (1,000, 2,000)."""
    spaced = ", " in inside
    return split(
        inside, lambda token, text, place: token == ";" or (token == "," and not (spaced and _joins(text, place)))
    )


def _joins(text: str, place: int) -> bool:
    """Whether the comma at `place` belongs to a number such as 1,000 (1, 000 and 1,00 are lists)."""
    before = text[max(0, place - _LONGEST_NUMBER) : place]
    return _THREE_DIGITS.match(text, place + 1) is not None and _FIRST_DIGITS.search(before) is not None
