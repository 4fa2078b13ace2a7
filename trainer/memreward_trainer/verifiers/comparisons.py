"""Whether what a program returned or printed is what a test expects, and where that cannot be said.

Judges differ in how they take the last digits of a number and the spaces between words, so that these decide nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from enum import IntEnum
from itertools import zip_longest
from typing import Any

CLOSE = 1e-6
"""Relative and absolute difference of two numbers from which they are different."""
MOST_DIGITS = 400
"""Characters of a number in an output."""


class Match(IntEnum):
    """How two values compare. The match of several is the least of theirs."""

    DIFFERENT = 0
    UNCLEAR = 1
    EQUAL = 2


def same_value(found: Any, expected: Any) -> Match:
    """Compare a returned value with one that was read from JSON: a tuple is a list, the keys of a dict are texts."""
    if isinstance(found, float) and isinstance(expected, (int, float)) and found != expected:
        return Match.UNCLEAR if math.isclose(found, expected, rel_tol=CLOSE, abs_tol=CLOSE) else Match.DIFFERENT
    if isinstance(found, (list, tuple)) and isinstance(expected, list):
        if len(found) != len(expected):
            return Match.DIFFERENT
        return min(map(same_value, found, expected), default=Match.EQUAL)
    if isinstance(found, (set, frozenset)) and isinstance(expected, list):
        return Match.UNCLEAR if _same_items(found, expected) else Match.DIFFERENT
    if isinstance(found, dict) and isinstance(expected, dict):
        texts = {_text(key): value for key, value in found.items()}
        wanted = {_text(key): value for key, value in expected.items()}
        if texts.keys() != wanted.keys():
            return Match.DIFFERENT
        return min((same_value(texts[key], wanted[key]) for key in texts), default=Match.EQUAL)
    return Match.EQUAL if found == expected else Match.DIFFERENT


def same_output(found: str, expected: str) -> Match:
    """Compare what a script printed, line by line; spaces at the end of a line and blank last lines do not count."""
    lines, wanted = _lines(found), _lines(expected)
    if lines == wanted:
        return Match.EQUAL
    words, wanted_words = found.split(), expected.split()
    if len(words) != len(wanted_words):
        return Match.DIFFERENT
    match = min(map(_same_word, words, wanted_words), default=Match.EQUAL)
    as_many = all(len(a.split()) == len(b.split()) for a, b in zip_longest(lines, wanted, fillvalue=""))
    spacing = Match.EQUAL if as_many and words != wanted_words else Match.UNCLEAR
    return min(match, spacing)


def _same_word(word: str, wanted: str) -> Match:
    if word == wanted:
        return Match.EQUAL
    number, other = _number(word), _number(wanted)
    if number is None or other is None:
        return Match.DIFFERENT
    if number == other:
        return Match.EQUAL
    whole = "." not in word + wanted and "e" not in (word + wanted).lower()
    close = not whole and math.isclose(number, other, rel_tol=CLOSE, abs_tol=CLOSE)
    return Match.UNCLEAR if close else Match.DIFFERENT


def _number(word: str) -> Decimal | None:
    try:
        number = Decimal(word) if len(word) <= MOST_DIGITS else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() and abs(number.adjusted()) < MOST_DIGITS else None


def _same_items(found: Iterable[Any], expected: list[Any]) -> bool:
    left = list(expected)
    for item in found:
        place = next((place for place, one in enumerate(left) if same_value(item, one) is not Match.DIFFERENT), None)
        if place is None:
            return False
        del left[place]
    return not left


def _text(key: Any) -> str:
    return key if isinstance(key, str) else repr(key)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]
