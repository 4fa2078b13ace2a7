"""What the rules of rules.py look for: tags, boxes, statements, sentences that conclude, the last line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from memreward_service.answers.places.boxes import boxes, last_boxes
from memreward_service.answers.places.phrases import Statement, lower, statements
from memreward_service.answers.places.quantities import quantities
from memreward_service.answers.places.sentences import (
    concluding_expression,
    first_sentence,
    is_remark,
    plain,
    sentences,
    stated_expression,
)

LONGEST_DISPLAY = 2_000
"""Characters in which a displayed formula has to be closed."""
TRIES = 20
"""Tags, hashes and statements looked at, counted from the end."""
CONCLUDING_WINDOW = 8_000
"""Characters at the end of a response in which a concluding sentence is looked for."""
CONCLUDING_LINES = 60

_TAG_NAMES = (
    *("answer", "final_answer", "finalanswer", "final answer", "final-answer", "ans", "final", "choice"),
    *("solution", "result", "response", "output"),
)
_TAGS = (
    *((name, f"<{name}>", f"</{name}>") for name in _TAG_NAMES),
    *((name, f"[{name}]", f"[/{name}]") for name in ("answer", "final answer")),
)
_LOOSE_NAMES = frozenset({"solution", "result", "response", "output", "final"})
"""Tags in which a whole solution may stand: they count where a short line stands in them."""
_LONGEST_LOOSE = 200
_DISPLAYS = {"\\[": "\\]", "$$": "$$", "\\begin{": "\\end{", "```": "```"}
_PLACEHOLDERS = frozenset({"", "...", "…", "your answer", "your answer here", "answer", "final answer", "answer here"})
_WORD = re.compile(r"(?<![\\\w{])[^\W\d_]{2,}")
_HEADING = re.compile(r"\d{1,2}[.):](?!\d)|step\b|part\b", re.IGNORECASE)
_LEADING = re.compile(
    r"[\s*_\"'(]*+[-+−–±]?\s?(?:\\?[$€£¥₹(\[{]|\\[a-zA-Z(\[]|[\d.√∞½¼¾(]|[a-zA-Z](?:\([a-zA-Z]\))?\s*[=<>≤≥])"
)
_BEFORE_A = " \t>*_#"
_DOUBTED = (
    "mistake",
    "incorrect",
    "wrong",
    "if the ",
    "whether",
    "might think",
    "may think",
    "would get",
    "do not know",
)
_VERDICTS = re.compile(
    r"(?:(?:is |was |not )?(?:correct|right|incorrect|wrong|valid|reasonable|as follows|below|above|unknown)\b)",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(r"\b(?:is|was|seems) (?:wrong|incorrect|not (?:right|correct))\b")
_MATHS_ONLY = re.compile(r"\$([^$]+)\$|\\\((.+)\\\)|\$\$([^$]+)\$\$|\\\[(.+)\\\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """The answer that stands at `start` to `end` of a text."""

    start: int
    end: int
    answer: str


def tags(text: str) -> Place | None:
    """The last <answer>...</answer> that holds something, its box or its words."""
    found = tagged(text)
    if found is None:
        return None
    boxed = single_box(found.answer)
    return found if boxed is None else Place(found.start, found.end, boxed.answer)


def expression_in_tags(text: str) -> Place | None:
    """`tags`, with the expression alone where sentences stand in them."""
    found = tagged(text)
    if found is None:
        return None
    for find in (box, hashes, stated_mathematics):
        if (inner := find(found.answer)) is not None:
            return Place(found.start, found.end, inner.answer)
    if (short := _short_expression(found.answer)) is not None:
        return Place(found.start, found.end, short)
    concluded = concluding_sentence(found.answer)
    return Place(found.start, found.end, concluded.answer if concluded else first_sentence(found.answer))


def box(text: str) -> Place | None:
    r"""The last boxes. Of `\boxed{\text{The answer is 12}}` what it states."""
    found = last_boxes(text)
    if found is None:
        return None
    words = (
        first_sentence(found.inside.replace("\\text", "").strip("{} ")) if "\\text" in found.inside else found.inside
    )
    said = next(statements(words), None)
    inside = stated_expression(words[said.begin : said.end], explained=False) if said else None
    return Place(found.start, found.end, inside or found.inside)


def single_box(text: str) -> Place | None:
    """The last box by itself: of two choices in boxes, the last one counts."""
    found = next(boxes(text), None)
    return None if found is None else Place(found.start, found.end, found.inside)


def late_statement(text: str) -> Place | None:
    """A statement of the final answer behind the last box, which held a step."""
    last = next(boxes(text), None)
    if last is None or "final answer is" not in lower(text[last.end :]):
        return None
    rest = text[last.end :]
    said = next(statements(rest), None)
    if said is None or _LEADING.match(rest, said.begin) is None:
        return None
    place = stated_mathematics(rest)
    return None if place is None else Place(last.end + place.start, last.end + place.end, place.answer)


def hashes(text: str) -> Place | None:
    """`#### 12` that is no heading: it begins with an expression, or nothing follows it."""
    for place in islice(_last_first(text, "####"), TRIES):
        if text[place + 4 : place + 5] == "#" or text[max(0, place - 1) : place] == "#":
            continue
        end = _line_end(text, place)
        value = plain(text[place + 4 : end]).strip()
        if not value or _HEADING.match(value):
            continue
        alone = not text[end:].strip()
        if _LEADING.match(value) and len(_WORD.findall(value)) < 6:
            return Place(place, end, _short_expression(value) or stated_expression(value, explained=False) or value)
        if alone and next(statements(value), None) is None:
            return Place(place, end, value)
    return None


def stated_mathematics(text: str) -> Place | None:
    """The last statement of an answer that has an expression, or that is words and no heading of an explanation."""
    for found in islice(statements(text), TRIES):
        end = _value_end(text, found)
        value = text[found.begin : end]
        link = text[found.start : found.begin]
        if _doubtful(link, value):
            continue
        heads = ":" in link or "：" in link or "\n" in link
        more = bool(text[end:].strip())
        answer = _short_expression(value) if end > found.end else stated_expression(value, explained=heads)
        if answer is None or (heads and more and not _LEADING.match(value) and len(value.split()) > 3):
            continue
        said = sentences(value)[0] if end == found.end else value
        return Place(found.start, found.begin + len(said), answer)
    return None


def stated_words(text: str) -> Place | None:
    """The last statement of an answer: its first sentence."""
    for found in islice(statements(text), TRIES):
        value = text[found.begin : found.end]
        answer = _without_delimiters(first_sentence(value))
        if answer and not _doubtful(text[found.start : found.begin], value):
            return Place(found.start, found.end, answer)
    return None


def stated_line(text: str) -> Place | None:
    """The last statement of an answer: the rest of its line."""
    found = next(statements(text), None)
    return None if found is None else Place(found.start, found.end, text[found.begin : found.end].strip())


def letter_line(text: str) -> Place | None:
    """The last line `A: 12`."""
    for place in islice(_last_first(text, "A"), 10 * TRIES):
        line = text.rfind("\n", 0, place) + 1
        head = text[place + 1 : place + 5].lstrip("*_ \t")
        if place - line > 8 or text[line:place].strip(_BEFORE_A) or head[:1] not in {":", "："}:
            continue
        end = _line_end(text, place)
        value = text[place + 1 : end].lstrip("*_ \t:：")
        if (answer := stated_expression(value, explained=True)) is not None:
            return Place(line, end, answer)
    return None


def concluding_sentence(text: str) -> Place | None:
    """The expression that the last line ends up with; remarks and lines without one are passed over."""
    for start, end in islice(_lines(text), CONCLUDING_LINES):
        line = text[start:end]
        if is_remark(line) and start > 0:
            continue
        answer = _short_expression(line) if line.startswith(tuple(_DISPLAYS)) else concluding_expression(line)
        if answer:
            return Place(start, end, answer)
        if (
            start
            and line.startswith("**")
            and line.endswith("**")
            and line.count("**") == 2
            and line[-3:-2] not in ":.!?"
        ):
            return Place(start, end, line.strip("* "))
    return None


def final_line(text: str) -> Place | None:
    """The last line that is not blank."""
    stripped = text.rstrip()
    start = stripped.rfind("\n") + 1
    line = stripped[start:].strip()
    return Place(start, len(stripped), line) if line else None


def tagged(text: str) -> Place | None:
    """What stands in the last tag of an answer; without its end, all that follows."""
    if "<" not in text and "[/" not in text:
        return None
    lowered = lower(text)
    for name, opening, closing in _TAGS:
        end = len(text)
        for start in islice(_last_first(lowered, opening), TRIES):
            begin = start + len(opening)
            close = lowered.find(closing, begin, end)
            inside = text[begin : close if close >= 0 else end].strip()
            if name in _LOOSE_NAMES and (close < 0 or "\n" in inside or len(inside) > _LONGEST_LOOSE):
                break
            if inside.lower() not in _PLACEHOLDERS and (close >= 0 or end == len(text)):
                return Place(start, close + len(closing) if close >= 0 else end, inside)
            end = start
        close = lowered.rfind(closing)
        known = name not in _LOOSE_NAMES
        if known and 0 <= close < CONCLUDING_WINDOW and opening not in lowered and (inside := text[:close].strip()):
            return Place(0, close + len(closing), inside)
    return None


def _short_expression(text: str) -> str | None:
    """A text that is an expression and little more, without its delimiters and full stop."""
    value = plain(text).strip().strip("`").strip()
    if "\n" in value and not value.startswith(("\\[", "$$", "\\begin")):
        return None
    value = _without_delimiters(value)
    words = _WORD.findall(value)
    if not value or len(words) > 3 or (words and value.startswith(words[0])):
        return None
    found = quantities(value)
    if len(found) == 1 and not words and "\\begin" not in value:
        return stated_expression(value, explained=False)
    return " ".join(value.rstrip(".。").split())


def _without_delimiters(value: str) -> str:
    whole = _MATHS_ONLY.fullmatch(value.strip().rstrip(".。"))
    return value if whole is None else next(group for group in whole.groups() if group is not None).strip()


def _doubtful(link: str, value: str) -> bool:
    return any(words in link.lower() for words in _DOUBTED) or bool(_VERDICTS.match(value) or _TAKEN_BACK.search(value))


def _value_end(text: str, found: Statement) -> int:
    """The end of what a statement says: its line, or the formula displayed there."""
    for opening, closing in _DISPLAYS.items():
        if text.startswith(opening, found.begin):
            close = text.find(closing, found.begin + len(opening), found.begin + LONGEST_DISPLAY)
            if close >= 0:
                return _line_end(text, close) if opening == "\\begin{" else close + len(closing)
    return found.end


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """The lines from the last to the first that are not blank; a displayed formula is one line."""
    lowest = max(0, len(text) - CONCLUDING_WINDOW)
    end = len(text)
    while end > lowest:
        end = len(text[lowest:end].rstrip()) + lowest
        if end <= lowest:
            return
        start = text.rfind("\n", lowest, end) + 1 or lowest
        for opening, closing in (("\\[", "\\]"), ("$$", "$$")):
            if text.endswith(closing, start, end) and (found := text.rfind(opening, lowest, end - 2)) >= 0:
                begins = text[text.rfind("\n", 0, found) + 1 : found].strip() == ""
                # `So it is $$` opens a formula on the lines below.
                ends = text[found + 2 : _line_end(text, found)].strip() == "" and found < start
                start = min(start, found) if begins or ends else start
        while start < end and text[start].isspace():
            start += 1
        yield start, end
        end = start


def _line_end(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end


def _last_first(text: str, word: str) -> Iterator[int]:
    place = text.rfind(word)
    while place >= 0:
        yield place
        place = text.rfind(word, 0, place)
