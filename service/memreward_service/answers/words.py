"""The key of a free text: its words, in one form."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

LONGEST = 10_000
"""Characters beyond which only case and spacing are made one."""
LONGEST_NUMBER = 40
"""Characters beyond which digits are kept as they are written."""

_EDGES = ".,;:!?\"'()[]{}*_`“”‘’…$%¿¡"
_FIRST_ARTICLES = frozenset({"a", "an", "the"})
_PUNCTUATION = str.maketrans(
    {chr(i): " " for i in range(0x3100) if unicodedata.category(chr(i))[0] == "P" and chr(i) not in "#"}
    | {"'": "", "’": "", "\ufe0f": ""}
)
_MINUS = str.maketrans({"−": "-", "\u2013": "-", "\u2010": "-", "\u2011": "-", "﹣": "-", "－": "-"})
_RAISED = re.compile(r"[⁰¹²³⁴-⁹⁺⁻]+")
_FRACTION_BEHIND_DIGIT = re.compile(r"(?<=\d)(?=[½⅓⅔¼¾⅕-⅞])")
_NUMBER = re.compile(
    r"(?P<sign>[-+]?)(?P<digits>\d{1,3}(?:,\d{3})++|(?:0|[1-9]\d*+)?)(?P<part>\.\d++)?(?:/(?P<below>[1-9]\d*+))?"
)
_SPELLED = {
    "!=": " ≠ ", "<=": " ≤ ", ">=": " ≥ ", "==": " = ", "%": " percent ", "％": " percent ", "€": " eur ", "£": " gbp ",
    "¥": " jpy ", "￥": " jpy ",
}  # fmt: skip
_SIGNS = re.compile(r"!=|[<>=]=|[%％€£¥￥]")
_COMMAND = re.compile(r"\\(?:text(?:bf|it|rm|tt)?|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")


def text_key(text: str) -> str:
    """The words of `text`: case, punctuation, articles and spacing gone, numbers in one form (1,000.0 -> 1000).

    What tells answers apart stays: `-5`, `.5`, `C#`, `C++`, `A+`, `A-`, `.NET`, powers, the A of `vitamin A`.
    """
    if len(text) > LONGEST:
        return " ".join(text.casefold().split())
    for _ in range(3):
        text = _COMMAND.sub(r" \1 ", text)
    text = _RAISED.sub(lambda power: f"^{power.group()}", _FRACTION_BEHIND_DIGIT.sub(" ", text))
    text = _SIGNS.sub(lambda sign: _SPELLED[sign[0]], text)
    tokens = unicodedata.normalize("NFKC", text).translate(_MINUS).replace("\u2044", "/").split()
    words: list[str] = []
    for place, token in enumerate(tokens):
        article = token.casefold() in _FIRST_ARTICLES and (token != "A" or place == 0) and len(tokens) > 1
        if not article:
            words += _words(token.casefold())
    return " ".join(words) or " ".join(text.split())


def _words(token: str) -> list[str]:
    bare = token.rstrip(_EDGES).lstrip(_EDGES.replace(".", ""))
    sign = "-" if bare[:1] == "-" and bare[1:2] and (bare[1].isdigit() or bare[1] in ".$€£¥") else ""
    bare = bare[len(sign) :].lstrip("$€£¥")
    if bare.startswith(".") and (bare.startswith("..") or not bare[1:2].isalnum()):
        bare = bare.lstrip(".")
    if (number := _number(sign + bare)) is not None:
        return [number]
    lead = "." if bare.startswith(".") else ""
    tail = "-" if len(bare) > 1 and bare[-1] == "-" and bare[-2].isalnum() else ""
    words = bare.translate(_PUNCTUATION).split()
    if not words:
        return []
    words[0] = sign + lead + words[0].lstrip("#")
    words[-1] += tail
    return [word for word in words if word]


def _number(token: str) -> str | None:
    match = _NUMBER.fullmatch(token) if len(token) <= LONGEST_NUMBER else None
    if match is None or not (match["digits"] or match["part"]):
        return None
    value = Fraction((match["digits"].replace(",", "") or "0") + (match["part"] or ""))
    if match["below"]:
        value /= int(match["below"])
    return str(-value if match["sign"] == "-" else value)
