"""The options that a query lists: their labels and texts.

A list is a run of labels of one alphabet in its order (`A. red`, `B. green`), each at the beginning of a line, or all
in the flow of the text (`Options: A) red B) green`). The last run counts: examples stand before the question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from memreward_service.answers.words import text_key

SEARCHED = 30_000
"""Characters at the end of a query in which options are looked for."""
LONGEST_TEXT = 2_000
"""Characters beyond which the text of an option is not compared."""
_CACHED = 20_000
"""Characters of a query beyond which its options are read anew each time, so that the cache stays small."""


@dataclass(frozen=True, slots=True)
class Alphabet:
    """Labels in their order. `dotless`: a label in the flow of a text needs a bracket, `1)` and never `1.`."""

    name: str
    example: str
    labels: tuple[str, ...]
    dotless: bool = False


CAPITALS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
CAPITALS_SET = frozenset(CAPITALS)
ALPHABETS = (
    Alphabet("capitals", "A. red\nB. green", CAPITALS),
    Alphabet("capitals from F", "F. red\nG. green\nH. blue\nJ. grey", tuple("FGHJK")),
    Alphabet("small letters", "a) red\nb) green", tuple("abcdefghijklmnopqrstuvwxyz"), dotless=True),
    Alphabet("Cyrillic", "А. красный\nБ. синий", tuple("АБВГДЕЖЗИК")),
    Alphabet("Cyrillic, small", "а) красный\nб) синий", tuple("абвгдежзик"), dotless=True),
    Alphabet("Korean", "가. 빨강\n나. 초록", tuple("가나다라마바사")),
    Alphabet("Korean letters", "ㄱ. 빨강\nㄴ. 초록", tuple("ㄱㄴㄷㄹㅁㅂㅅ")),
    Alphabet("Japanese", "ア. 赤\nイ. 緑", tuple("アイウエオカキ")),
    Alphabet("heavenly stems", "甲、红\n乙、绿", tuple("甲乙丙丁戊己")),
    Alphabet("Arabic", "أ. أحمر\nب. أخضر", tuple("أبجدهو")),
    Alphabet("numbers", "1. red\n2. green", tuple(map(str, range(1, 27))), dotless=True),
    Alphabet("numbers from 0", "0. red\n1. green", tuple(map(str, range(27))), dotless=True),
    Alphabet("Roman", "I. red\nII. green", ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X"), dotless=True),
    Alphabet("Roman, small", "i) red\nii) green", ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"), True),
)
"""The first whose labels a query lists is the one that counts: numbers may count statements above lettered options."""

_WORD = "0-9A-Za-z_À-ɏͰ-ӿ"
"""Characters that make one word with a letter beside them; Chinese ones do not."""
_LABEL = r"[A-Za-z]|\d{1,2}|[IVXivx]{2,4}|[А-ИКа-ик]|[가나다라마바사ㄱㄴㄷㄹㅁㅂㅅアイウエオカキ甲乙丙丁戊己أبجدهو]"
_BULLET = r"[ \t\"'>|•·*_#+\-]{0,12}+(?:(?i:option|choice|answer|选项|選項|選択肢|보기)[ \t]{0,3}+)?"
_LINE = re.compile(
    rf"^{_BULLET}(?P<opening>[(\[【{{]?)(?P<label>{_LABEL})"
    rf"(?:[*_]{{0,2}}[.):\]、】}}|][*_\"']{{0,3}}|[ \t]*[\t|–—-](?=[ \t]))",
    re.MULTILINE,
)
_BARE_LINE = re.compile(r"^[ \t*-]{0,8}+(?P<label>[A-Z])[ \t]+(?=\S)", re.MULTILINE)
_INLINE = re.compile(
    rf"(?<![{_WORD}.'’])[\"']?(?P<opening>[(\[【{{]?)(?P<label>{_LABEL})[\"']?(?P<closing>[.):\]、】}}])(?=[\s\"'\]A-Z(]|[^\x00-\x7f])"
)
_PLAIN = str.maketrans(
    {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    | {chr(0x2460 + i): f"({i + 1})" for i in range(20)}
    | {chr(0x2474 + i): f"({i + 1})" for i in range(20)}
    | {chr(0x249C + i): f"({chr(97 + i)})" for i in range(26)}
    | {chr(0x24B6 + i): f"({chr(65 + i)})" for i in range(26)}
    | {chr(0x2160 + i): roman for i, roman in enumerate(ALPHABETS[-2].labels)}
    | {"\u00a0": " ", "\u3000": " "}
)
_MARKUP = re.compile(
    r"\\(?:text|mbox|mathrm|mathbf|mathsf|textbf|textit|boxed|fbox|bf|rm)(?![a-z])|\\[()\[\],;! ]|[{}$*`_\"“”„«»]"
)
_QUOTED_LABELS = re.compile(r"(?<![\w'’])[A-Z](?![\w'’])")
_LONGEST_QUOTING = 60
"""Characters of an option whose text may name other options."""
_ENDS = " \t;,|\"'"


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """Label -> text as written, label -> normalised text, and back where no other option has that text.

    Labels are upper case and in their order. `alphabet` holds all labels of their kind: the capitals without a list.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    normalised: Mapping[str, str] = field(default_factory=dict)
    label_of: Mapping[str, str] = field(default_factory=dict)
    alphabet: tuple[str, ...] = CAPITALS
    quoting: tuple[tuple[str, str], ...] = ()
    """The options whose texts name others, with these texts: `Both A and B`."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in their order."""
        return tuple(self.texts)


@dataclass(frozen=True, slots=True)
class _Item:
    label: str
    start: int
    end: int


def plain(text: str) -> str:
    """Full-width forms as ASCII, circled labels as `(1)`."""
    return text if text.isascii() else text.translate(_PLAIN)


def unmarked(text: str) -> str:
    """The text without the commands and signs of LaTeX and Markdown."""
    return _MARKUP.sub(" ", text)


def option_key(text: str) -> str:
    """The form in which an answer and the text of an option are compared."""
    return text_key(unmarked(text))


def listed_options(query_text: str) -> Options:
    """The options that the query lists; none where it lists fewer than two."""
    return _cached(query_text) if len(query_text) <= _CACHED else _read(query_text)


@lru_cache(maxsize=2048)
def _cached(query_text: str) -> Options:
    return _read(query_text)


def _read(query_text: str) -> Options:
    text = plain(query_text[-SEARCHED:])[-SEARCHED:]
    run, inline = _line_run(text), False
    if not run:
        run, inline = _inline_run(text), True
    texts: dict[str, str] = {}
    for place, item in enumerate(run):
        until = run[place + 1].start if inline and place + 1 < len(run) else len(text)
        texts[item.label.upper()] = _text(text, item.end, until)
    keys = {label: option_key(text) if len(text) <= LONGEST_TEXT else "" for label, text in texts.items()}
    counted: dict[str, list[str]] = {}
    for label, key in keys.items():
        counted.setdefault(key, []).append(label)
    unique = {key: labels[0] for key, labels in counted.items() if key and len(labels) == 1}
    return Options(texts, keys, unique, _alphabet(tuple(texts)), _quoting(texts))


def _quoting(texts: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    if not CAPITALS_SET.issuperset(texts):
        return ()
    found = []
    for label, text in texts.items():
        words = _QUOTED_LABELS.findall(text) if len(text) <= _LONGEST_QUOTING else []
        if len(words) > 1 and set(words) <= set(texts):
            found.append((label, text.rstrip(" .")))
    return tuple(found)


def _alphabet(labels: tuple[str, ...]) -> tuple[str, ...]:
    alphabets = (tuple(map(str.upper, alphabet.labels)) for alphabet in ALPHABETS)
    return (
        CAPITALS if CAPITALS_SET.issuperset(labels) else next(one for one in alphabets if one[: len(labels)] == labels)
    )


def _line_run(text: str) -> list[_Item]:
    """A run whose labels begin lines: at least two with a mark, or three without one in adjacent lines."""
    if run := _last_run(_items(_LINE, text)):
        return run
    run = _last_run(_items(_BARE_LINE, text))
    adjacent = len(run) > 2 and text.count("\n", run[0].start, run[-1].start) == len(run) - 1
    return run if adjacent else []


def _items(pattern: re.Pattern[str], text: str) -> list[_Item]:
    return [_Item(match["label"], match.start(), match.end()) for match in pattern.finditer(text)]


def _inline_run(text: str) -> list[_Item]:
    matches = list(_INLINE.finditer(text))
    loose = {match.start() for match in matches if not (match["opening"] or match["closing"] in ")]】}")}
    run = _last_run([_Item(match["label"], match.start(), match.end()) for match in matches], loose)
    if len(run) == 2 and run[0].start in loose:  # `Options: A. yes B. no`, not the sentences `It has A. Then B. More.`
        before = text[max(0, run[0].start - 40) : run[0].start].rstrip(" \t\n")
        return run if before.endswith((":", "?", "{", "[")) else []
    return run


def _last_run(items: Iterable[_Item], loose: frozenset[int] | set[int] = frozenset()) -> list[_Item]:
    """The last run of at least two labels, of the first alphabet that has one."""
    by_label: dict[str, list[_Item]] = {}
    for item in items:
        by_label.setdefault(item.label, []).append(item)
    for alphabet in ALPHABETS:
        if alphabet.labels[0] not in by_label or alphabet.labels[1] not in by_label:
            continue
        usable = [
            item
            for label in alphabet.labels
            for item in by_label.get(label, ())
            if not (alphabet.dotless and item.start in loose)
        ]
        if len(run := _ordered_run(alphabet, sorted(usable, key=lambda item: item.start))) > 1:
            return run
    return []


def _ordered_run(alphabet: Alphabet, items: list[_Item]) -> list[_Item]:
    """The last items that follow one another as in the alphabet; what stands out of order is passed over."""
    best: list[_Item] = []
    run: list[_Item] = []
    for item in items:
        if item.label == alphabet.labels[0]:
            best = run if len(run) > 1 else best
            run = [item]
        elif run and len(run) < len(alphabet.labels) and item.label == alphabet.labels[len(run)]:
            run.append(item)
    return run if len(run) > 1 else best


def _text(text: str, start: int, until: int) -> str:
    """The rest of the line, or the next line where the label stands alone."""
    for _ in range(2):
        end = text.find("\n", start, until)
        end = until if end < 0 else end
        if end - start > 2 * LONGEST_TEXT:
            return text[start : start + LONGEST_TEXT + 1]
        if line := text[start:end].strip(_ENDS):
            return line
        start = min(end + 1, until)
    return ""
