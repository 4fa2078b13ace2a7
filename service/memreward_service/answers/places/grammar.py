"""The grammar of a sentence: the language that it is in, and the words of that language that lead to an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from memreward_service.answers.places.languages import LANGUAGES, Language

_EDGES = " \t\n.,;:!?\"'“”‘’。，、；：！？*_`「」『』《》"
_ENDS = sorted((end for language in LANGUAGES for end in language.ends), key=len, reverse=True)


@dataclass(frozen=True, slots=True)
class Grammar:
    """The words of a language as patterns; `words` are all of them.

    A `denial` stands before what it denies, up to its end; in Japanese and Korean it stands behind.
    """

    words: frozenset[str]
    copula: re.Pattern[str]
    condition: re.Pattern[str]
    denial: re.Pattern[str]
    denial_behind: re.Pattern[str] | None
    remark: re.Pattern[str]


def words_alone(sentence: str) -> str:
    """Words of an answer without marks around them and without what a sentence ends with (`です`)."""
    text = sentence.rstrip(_EDGES).lstrip(_EDGES.replace(".", ""))
    if text.startswith(".") and not text[1:2].isalnum():
        text = text.lstrip(_EDGES)
    for end in _ENDS:
        if text.endswith(end) and len(text) > len(end):
            return text.removesuffix(end).strip(_EDGES)
    return text


@lru_cache(maxsize=2048)
def grammar_of(sentence: str) -> Grammar:
    """The grammar of the language that a sentence is most likely in."""
    if not sentence.isascii():
        for first, last, name in _SCRIPTS:
            if any(first <= character <= last for character in sentence):
                return _GRAMMARS[name]
    words = set(re.split(r"[\s,.;:!?]+", sentence.lower()))
    return max(_LATIN, key=lambda grammar: len(words & grammar.words))


def _compiled(language: Language) -> Grammar:
    spaced = language.name not in {"Chinese", "Japanese", "Korean"}

    def words(entries: tuple[str, ...], before: str = r"(?<!\w)", after: str = r"(?!\w)") -> re.Pattern[str]:
        one_of = "|".join(map(re.escape, sorted(entries, key=len, reverse=True)))
        if not spaced:
            before, after = "", "$" if after.endswith("$") else ""
        return re.compile(f"{before}(?:{one_of}){after}", re.IGNORECASE)

    every = " ".join((*language.copulas, *language.conditions, *language.conclusions, *language.denials)).split()
    # A denial reaches over a few small words: `not the 15`.
    denial = words(language.denials, after=r"(?!\w)(?: (?:the|a|an|to|be|was|is|el|la|le|die|das|der))*+[\s$(*]*+$")
    remark = words(language.remarks, before=r"\W{0,4}")
    behind = words(language.denials) if language.name in {"Japanese", "Korean"} else None
    return Grammar(frozenset(every), words(language.copulas), words(language.conditions), denial, behind, remark)


_GRAMMARS = {language.name: _compiled(language) for language in LANGUAGES}
_SCRIPTS = (
    ("ぁ", "ヿ", "Japanese"),
    ("가", "힣", "Korean"),
    ("一", "鿿", "Chinese"),
    ("Ѐ", "ӿ", "Russian"),
)
_LATIN = tuple(grammar for name, grammar in _GRAMMARS.items() if name not in {script for _, _, script in _SCRIPTS})
