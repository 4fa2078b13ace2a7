"""Where a response takes back what it said (`Wait, that is wrong.`), and whether what follows is another answer."""

from __future__ import annotations

import re

from memreward_service.answers.places.languages import LANGUAGES
from memreward_service.answers.places.phrases import lower

SHORTEST = 6
"""Characters that it takes to say another answer."""

_RETRACTIONS = tuple(dict.fromkeys(words for language in LANGUAGES for words in language.retractions))
_PLAIN_RETRACTIONS = tuple(words for words in _RETRACTIONS if words.isascii())
_CONCLUSIONS = tuple(dict.fromkeys(words for language in LANGUAGES for words in language.conclusions))
_OPENING = re.compile(
    r"\W*+(?:(?:wait|actually|no|oops|sorry|hmm|correction)\W++){0,3}"
    rf"(?:(?:{'|'.join(map(re.escape, sorted(_CONCLUSIONS, key=len, reverse=True)))})(?![a-z])"
    r"|it(?:['’]s| is| should be)(?!\w)|the (?:correct|right|actual|real) )"
)
_AGREEMENT = re.compile(
    r"\b(?:correct|right|checks? out|holds?|confirm(?:s|ed)?|consistent|match(?:es)?|verified|same|indeed)\b"
)


def retraction(text: str, end: int) -> int | None:
    """Where, behind `end`, the text first takes back what it said before."""
    tail = lower(text[end:])
    if len(tail) < SHORTEST:
        return None
    words = _PLAIN_RETRACTIONS if tail.isascii() else _RETRACTIONS
    places = [place for entry in words if entry in tail and (place := _place(tail, entry)) >= 0]
    return end + min(places) if places else None


def is_correction(sentence: str) -> bool:
    """Whether a sentence concludes with an answer, rather than agrees with the one before."""
    lowered = sentence.lower()
    return _OPENING.match(lowered) is not None and _AGREEMENT.search(lowered) is None


def _place(tail: str, entry: str) -> int:
    place = tail.find(entry)
    for _ in range(50):
        if place < 0 or not entry[0].isalpha() or ord(entry[0]) >= 0x3000:
            return place
        behind = place + len(entry)
        if not tail[place - 1 : place].isalpha() and not (entry[-1].isalpha() and tail[behind : behind + 1].isalpha()):
            return place
        place = tail.find(entry, behind)
    return -1
