"""The key of a free text: its words, in one form."""

from __future__ import annotations

import unicodedata

from memreward_service.answers.math_values import number_key

_EDGES = ".,;:!?\"'()[]{}*_`“”‘’…$%"
_ARTICLES = frozenset({"a", "an", "the"})
_PUNCTUATION = str.maketrans(
    {chr(i): " " for i in range(0x3100) if unicodedata.category(chr(i))[0] == "P"} | {"'": "", "’": ""}
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
