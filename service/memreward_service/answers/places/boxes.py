r"""The boxes of a response, `\boxed{...}`: the last one, or the last ones that stand side by side as a list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_BOX = 20_000
"""Characters in which a box has to be closed."""
BOXES_TRIED = 20
"""Boxes looked at, counted from the end."""
LONGEST_NAME = 24
"""Characters before a box in which its name is looked for."""
LONGEST_JOINT = 40
"""Characters that may stand between two boxes of one list."""

_NAMES = ("\\boxed", "\\fbox", "\\framebox")
_OPENING = re.compile(r"\\(?:boxed|fbox|framebox)(?![a-zA-Z])[ \t]*+(\{)?")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_UNBRACED = re.compile(r"[-+−]?(?:\\frac\{[^{}]{1,80}\}\{[^{}]{1,80}\}|[\d.,]*\d|[a-zA-Z](?![\w{]))")
_NAME = (
    r"(?:\\[a-zA-Z]{2,8} ?)?[a-zA-Z]{1,3}(?:_(?:\{\w{1,3}\}|\w))?(?:\(\w{1,3}\))?\s*=\s*"
    r"|(?!(?i:answer|final|result|thus|then|total|check|note|step|correction|actually|verif|simpl|round|approx|equiv))"
    r"[A-Za-z]{4,15}: *[$(\\]{0,2}"
)
"""What stands before a box in a list of named ones: `x_1 =`, `f(2) =`, `Area:`."""
_JOINT = re.compile(
    r"(?:[\s$,;&、，。]|\\[()\[\],; ]|\\q?quad"
    r"|(?:and|or|y|et|und|e|и|和|と|및)(?![a-z_]| ?=)|[^\W\d_]{3,15} and |\+{2}|\\text\s*\{\s*(?:and|or),?\s*\}|[.*])*+"
    rf"(?:{_NAME})?"
)
_PART = r"\(?(?P<part>[a-hA-H]|\d|i{1,3}|iv|vi{0,3})\)"
_PART_BEFORE = re.compile(
    rf"(?:(?<!\w){_PART}|^[ \t]{{0,8}}(?P<number>\d)\.)[\s$*_:.(\\]{{0,8}}(?:is )?[$( ]{{0,3}}$", re.MULTILINE
)
_PART_BEHIND = re.compile(rf"[$ ]{{0,3}}(?:\\text\s?\{{)? ?(?:for|in) (?:part )?{_PART}")
_PART_JOINT = re.compile(
    r"(?:[\s$,;.:&*_(){}\\]|text|\b(?:for|to|part|and|in|is|the answer|the answers)\b"
    r"|\((?:[a-h]|\d|i{1,3}|iv|vi{0,3})\)|(?<!\w)(?:[a-h]|\d|i{1,3}|iv|vi{0,3})[.)])*+",
    re.IGNORECASE,
)
_LABEL = re.compile(rf"(?<![\w\\])(?:{_NAME})$")
_PLACEHOLDERS = frozenset(
    {
        "",
        "...",
        "…",
        "\\ldots",
        "\\cdots",
        "\\dots",
        "answer",
        "youranswer",
        "finalanswer",
        "your_answer",
        "result",
        "_",
        "?",
    }
)
_TEXT = re.compile(r"\\text(?:bf|rm|it)?\s*\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Box:
    """A box at `start` to `end` of a text, with what it holds."""

    start: int
    end: int
    inside: str


def boxes(text: str) -> Iterator[Box]:
    """Every box whose braces balance and that holds something, the last one first, one in another too."""
    end = len(text)
    for _ in range(BOXES_TRIED):
        start = max(text.rfind(name, 0, end) for name in _NAMES)
        if start < 0:
            return
        box = _box(text, start)
        if box is not None and "".join(_TEXT.sub(r"\1", box.inside).lower().split()) not in _PLACEHOLDERS:
            yield box
        end = start


def last_boxes(text: str) -> Box | None:
    """The last box; with those beside it, it is a list (`3, 5, 7`). A box that repeats another counts once."""
    chosen: list[Box] = []
    for box in boxes(text):
        if chosen and box.end > chosen[-1].start:
            chosen[-1] = box
        elif (
            chosen
            and not (between := text[box.end : chosen[-1].start][: LONGEST_JOINT + 1].removesuffix("\\")).isspace()
        ):
            if len(between) > LONGEST_JOINT or not (_JOINT.fullmatch(between) or _PART_JOINT.fullmatch(between)):
                break
            if ":" in between and not (_label(text, box) or _part(text, box)):
                break
            chosen.append(box)
        else:
            chosen.append(box)
    if not chosen:
        return None
    chosen.reverse()
    labels = [_label(text, box) for box in chosen]
    parts = [_part(text, box) for box in chosen]
    if all(parts) and len(set(parts)) == len(parts):
        labels = [f"part_{{{part}}} =" for part in parts]
    labelled = len(chosen) > 1 and all(labels)
    values: dict[str, str] = {}
    for box, label in zip(chosen, labels, strict=True):
        value = f"{label} {_bare(box.inside)}" if labelled else _bare(box.inside)
        values.setdefault("".join(value.split()), value)
    return Box(chosen[0].start, chosen[-1].end, ", ".join(values.values()))


def _box(text: str, start: int) -> Box | None:
    opening = _OPENING.match(text, start)
    if opening is None:
        return None
    if not opening[1]:
        unbraced = _UNBRACED.match(text, opening.end())
        return Box(start, unbraced.end(), unbraced.group()) if unbraced else None
    closing = _closing(text, opening.end() - 1)
    return None if closing is None else Box(start, closing + 1, text[opening.end() : closing].strip())


def _label(text: str, box: Box) -> str:
    match = _LABEL.search(text, max(0, box.start - LONGEST_NAME), box.start)
    if match is None:
        return ""
    name = match.group().rstrip(" $(\\\n")
    return " ".join(name.split()) if name.endswith("=") else f"{name.removesuffix(':')} ="


def _part(text: str, box: Box) -> str:
    """The part of a question that a box answers: `a` of `(a) \\boxed{3}` and of `\\boxed{3} for part (a)`."""
    match = _PART_BEFORE.search(text, max(0, box.start - 16), box.start) or _PART_BEHIND.match(text, box.end)
    return (match.groupdict().get("number") or match["part"]) if match else ""


def _bare(inside: str) -> str:
    """What a box holds, without braces around all of it and without a box in it."""
    for name in _NAMES:
        inside = inside.replace(name, "")
    for _ in range(3):
        if not inside.startswith("{") or _closing(inside, 0) != len(inside) - 1:
            break
        inside = inside[1:-1].strip()
    return inside


def _closing(text: str, opening: int) -> int | None:
    """Where the brace at `opening` is closed."""
    depth = 0
    for token in _BRACE.finditer(text, opening, opening + LONGEST_BOX):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if depth == 0:
            return token.start()
    return None
