"""Expressions of a sentence that belong together: lists, times, `5 boys and 3 girls`, `the square root of 5`."""

from __future__ import annotations

import re
from itertools import pairwise

from memreward_service.answers.places.equations import value_side
from memreward_service.answers.places.grammar import words_alone
from memreward_service.answers.places.quantities import Quantity

_JOINT = re.compile(
    r"(?<! )[ ]*+(?:[,;、，和与與&]|(?:, ?)?(?:and|or|to|y|o|et|ou|und|oder|и|или|e|en|of|と|와|과)(?=[\s$\\(]))[ ]*+"
)
_OTHERWISE_SAID = re.compile(r"\s*, ?or\s*")
_NOUNS_JOINT = re.compile(r"(?: [^\W\d_][\w'’-]*+){1,2}?(?:, and |, | (?:and|y|et|und|и|e) )(?:[^\W\d_]+ )?")
_NOUN = re.compile(r" [^\W\d_]{3,}+(?=[.!]?\s*$)")
_UNIT = (
    r"(?:hours?|hrs?|minutes?|mins?|seconds?|secs?|days?|weeks?|months?|years?|feet|foot|ft|inch(?:es)?|pounds?|ounces?"
    r"|dollars?|cents?|yards?|miles?|quarts?|cups?|gallons?|pints?|stunden?|minuten?|heures?|horas?|minutos?|小时|分钟"
    r"|時間|分|시간|часа?|часов|минут)"
)
_UNITS_JOINT = re.compile(rf"[ ]?{_UNIT}(?:,? (?:and|y|et|und|и|e|en) |, | |和|と)?", re.IGNORECASE)
_LAST_UNIT = re.compile(rf"[ ]?{_UNIT}(?!\w)", re.IGNORECASE)
_NEGATIVE = re.compile(
    r"\b(?:negative|minus|menos|moins|meno|минус)[ ]+$|(?:负|負|マイナス|마이너스)[ ]?$", re.IGNORECASE
)
OPERATED = re.compile(
    r"\b(?:roots?|half|twice|double|squared?|cubed?|third|quarter|log|logarithm|reciprocal|opposite|inverse|sum|product"
    r"|difference|quotient|factorial|january|february|march|april|may|june|july|august|september|october|november"
    r"|december)\b",
    re.IGNORECASE,
)
_OPERATION_BEHIND = re.compile(
    r" (?:squared|cubed|factorial|to the (?:power|\w+ power)|times(?! (?:as|more|the))|divided by|plus|minus|multiplied"
    r"|and a (?:half|quarter|third))\b",
    re.IGNORECASE,
)
_OPEN_ENDED = re.compile(r" or (?:more|less|fewer|greater|above|below|higher|lower)\b", re.IGNORECASE)
_CHANCE = re.compile(r"\b(?:probability|chances?|odds|likelihood)\b", re.IGNORECASE)
_CHANCE_JOINT = re.compile(r" (?:in|out of)(?: every)? ")
_TWICE_SAID = re.compile(r"(?: [^\W\d_]+){0,2},? and (?:[^\W\d_][\w'’]*+ ){1,4}?(?:is|are|equals) ")
_JOINTS = (_UNITS_JOINT, _JOINT, _NOUNS_JOINT, _TWICE_SAID)
_BOUND = re.compile(
    r"\b(?:(?:at (?:least|most)|(?:no )?(?:more|less|fewer) than|greater than|up to|over|under)(?: or equal to)?)[ ]+$",
    re.IGNORECASE,
)


def compound(sentence: str, found: list[Quantity], place: int, lead_in: int | None) -> str:
    """The expression at `place`, with those that it makes a list or a compound with, and its sign or bound."""
    around = (place, place - 1)
    joint = next((joint for joint in _JOINTS for i in around if _joined(joint, sentence, found, i)), _JOINT)
    first = last = place
    if lead_in is not None and (operated := _operated(sentence, found, place, lead_in)):
        return operated
    while _joined(joint, sentence, found, last, listed=last > first):
        last += 1
    while (lead_in is None or joint is _TWICE_SAID) and _joined(joint, sentence, found, first - 1, last > first):
        first -= 1
    chosen = found[first : last + 1]
    if len(chosen) == 1:
        text = value_side(chosen[0].text, chosen[0].named)
    else:
        text = chosen[0].text + "".join(f"{_between(sentence, joint, a, b)}{b.text}" for a, b in pairwise(chosen))
        ending = _LAST_UNIT if joint is _UNITS_JOINT else _NOUN if joint is _NOUNS_JOINT else None
        if ending is not None and (unit := ending.match(sentence, chosen[-1].end)):
            text += unit.group()
    before = sentence[max(0, chosen[0].start - 30) : chosen[0].start]
    if _NEGATIVE.search(before):
        return f"-{text}"
    bound = _BOUND.search(before)
    if lead_in is None and bound is not None and sentence[: chosen[0].start].strip() != bound.group().strip():
        bound = None
    at_once = bound is not None and chosen[0].start - len(bound.group()) <= (lead_in or 0) + 1
    return f"{bound.group().strip()} {text}" if bound is not None and at_once else text


def _between(sentence: str, joint: re.Pattern[str], left: Quantity, right: Quantity) -> str:
    return " and " if joint is _TWICE_SAID else sentence[left.end : right.start]


def _operated(sentence: str, found: list[Quantity], place: int, lead_in: int) -> str | None:
    """What is said in words around an expression: `the square root of 5`, `5 or more`, `1 in 6`."""
    quantity = found[place]
    if place + 1 < len(found):
        other = found[place + 1]
        if _CHANCE.search(sentence) and _CHANCE_JOINT.fullmatch(sentence, quantity.end, other.start):
            return f"{quantity.text}/{other.text}"
    elif OPERATED.search(sentence, lead_in, quantity.start):
        return words_alone(sentence[lead_in : quantity.end])
    if open_ended := _OPEN_ENDED.match(sentence, quantity.end):
        return quantity.text + open_ended.group()
    if _OPERATION_BEHIND.match(sentence, quantity.end):
        return words_alone(sentence[quantity.start :])
    return None


def _joined(joint: re.Pattern[str], sentence: str, found: list[Quantity], place: int, listed: bool = False) -> bool:
    """Whether the expression at `place` and the next one belong together. `0.5, or 50%` says one thing twice."""
    if not 0 <= place < len(found) - 1:
        return False
    left, right = found[place], found[place + 1]
    if not listed and "=" not in left.text and _OTHERWISE_SAID.fullmatch(sentence, left.end, right.start):
        return False
    return joint.fullmatch(sentence, left.end, right.start) is not None
