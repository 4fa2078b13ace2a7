"""Where a response stops thinking and states its answer: tags, boxes, statements, fences, the last line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

BOX_WINDOW = 2_000
"""Characters in which a box has to be closed."""
BOX_TRIES = 8
"""Boxes looked at from the end for one that is closed."""
STATEMENT_WINDOW = 2_000
"""Characters at the end of a response in which a statement such as `The answer is ...` is looked for."""

_ANSWER_IS = (
    r"\banswer(?:[ \t]+(?:choice|option))?[*_]*[ \t]*(?:is|would be|will be|should be|:)"
    r"(?:[ \t]+(?:option|choice))?[\s*_:]*"
)
_STATEMENT = re.compile(rf"(?:####[ \t]*|{_ANSWER_IS})(?P<answer>\S[^\n]*)", re.IGNORECASE)
_STATEMENT_OR_A = re.compile(
    rf"(?:####[ \t]*|^[ \t>*_#]*A[*_]*[ \t]*:[\s*_]*|{_ANSWER_IS})(?P<answer>\S[^\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_OPENING = re.compile(r"\\(?:boxed|fbox)\s*\{")
_BRACE = re.compile(r"\\.|[{}]")


class Mark(Enum):
    """How an answer is marked: in a box or a fence, by a statement, or only by standing last."""

    BOX = "box"
    STATEMENT = "statement"
    POSITION = "position"


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """The answer as written, the text before its statement, how the response marked it, and the
    language of its code fence.
    """

    before: str
    answer: str
    mark: Mark
    language: str = ""


def boxed_answer(text: str) -> FinalAnswer | None:
    """The last \\boxed{...} whose braces balance."""
    end = len(text)
    for _ in range(BOX_TRIES):
        start = max(text.rfind("\\boxed", 0, end), text.rfind("\\fbox", 0, end))
        if start < 0:
            return None
        opening = _OPENING.match(text, start)
        if opening and (closing := _closing_brace(text, opening.end())) is not None:
            return FinalAnswer(text[:start].strip(), text[opening.end() : closing].strip(), Mark.BOX)
        end = start
    return None


def stated_answer(text: str, lone_letter: bool) -> FinalAnswer | None:
    """The last \\boxed{...}, else the last `#### x`, `Answer: x` or `the answer is x`.

    `lone_letter`: a line `A: x` states the answer too (in a list of choices it does not).
    """
    if (boxed := boxed_answer(text)) is not None:
        return boxed
    offset = max(0, len(text) - STATEMENT_WINDOW)
    last = None
    for match in (_STATEMENT_OR_A if lone_letter else _STATEMENT).finditer(text, offset):
        last = match
    if last is None:
        return None
    return FinalAnswer(text[: last.start()].strip(), last["answer"].strip(), Mark.STATEMENT)


def last_line(text: str) -> FinalAnswer:
    """The last line that is not blank."""
    before, _, line = text.rstrip().rpartition("\n")
    return FinalAnswer(before.strip(), line.strip(), Mark.POSITION)


def _closing_brace(text: str, inside: int) -> int | None:
    depth = 1
    for match in _BRACE.finditer(text, inside, inside + BOX_WINDOW):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth == 0:
            return match.start()
    return None
