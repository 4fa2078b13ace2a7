"""Where a response stops thinking and states its answer: tags, boxes, statements, code fences, the last line."""

from __future__ import annotations

import re
from dataclasses import dataclass

STATEMENT_WINDOW = 2_000
"""Characters at the end of a response in which a statement such as `The answer is ...` is looked for."""

_STATEMENT = re.compile(
    r"(?:####[ \t]*"
    r"|^[ \t>*_#]*(?:(?:the\s+)?(?:final\s+|correct\s+)?answer|a)[*_]*[ \t]*:[\s*_:]*"
    r"|\banswer(?:[ \t]+(?:choice|option))?[*_]*[ \t]*(?:is|would be|will be|should be|:)(?:[ \t]+(?:option|choice))?[\s*_:]*)"
    r"(?P<answer>\S[^\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_FENCE = re.compile(r"^[ \t]*```[ \t]*([\w+#.-]*)[^\n]*\n(.*?)(?:^[ \t]*```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """The answer as written, the text before its statement, and whether the response marked it as its answer."""

    before: str
    answer: str
    stated: bool


def split_thinking(response: str) -> tuple[str | None, str]:
    """(what stands in <think> tags, what follows them); None without tags.

    A response that was cut inside its thinking has nothing after it.
    """
    head, closing, rest = response.rpartition("</think>")
    if closing:
        return head.replace("<think>", "", 1).strip(), rest.strip()
    before, opening, thinking = response.partition("<think>")
    if opening and not before.strip():
        return thinking.strip(), ""
    return None, response.strip()


def stated_answer(text: str) -> FinalAnswer | None:
    """The last \\boxed{...}, else the last `#### x`, `A: x`, `Answer: x` or `the answer is x`."""
    boxed = _last_boxed(text)
    if boxed is not None:
        start, content = boxed
        return FinalAnswer(text[:start].strip(), content.strip(), True)
    offset = max(0, len(text) - STATEMENT_WINDOW)
    last = None
    for last in _STATEMENT.finditer(text[offset:]):
        pass
    if last is None:
        return None
    return FinalAnswer(text[: offset + last.start()].strip(), last["answer"].strip(), True)


def last_line(text: str) -> FinalAnswer:
    """The last line that is not blank."""
    before, _, line = text.rstrip().rpartition("\n")
    return FinalAnswer(before.strip(), line.strip(), False)


def last_code(text: str) -> tuple[FinalAnswer, str]:
    """The last fenced block and its language; the whole text, in no language, without a fence."""
    last = None
    for last in _FENCE.finditer(text):
        pass
    if last is None:
        return FinalAnswer("", text, False), ""
    return FinalAnswer(text[: last.start()].strip(), last[2], True), last[1].lower()


def _last_boxed(text: str) -> tuple[int, str] | None:
    """The place and the content of the last box whose braces balance."""
    end = len(text)
    while (start := max(text.rfind("\\boxed", 0, end), text.rfind("\\fbox", 0, end))) >= 0:
        opening = start + (6 if text.startswith("\\boxed", start) else 5)
        while opening < len(text) and text[opening] == " ":
            opening += 1
        if text.startswith("{", opening) and (closing := _closing_brace(text, opening)) is not None:
            return start, text[opening + 1 : closing]
        end = start
    return None


def _closing_brace(text: str, opening: int) -> int | None:
    depth = 0
    for match in re.finditer(r"\\.|[{}]", text[opening:]):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth == 0 and match.group() == "}":
            return opening + match.start()
    return None
