"""Where a response to a query with options states its choice: a table of rules, tried in order.

The first place in which an option is found counts. Where none names an option, the first place that there is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from memreward_service.answers.choices.keys import concludes, named_choice
from memreward_service.answers.choices.labels import Labels
from memreward_service.answers.choices.options import Options, plain
from memreward_service.answers.places.boxes import boxes
from memreward_service.answers.places.finders import tagged
from memreward_service.answers.places.phrases import statements
from memreward_service.answers.places.rules import STATEMENT_WINDOW, FinalAnswer, Mark, boxed_answer, last_line

_LONGEST_LINE = 2_000
_STATEMENTS_TRIED = 4
_LINES_TRIED = 40
_LISTED = 20_000
"""Characters in which lines that list the options are looked for."""
_JOINED_BOXES = re.compile(r"\$? ?(?:[,&]|,? ?and|\\text\{ ?and ?\}) ?\$?")
_HEAD = re.compile(r"^[ \t>*_#(\[-]{0,8}+(?P<label>\w{1,4})[*_]{0,2}[.):\]、]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ChoicePlace:
    """`places` gives every place that fits, the likeliest first. The answer to the example is its B."""

    name: str
    example: str
    places: Callable[[Options, str], Iterator[FinalAnswer]]
    marked: bool = False
    """Whether the answer is marked, so that it counts in thinking that was cut off too."""


def placed_choice(options: Options, text: str, finished: bool = True) -> FinalAnswer:
    """The place at which a response without its thinking states its choice.

    `finished`: False for thinking that was cut off, in which only a marked answer counts.
    """
    first = None
    for rule in (rule for rule in CHOICE_PLACES if finished or rule.marked):
        for final in rule.places(options, text):
            if named_choice(options, final) is not None:
                return replace(final, rule=rule.name)
            first = first or replace(final, rule=rule.name)
    return first or FinalAnswer("", "", Mark.POSITION, rule="none")


def _tag(_: Options, text: str) -> Iterator[FinalAnswer]:
    if (found := tagged(text)) is not None:
        yield boxed_answer(found.answer) or FinalAnswer(text[: found.start].strip(), found.answer, Mark.STATEMENT)


def _box(_: Options, text: str) -> Iterator[FinalAnswer]:
    """The last box: graders of data sets take that where there are several. Two that hold a letter each and are joined
    directly are one answer.
    """
    last = list(islice(boxes(text), 2))
    letters = len(last) == 2 and all(len(box.inside.strip("() .")) == 1 for box in last)
    if letters and last[1].end <= last[0].start and _JOINED_BOXES.fullmatch(text, last[1].end, last[0].start):
        yield FinalAnswer(text[: last[1].start].strip(), f"{last[1].inside} and {last[0].inside}", Mark.BOX)
    if (final := boxed_answer(text)) is not None:
        yield final


def _statements(_: Options, text: str) -> Iterator[FinalAnswer]:
    offset = max(0, len(text) - STATEMENT_WINDOW)
    window = text[offset:]
    if (place := window.rfind("####")) >= 0:
        yield FinalAnswer(
            text[: offset + place].strip(), window[place:].lstrip("# \t").partition("\n")[0], Mark.STATEMENT
        )
    for found in islice(statements(window), _STATEMENTS_TRIED):
        answer = window[found.begin : found.end].strip()
        yield FinalAnswer(text[: offset + found.start].strip(), answer, Mark.STATEMENT)


def _first_line(options: Options, text: str) -> Iterator[FinalAnswer]:
    """A first line that begins with a label and its mark, or is only that, unless it begins a list of the options."""
    line, _, rest = text.lstrip()[:_LONGEST_LINE].partition("\n")
    line = plain(line).strip(" \t*_`")
    labels = Labels(options)
    head = _HEAD.match(line)
    if (
        not rest.strip()
        or len(line) > 400
        or not (labels.only(line) or (head and head["label"].upper() in options.labels))
    ):
        return
    listed = list(options.labels)
    first = head["label"].upper() if head else ""
    following = _HEAD.search(plain(rest[:_LISTED]))
    if head and following and _only_heads(text):
        return
    if first in listed and following and listed[listed.index(first) + 1 :][:1] == [following["label"].upper()]:
        return
    yield FinalAnswer("", line, Mark.STATEMENT)


def _only_heads(text: str) -> bool:
    """Whether every line begins with a label and its mark."""
    lines = [line for line in text[-_LISTED:].split("\n") if line.strip()]
    return len(lines) > 1 and all(_HEAD.match(plain(line[:30])) for line in lines)


def _concluding_line(options: Options, text: str) -> Iterator[FinalAnswer]:
    end = len(text)
    start = max(0, end - STATEMENT_WINDOW)
    for line in text[start:].split("\n")[: -_LINES_TRIED - 1 : -1]:
        end -= len(line) + 1
        if line.strip() and concludes(options, line):
            yield FinalAnswer(text[: max(0, end)].strip(), line.strip(), Mark.POSITION)
            return


def _last_line(options: Options, text: str) -> Iterator[FinalAnswer]:
    """The last line. A question states nothing, nor does a list of all options; a list of some is all of it."""
    final = last_line(text.rstrip("`~ \t\r\n"))
    listed = list(options.labels)
    if listed and final.answer.endswith(("?", "？")) and len(final.answer) > 20:
        return
    if listed and _HEAD.match(plain(final.answer[:20])):
        text = plain(text[-_LISTED:])
        heads = [match["label"].upper() for match in _HEAD.finditer(text)]
        if heads[-len(listed) :] == listed:
            return
        if _only_heads(text):
            final = FinalAnswer("", text.strip(), Mark.POSITION)
    yield final


CHOICE_PLACES = (
    ChoicePlace("answer tag", "It is wet.\n<answer>\nB\n</answer>", _tag, marked=True),
    ChoicePlace("box", "It is \\boxed{B}.", _box, marked=True),
    ChoicePlace("statement", "The answer is (B). Note that (A) is salty.", _statements, marked=True),
    ChoicePlace("first line", "B. water cooler\n\nBecause the ocean (A) is salty.", _first_line),
    ChoicePlace("concluding line", "I would pick B.\nIt is safe.", _concluding_line),
    ChoicePlace("last line", "Let me think.\n(B)", _last_line),
)
