"""Answers in words, and words in answers."""

from __future__ import annotations

import re

from memreward_service.answers.mathematics.latex import word_set

FUNCTIONS = word_set("sin cos tan cot sec csc log ln exp arcsin arccos arctan sinh cosh tanh sqrt max min gcd lcm pi")
_KNOWN_WORDS = word_set(
    "odd even yes no true false none all both neither zero one two three six ten red blue green left right up "
    "down mon tue wed thu fri sat sun dne not is if to of than the in at by on it its any"
)
"""Words of so few letters that they could be products."""
_BARE_WORD = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{2,}+")
_CHOICE = re.compile(r"\(? ?([A-Z]) ?[).:]?")
_WORDS = re.compile(r"[^\W\d_]++(?:[ ,.'’/-]++[^\W\d_]++)*+[.']?")
_LETTERS = re.compile(r"[^\W\d_]++")


def words_key(normal: str) -> str | None:
    """The key of an answer in words, or of a letter of a choice; None for mathematics."""
    if (choice := _CHOICE.fullmatch(normal)) is not None:
        return choice[1]
    text = normal.replace("«", " ").replace("»", " ").strip(" .,")
    if _WORDS.fullmatch(text) is None:
        return None
    tokens = [token.casefold() for token in _LETTERS.findall(text)]
    quoted = normal.startswith("«") and normal.endswith("»") and normal.count("«") == 1
    if quoted or any(is_word(token) for token in tokens):
        return " ".join(text.casefold().split())
    return None


def is_prose(text: str) -> bool:
    """Whether words change what the text says (`at least 5`)."""
    return "«" in text or any(is_word(word.casefold()) for word in _BARE_WORD.findall(text))


def is_word(token: str) -> bool:
    """Whether lower-case letters are a word, no product and no function."""
    return token in _KNOWN_WORDS or not token.isascii() or (len(token) > 3 and token not in FUNCTIONS)
