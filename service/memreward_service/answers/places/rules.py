r"""Where a response states its final answer: a table of rules, the strongest first. READ FIRST `PLACE_RULES`.

A rule finds a place and what stands there: for mathematics the expression alone, for a text its words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from memreward_proto.records import Domain
from memreward_service.answers.mathematics.latex import unescaped
from memreward_service.answers.places.corrections import is_correction, retraction
from memreward_service.answers.places.finders import (
    Place,
    box,
    concluding_sentence,
    expression_in_tags,
    final_line,
    hashes,
    late_statement,
    letter_line,
    single_box,
    stated_line,
    stated_mathematics,
    stated_words,
    tags,
)
from memreward_service.answers.places.sentences import sentences

STATEMENT_WINDOW = 2_000
"""Characters at the end of a response in which a statement of a choice is looked for."""
MOST_CORRECTIONS = 3
"""Times that a response may take back its answer."""


class Mark(Enum):
    """How an answer is marked: in a box or a fence, by a statement, or only by standing last."""

    BOX = "box"
    STATEMENT = "statement"
    POSITION = "position"


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """The answer as written, the text before its statement, how the response marked it, the language of its code fence,
    and the name of the rule that found it.
    """

    before: str
    answer: str
    mark: Mark
    language: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class PlaceRule:
    """`find` gives the place of the answer in a response without its thinking. It finds `answer` in `example`.

    A rule that is marked by position is not used on thinking that was cut off.
    """

    name: str
    domains: frozenset[Domain]
    mark: Mark
    example: str
    answer: str
    find: Callable[[str], Place | None]


_MATH = frozenset({Domain.MATH})
_TEXT = frozenset({Domain.TEXT})
_QA = frozenset({Domain.QA})
_WORDS = _TEXT | _QA

PLACE_RULES: tuple[PlaceRule, ...] = (
    PlaceRule(
        "answer tags",
        _MATH,
        Mark.BOX,
        "<answer>x + 1</answer>\n<confidence>95</confidence>",
        "x + 1",
        expression_in_tags,
    ),
    PlaceRule("answer tags", _WORDS, Mark.BOX, "It is in France.\n<answer>\nParis\n</answer>", "Paris", tags),
    PlaceRule(
        "statement behind a box",
        _MATH,
        Mark.STATEMENT,
        "He pays \\boxed{3} twice. The final answer is $6$.",
        "6",
        late_statement,
    ),
    PlaceRule("box", _MATH, Mark.BOX, "So they are $\\boxed{3}$ and $\\boxed{5}$.", "3, 5", box),
    PlaceRule("box", _WORDS, Mark.BOX, "It is \\boxed{\\text{Rome}}, no, \\boxed{Paris}.", "Paris", single_box),
    PlaceRule("hashes", _MATH | _WORDS, Mark.STATEMENT, "7 + 5 = 12\n#### 12\n\nI added them.", "12", hashes),
    PlaceRule(
        "statement", _MATH, Mark.STATEMENT, "The answer is 12, not 15. Note that 15 is odd.", "12", stated_mathematics
    ),
    PlaceRule("statement", _TEXT, Mark.STATEMENT, "The answer is Paris. It is in France.", "Paris", stated_words),
    PlaceRule(
        "statement", _QA, Mark.STATEMENT, "The answer is (B) water, not (A).", "(B) water, not (A).", stated_line
    ),
    PlaceRule("line of A", _MATH, Mark.STATEMENT, "3 + 4 = 7\nA: 7", "7", letter_line),
    PlaceRule(
        "conclusion",
        _MATH,
        Mark.POSITION,
        "So 12 of the 30 students passed.\nHope this helps!",
        "12",
        concluding_sentence,
    ),
    PlaceRule("last line", _MATH | _WORDS, Mark.POSITION, "I think of a city.\nParis", "Paris", final_line),
)
_RULES = {domain: tuple(rule for rule in PLACE_RULES if domain in rule.domains) for domain in Domain}
_STRONG = {domain: tuple(rule for rule in rules if rule.mark is not Mark.POSITION) for domain, rules in _RULES.items()}


def placed_answer(domain: Domain, text: str, finished: bool = True) -> FinalAnswer:
    """The final answer of a response without its thinking; the answer is empty where there is none.

    `finished`: False for thinking that was cut off, in which only a marked answer counts.
    """
    text = unescaped(text) if domain is Domain.MATH else text
    placed = _first(_RULES[domain] if finished else _STRONG[domain], text)
    if placed is None:
        return FinalAnswer("", "", Mark.POSITION, rule="none")
    rule, place = placed
    begin = 0
    for _ in range(MOST_CORRECTIONS):
        if rule.mark is Mark.POSITION or (taken_back := retraction(text, begin + place.end)) is None:
            break
        corrected = _first(_STRONG[domain], text[taken_back:])
        if corrected is None and domain is Domain.MATH:
            corrected = _corrected(text[taken_back:])
        if corrected is None:
            break
        begin = taken_back
        rule, place = corrected
    return FinalAnswer(text[: begin + place.start].strip(), place.answer, rule.mark, rule=rule.name)


def boxed_answer(text: str) -> FinalAnswer | None:
    r"""The last \boxed{...} whose braces balance, by itself."""
    found = single_box(text)
    return None if found is None else FinalAnswer(text[: found.start].strip(), found.answer, Mark.BOX, rule="box")


def given_answer(domain: Domain, answer: str) -> FinalAnswer:
    """An answer that the caller gave: what it boxes, else all of it."""
    found = box(answer) if domain is Domain.MATH else single_box(answer)
    return FinalAnswer("", answer.strip() if found is None else found.answer, Mark.BOX, rule="given")


def last_line(text: str) -> FinalAnswer:
    """The last line that is not blank."""
    before, _, line = text.rstrip().rpartition("\n")
    return FinalAnswer(before.strip(), line.strip(), Mark.POSITION, rule="last line")


def _first(rules: tuple[PlaceRule, ...], text: str) -> tuple[PlaceRule, Place] | None:
    for rule in rules:
        if (place := rule.find(text)) is not None:
            return rule, place
    return None


def _corrected(text: str) -> tuple[PlaceRule, Place] | None:
    rule = next(rule for rule in PLACE_RULES if rule.find is concluding_sentence)
    place = rule.find(text)
    return (rule, place) if place is not None and is_correction(sentences(text[place.start : place.end])[-1]) else None
