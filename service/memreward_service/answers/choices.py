"""Which of the options of a query an answer names."""

from __future__ import annotations

import re
from functools import lru_cache

from memreward_service.answers.places import FinalAnswer, Mark
from memreward_service.answers.words import text_key

_OPTION = re.compile(r"^[ \t]*\(?([A-J])[.):][ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_INLINE_OPTION = re.compile(r"\(([A-J])\)[ \t]*([^()\n]+)")
_MARKUP = re.compile(r"\\(?:text|mbox|mathrm|textbf|mathbf|textit)\s*(?=\{)|\\[()\[\],;! ]|[{}$*`\"“”]")
_LETTER = re.compile(r"(\(?)([A-Ja-j])([.):,;]*)(?=\s|$)")
_PARENTHESISED = re.compile(r"\(([A-J])\)")
_CONCLUDED = re.compile(r"\b(?:is|be|choose|choice|option|select)(?:[ \t]+likely)?[ \t*:]+\(([A-J])\)")
_LETTERS_ONLY = re.compile(r"\(?[A-J]\)?(?:(?:[\s,/&]|and|or)+\(?[A-J]\)?)+[.\s]*")
_ANSWER_PREFIX = re.compile(r"A:\s*(?=\(?[A-J]\)?(?:[\s.:]|$))")


@lru_cache(maxsize=4096)
def options(query_text: str) -> dict[str, str]:
    """Letter -> normalised text of the choices that the query lists."""
    found = _OPTION.findall(query_text) or _INLINE_OPTION.findall(query_text)
    return {letter: text_key(text) for letter, text in found} if len(found) > 1 else {}


def choice_key(options: dict[str, str], final: FinalAnswer) -> str:
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
