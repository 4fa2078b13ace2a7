"""The number that a sentence ends up with."""

from __future__ import annotations

import re
from itertools import pairwise

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d*)?|\.\d+"

_IN_PROSE = re.compile(rf"(?<![\w.])-?[$€£¥]?(?:{NUMBER})(?:/\d+(?![\d/]))?")
_MONEY = re.compile(r"[$€£¥]")
_CONDITION = re.compile(r"\s(?:in|for|from|after|over|during|within|if|when|per|every)\s", re.IGNORECASE)


def concluding_number(text: str) -> tuple[int, str] | None:
    """The place and the spelling of the number that a sentence ends up with.

    The last one after the last `=`; else the last sum of money; else the last one that does not belong to a
    condition (`15` in `she drinks 15 gallons in 30 days`).
    """
    start = text.rfind("=") + 1
    numbers = list(_IN_PROSE.finditer(text, start)) or list(_IN_PROSE.finditer(text))
    if not numbers:
        return None
    money = [number for number in numbers if _MONEY.search(number[0])]
    chosen = (money or numbers)[-1]
    for earlier, number in pairwise(numbers):
        if not money and _CONDITION.search(text, earlier.end(), number.start()):
            chosen = earlier
            break
    return chosen.start(), chosen.group().rstrip(".")
