"""Programs in plain prose: runs of lines that look like code."""

from __future__ import annotations

import re
from collections.abc import Sequence

from memreward_service.answers.programs.fences import Block, dedented

LINE_CHARACTERS = 2_000
"""A longer line is no code."""

_STARTS = re.compile(
    r"(?:async )?def \w+\(|class \w+[ \t]*[:(]|import [\w., ]+$|from [\w.]+ import |@\w|#!|"
    r"#include\b|using namespace |public (?:static |final )*class |package \w+;?$|fn \w+\(|func \w+\(|function \w+\(|"
    r"(?:int|void|long|double|bool|string) \w+\("
)
_GOES_ON = re.compile(
    r"(?:if|elif|else|for|while|try|except|finally|with|match)\b[^\n]*:[ \t]*(?:#[^\n]*)?$|"
    r"(?:return|raise|assert|pass|global|break|continue|del)\b|#|[)\]}]|\"\"\"|'''|//|/\*|[{]|"
    r"[A-Za-z_][\w.]*+(?:\[[^\]\n]{0,80}\])?(?:[ \t]*,[ \t]*\*?[A-Za-z_]\w*+)*+"
    r"[ \t]*(?::[ \t]*[\w\[\], .|]{1,60})?(?:[-+*/%&|^]|//|\*\*|<<|>>)?=(?!=)|"
    r"[A-Za-z_][\w.]*+\([^\n]*\)?[ \t]*;?[ \t]*(?:#[^\n]*)?$"
)
_TAG_AT_AN_END = re.compile(
    r"^[ \t]*(?:<\w{1,12}[^<>\n]{0,60}>|\[\w{1,12}\])|(?:</\w{1,12}>|\[/\w{1,12}\]|</?s>)[ \t]*$", re.MULTILINE
)
_HEAD_IN_A_LINE = re.compile(
    r"(:[ \t]{1,4})((?:def \w{1,80}\(|class \w{1,80}[(:]|from [\w.]{1,80} import |#include\b))"
)


def code_like(code: str) -> bool:
    """Whether a line of `code` looks like a program."""
    return any(_is_code(line.strip()) for line in code.split("\n"))


def unfenced(text: str, fenced: Sequence[Block]) -> list[Block]:
    """Runs of lines outside of fences that begin as a program does, in their order.

    A run ends at the first line that is neither code nor indented under it. Its text stands where it begins; a head
    in the middle of a line (`The code: def f(x):`) begins one too.
    """
    if fenced:
        text = text[: fenced[0].start]
    found: list[Block] = []
    lines = _lines(text)
    number = 0
    while number < len(lines):
        start, line = lines[number]
        bare = line.strip()
        if not bare or len(line) > LINE_CHARACTERS or not (_STARTS.match(bare) or _GOES_ON.match(bare)):
            number += 1
            continue
        end = _end(lines, number)
        found.append(Block(dedented([line for _, line in lines[number:end]]).rstrip(), "", start))
        number = end
    return found


def _is_code(bare: str) -> bool:
    return len(bare) <= LINE_CHARACTERS and bool(_STARTS.match(bare) or _GOES_ON.match(bare))


def _lines(text: str) -> list[tuple[int, str]]:
    """(where it stands, the line) of a text; tags around a program are lines of their own, and blank."""
    lines, place = [], 0
    for line in text.split("\n"):
        start, place = place, place + len(line) + 1
        if len(line) > LINE_CHARACTERS:
            lines.append((start, line))
            continue
        bare = _TAG_AT_AN_END.sub("", line) if line.rstrip().endswith((">", "]")) or line.lstrip()[:1] in "<[" else line
        if (head := _HEAD_IN_A_LINE.search(bare)) is not None and not bare[:1].isspace():
            lines.append((start, bare[: head.start() + 1]))
            bare, start = bare[head.start(2) :], start + head.start(2)
        lines.append((start, bare))
    return lines


def _end(lines: Sequence[tuple[int, str]], number: int) -> int:
    """The line after the last one of the run that begins with line `number`."""
    margin = _indent(lines[number][1])
    end, quote = number, ""
    for place in range(number, len(lines)):
        line = lines[place][1]
        bare = line.strip()
        if not bare and not quote:
            continue
        if not quote and (
            _indent(line) < margin or (_indent(line) == margin and not _is_code(bare)) or len(line) > LINE_CHARACTERS
        ):
            break
        quote = _open_quote(line, quote)
        end = place + 1
    return end


def _open_quote(line: str, quote: str) -> str:
    """The triple quotes that are open after `line`, where `quote` was open before it."""
    place = 0
    while True:
        if quote:
            place = line.find(quote, place)
            if place < 0:
                return quote
            quote, place = "", place + 3
        double, single = line.find('"""', place), line.find("'''", place)
        if double < 0 and single < 0:
            return ""
        place = min(found for found in (double, single) if found >= 0)
        quote, place = line[place : place + 3], place + 3


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
