"""A rollout's thinking, its final answer, and the key in which equal answers agree: pure functions.

READ FIRST `parse_rollout`. What the caller gave wins. The key by domain: math an exact value or normalised
LaTeX (groups/math_answers.py), qa the letter of the choice, code the program text, text the normalised words.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from memreward_proto.records import Domain, Query, Rollout, filled
from memreward_service.groups.final_answers import (
    FinalAnswer,
    Mark,
    boxed_answer,
    last_code,
    last_line,
    split_thinking,
    stated_answer,
)
from memreward_service.groups.math_answers import concluding_number, math_key, number_key, prose_key

SLASH_COMMENTS = frozenset(
    {"c", "c++", "cpp", "cs", "csharp", "go", "java", "javascript", "js", "rust", "ts", "typescript"}
)
"""Languages of a code fence in which // opens a comment; in the others it is #."""

_OPTION = re.compile(r"^[ \t]*\(?([A-J])[.):][ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_INLINE_OPTION = re.compile(r"\(([A-J])\)[ \t]*([^()\n]+)")
_MARKUP = re.compile(r"\\(?:text|mbox|mathrm|textbf|mathbf|textit)\s*(?=\{)|\\[()\[\],;! ]|[{}$*`\"“”]")
_LETTER = re.compile(r"(\(?)([A-Ja-j])([.):,;]*)(?=\s|$)")
_PARENTHESISED = re.compile(r"\(([A-J])\)")
_CONCLUDED = re.compile(r"\b(?:is|be|choose|choice|option|select)(?:[ \t]+likely)?[ \t*:]+\(([A-J])\)")
_LETTERS_ONLY = re.compile(r"\(?[A-J]\)?(?:(?:[\s,/&]|and|or)+\(?[A-J]\)?)+[.\s]*")
_ANSWER_PREFIX = re.compile(r"A:\s*(?=\(?[A-J]\)?(?:[\s.:]|$))")
_EDGES = ".,;:!?\"'()[]{}*_`“”‘’…$%"
_ARTICLES = frozenset({"a", "an", "the"})
_PUNCTUATION = str.maketrans(
    {chr(i): " " for i in range(0x3100) if unicodedata.category(chr(i))[0] == "P"} | {"'": "", "’": ""}
)
_STRING_OR_HASH = re.compile(r"""("{3}[\s\S]*?"{3}|'{3}[\s\S]*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|#[^\n]*""")
_STRING_OR_SLASHES = re.compile(r"""("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|//[^\n]*|/\*[\s\S]*?\*/""")


@dataclass(frozen=True, slots=True)
class ParsedRollout:
    """What the graph makes of a rollout. `answer_key` is None without an answer: it agrees with nobody."""

    thinking: str
    answer: str
    answer_key: str | None


def parse_rollout(query: Query, rollout: Rollout) -> ParsedRollout:
    """Thinking, final answer and answer key of `rollout`, as a response to `query`.

    The thinking is what stands in <think> tags, else the text before the statement of the final answer, else
    the whole response. The final answer is the last box, else the last statement (`#### x`, `A: x`, `the
    answer is x`), else the last line (math: the number that it concludes with); in code it is the last fenced
    block. A response that never left its thinking has only what it boxed or stated there.
    """
    domain = Domain(filled(query.domain))
    tagged, rest = split_thinking(rollout.response)
    if rollout.answer is not None:
        final = _given(domain, rollout.answer)
        thinking = tagged if tagged is not None else rollout.response.strip()
    else:
        final = _final_answer(domain, rest, tagged)
        thinking = tagged if tagged is not None else final.before or rest
    key = rollout.answer_key if rollout.answer_key is not None else _key(domain, query.text, final)
    return ParsedRollout(
        thinking=rollout.thinking if rollout.thinking is not None else thinking,
        answer=rollout.answer if rollout.answer is not None else final.answer,
        answer_key=key if key is not None and key.strip() else None,
    )


def text_key(text: str) -> str:
    """The words of `text`: case, punctuation, articles and spacing gone, numbers in one form (1,000.0 ->
    1000).
    """
    words: list[str] = []
    for token in unicodedata.normalize("NFKC", text).casefold().split():
        bare = token.strip(_EDGES)
        number = number_key(bare) if bare[-1:].isdigit() else None
        words += [number] if number is not None else token.translate(_PUNCTUATION).split()
    kept = [word for word in words if word not in _ARTICLES] or words
    return " ".join(kept) or " ".join(text.split())


def code_key(code: str, language: str = "") -> str:
    """The program without comments, blank lines and trailing spaces. Equal text, not equal behaviour."""
    pattern = _STRING_OR_SLASHES if language in SLASH_COMMENTS else _STRING_OR_HASH
    bare = pattern.sub(lambda match: match[1] or "", code)
    return "\n".join(line.rstrip() for line in bare.splitlines() if line.strip())


def _given(domain: Domain, answer: str) -> FinalAnswer:
    if domain is Domain.CODE:
        return last_code(answer)
    return boxed_answer(answer) or FinalAnswer("", answer.strip(), Mark.BOX)


def _final_answer(domain: Domain, rest: str, tagged: str | None) -> FinalAnswer:
    if domain is Domain.CODE:
        return last_code(rest)
    stated = stated_answer(rest or tagged or "", lone_letter=domain is Domain.MATH)
    if stated is not None:
        return stated
    line = last_line(rest)
    if domain is not Domain.MATH:
        return line
    if (number := concluding_number(line.answer)) is not None:
        return FinalAnswer(line.before, number[1], Mark.POSITION)
    if (number := concluding_number(rest)) is not None:
        return FinalAnswer(rest[: number[0]].strip(), number[1], Mark.POSITION)
    return line


def _key(domain: Domain, query_text: str, final: FinalAnswer) -> str:
    match domain:
        case Domain.MATH:
            return prose_key(final.answer) if final.mark is Mark.STATEMENT else math_key(final.answer)
        case Domain.QA:
            return _choice(_options(query_text), final)
        case Domain.CODE:
            return code_key(final.answer, final.language)
        case Domain.TEXT:
            return text_key(final.answer)


@lru_cache(maxsize=4096)
def _options(query_text: str) -> dict[str, str]:
    """Letter -> normalised text of the choices that the query lists."""
    found = _OPTION.findall(query_text) or _INLINE_OPTION.findall(query_text)
    return {letter: text_key(text) for letter, text in found} if len(found) > 1 else {}


def _choice(options: dict[str, str], final: FinalAnswer) -> str:
    """The letter of the choice that the answer names (several: `C E`), else its normalised text."""
    text = _ANSWER_PREFIX.sub("", _MARKUP.sub(" ", final.answer).strip())
    if final.mark is not Mark.BOX and (concluded := _CONCLUDED.findall(text)):
        return str(concluded[-1])
    named = set(_PARENTHESISED.findall(text))
    if len(named) > 1 or _LETTERS_ONLY.fullmatch(text):
        return " ".join(sorted(named or set(re.findall("[A-J]", text))))
    if (letter := _leading_letter(options, text)) is not None:
        return letter
    words = text_key(text)
    for letter, option in options.items():
        if option == words:
            return letter
    if final.mark is not Mark.BOX:
        named = named or _mentioned(options, words)
    return named.pop() if len(named) == 1 else words


def _leading_letter(options: dict[str, str], text: str) -> str | None:
    match = _LETTER.match(text)
    if match is None:
        return None
    opening, letter, closing = match.groups()
    rest = text_key(text[match.end() :])
    marked = bool(opening or closing)
    if rest and not marked and options.get(letter) != rest:
        is_word = letter in "aAI" or letter.islower()
        return None if is_word or text_key(text) in options.values() else letter
    if letter.islower() and rest and not opening:
        return None
    return letter.upper()


def _mentioned(options: dict[str, str], words: str) -> set[str]:
    return {letter for letter, option in options.items() if f" {option} " in f" {words} "}
