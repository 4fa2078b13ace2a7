"""Where a text says its answer in the words of languages.py: `The answer is 12`, `答案：12`, `12 is the answer`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge

from memreward_service.answers.places.languages import LANGUAGES, Language

MOST_STATEMENTS = 400
"""Uses of one word for `answer`, counted from the end of a text, that are looked at."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A place where a text says its answer: `text[begin:end]`, on one line. The thinking ends at `start`."""

    start: int
    begin: int
    end: int


def lower(text: str) -> str:
    """`text` in lower case, character by character: places in it are places in `text`."""
    return text.replace("İ", "I").lower()


def statements(text: str) -> Iterator[Statement]:
    """What `text` states as its answer, the last statement first.

    A denied answer (`is not 12`) is a statement too: who reads it looks at what follows the denial.
    """
    lowered = lower(text)
    nouns = [noun for noun in _NOUNS if noun in lowered]
    last = len(text)
    for place, noun in merge(*(_places(lowered, noun) for noun in nouns), reverse=True):
        for language in _NOUNS[noun]:
            found = _statement(lowered, place, noun, language)
            if found is not None and found.start < last:
                last = found.start
                yield found
                break


def _places(lowered: str, word: str) -> Iterator[tuple[int, str]]:
    end = len(lowered)
    for _ in range(MOST_STATEMENTS):
        end = lowered.rfind(word, 0, end)
        if end < 0:
            return
        yield end, word


def _statement(lowered: str, place: int, noun: str, language: Language) -> Statement | None:
    words = _WORDS[language.name]
    line = lowered.rfind("\n", 0, place) + 1
    if noun[0].isascii() and place and lowered[place - 1].isalpha():
        return None
    if lowered[max(0, place - 12) : place].rstrip().endswith(language.wrong):
        return None
    link = words.link.match(lowered, place + len(noun))
    if link is not None and link.end() < len(lowered):
        end = lowered.find("\n", link.end())
        return Statement(_sentence_start(lowered, line, place), link.end(), len(lowered) if end < 0 else end)
    heading = _HEADING_END.match(lowered, place + len(noun))
    if heading and place - line <= 24 and _HEADING_START.fullmatch(lowered, line, place):
        end = lowered.find("\n", heading.end())
        return Statement(line, heading.end(), len(lowered) if end < 0 else end)
    if words.closing is None:
        return None
    begin = _sentence_start(lowered, line, place)
    closing = words.closing.search(lowered, max(begin, place - 60), place + len(noun) + 20)
    if closing is None or closing.start() <= begin or not closing.start() <= place < closing.end():
        return None
    return Statement(begin, begin, closing.start())


def _sentence_start(lowered: str, line: int, place: int) -> int:
    """Where the sentence begins that `place` is in: behind the last full stop of its line, else at its line."""
    line = max(line, place - 300)
    ends = [lowered.rfind(mark, line, place) + len(mark) for mark in (". ", "! ", "? ") if mark in lowered[line:place]]
    ends += [lowered.rfind(mark, line, place) + 1 for mark in "。！？" if mark in lowered[line:place]]
    return max(ends, default=line)


_HEADING_START = re.compile(
    r"[\s#*_>✅]*(?:(?:the|my|final|correct|die|la|richtige|endgültige|最终|最終|正确)\s*){0,3}"
)
"""What may stand before the noun in a heading such as `## Final Answer`, under which the answer stands."""
_HEADING_END = re.compile(r"[ \t*_]*+\n[\s*_]*+(?=\S)")


@dataclass(frozen=True, slots=True)
class _Words:
    link: re.Pattern[str]
    closing: re.Pattern[str] | None


def _compiled(language: Language) -> _Words:
    link = (
        rf"[*_]*+{language.qualities}[*_\"”’'」】]*+[ \t]*+(?:(?:{language.links})|[:：=](?!=))"
        r"[\s*_:：\"“'‘「【]*+(?=\S)"
    )
    # Where words are written with spaces, the closing begins with a word: `is the answer`, not the end of `Paris`.
    begins = "" if language.name in {"Chinese", "Japanese", "Korean"} else r"(?<!\w)"
    closing = rf"[ \t*_]{{0,80}}+{begins}(?:{language.closings})"
    return _Words(re.compile(link), re.compile(closing) if language.closings else None)


_WORDS = {language.name: _compiled(language) for language in LANGUAGES}
_NOUNS: dict[str, tuple[Language, ...]] = {
    noun: tuple(language for language in LANGUAGES if noun in language.nouns)
    for language in LANGUAGES
    for noun in language.nouns
}
