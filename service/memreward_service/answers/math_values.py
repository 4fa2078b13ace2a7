"""The canonical form of a mathematical answer: an exact rational where it is a number, else normalised LaTeX.

No computer algebra: this runs for every rollout of every request. What it recognises is what graders of GSM8K
and MATH recognise (Hendrycks et al., arXiv 2103.03874, `math_equivalence`): $, commas, %, units, fractions,
decimals.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from memreward_service.answers.places import FinalAnswer

MAX_DIGITS = 60
"""Digits or powers of ten beyond which an answer is compared as text: a rational of that size costs time."""
LONGEST = 1_000
"""Characters beyond which an answer is compared as text without a look at its structure."""

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d*)?|\.\d+"

_PLAIN = re.compile(r"-?\d{1,60}\Z")
_VALUE = re.compile(rf"([-+]?)\s*({NUMBER})(?:e([-+]?\d{{1,9}})(?![a-z]))?(?:\s*/\s*({NUMBER}))?", re.IGNORECASE)
_MIXED = re.compile(r"([-+]?)\s*(\d+)\s+(\d+)\s*/\s*(\d+)")
_CLOCK = re.compile(r"(?<![\d:])(\d{1,2}):00(?![\d:])")
_UNITS = re.compile(r"(?:\s*[^\W\d_]{2,}+['’]?|\s+[a-zA-Z](?![\w^])|\s*[-/,.()]\s*)*+(?:\s*\^\{?[23]\}?)?[\s.,;:!]*\Z")
_ATTACHED_UNIT = re.compile(
    r"(?:[cmk]?m|[mk]?g|[mc]?l|lbs?|oz|ft|in|hrs?|h|mins?|s|secs?|mph|kph|km/h|m/s|[ap]\.?m|kwh|[kmg]b)\b"
    r"(?:\^\{?[23]\}?)?[\s.]*\Z",
    re.IGNORECASE,
)
_LEADING_WORDS = re.compile(r"(?:[^\W\d_]{2,}[.,:']*\s+|[aAI]\s+)+(?=[-+.\d])")
_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_SCALE = re.compile(rf"\s*({'|'.join(_SCALES)})\b", re.IGNORECASE)

_UNICODE = str.maketrans({"−": "-", "–": "-", "⁄": "/", "×": "\\times ", "≈": "=", "\u00a0": " ", "\u202f": " "})
_DROPPED = re.compile(
    r"\\(?:left|right|displaystyle|degree)(?![a-z])|\\[!()\[\]]|\\?[$%]|[€£¥°]|\*\*|\^\s*\{?\s*\\circ\s*\}?"
)
_SPACES = re.compile(r"\\[,;: ]|\\q?quad(?![a-z])|~")
_THOUSANDS = re.compile(r"(?<=\d)(?:\{,\}|,\\!|\\,)(?=\d{3}(?!\d))")
_TEXT = re.compile(r"\\(?:text|mbox|mathrm|textbf|mathbf|textit|operatorname)\s*\{([^{}]*)\}")
_SHORT_FRACTION = re.compile(r"\\[dtc]?frac\s*(\d)\s*(\d)")
_FRACTION = re.compile(r"\\[dtc]?frac\s*\{\s*(-?)\s*([\d.,]+)\s*\}\s*\{\s*([\d.,]+)\s*\}")
_POWER = re.compile(r"(?:(?<=\d)\s*(\\times|\\cdot|\*|x)\s*)?(?<![\d.])10\s*\^\s*(?:\{\s*(-?\d+)\s*\}|(-?\d+))")
_BRACELESS_ROOT = re.compile(r"\\sqrt\s*([0-9a-zA-Z])")
_ONLY_WORDS = re.compile(r"[^\W\d_]{2,}(?:[\s,.'’\-]+[^\W\d_]+)*")


def group_keys(groups: Sequence[Sequence[FinalAnswer]]) -> list[list[str]]:
    """The key of every answer, group by group: equal inside a group for answers of one value."""
    return [[math_key(final.answer) for final in group] for group in groups]


def math_key(answer: str) -> str:
    """`70000` for 70,000.00 and 7e4 alike, `1/2` for 0.5 and \\frac{1}{2}; else the answer as normalised LaTeX.

    The result is empty where nothing but markup was given.
    """
    if _PLAIN.match(answer):
        return str(int(answer))
    if len(answer) > LONGEST:
        return "".join(answer.split())
    cleaned = _right_side(_cleaned(answer))
    value = _number(cleaned)
    return str(value) if value is not None else _expression(cleaned)


def number_key(token: str) -> str | None:
    """The canonical form of a token that is a plain number (`1,000.50` -> `2001/2`), else None."""
    match = _VALUE.fullmatch(token)
    value = _rational(match) if match else None
    return None if value is None else str(value)


def _cleaned(answer: str) -> str:
    text = _THOUSANDS.sub(",", answer.translate(_UNICODE))
    text = _DROPPED.sub("", text)
    while (shorter := _TEXT.sub(r" \1 ", text)) != text:
        text = shorter
    text = _SPACES.sub(" ", text)
    text = _SHORT_FRACTION.sub(r"\\frac{\1}{\2}", text)
    text = _FRACTION.sub(r" \1\2/\3 ", text)
    text = _CLOCK.sub(r"\1", text)
    text = _POWER.sub(lambda match: f"{'' if match[1] else 1}e{match[2] or match[3]}", text)
    text = text.replace("\\approx", "=")
    return re.sub(r"-\s+(?=[\d.])", "-", text).strip().rstrip(".,;:!").strip()


def _right_side(text: str) -> str:
    """What stands behind `x =`; several assignments stay together."""
    if "=" not in text or ("," in text and text.count("=") > 1) or re.search(r"\b(?:or|and)\b", text):
        return text
    return text.rsplit("=", 1)[1].strip() or text


def _number(text: str) -> Fraction | None:
    """The number that the text is, its unit dropped; None where it is anything more than that."""
    if lead := _LEADING_WORDS.match(text):
        text = text[lead.end() :]
    mixed = _MIXED.match(text)
    match = mixed or _VALUE.match(text)
    if match is None:
        return None
    found = _rational(match) if mixed is None else _mixed_number(match)
    if found is None:
        return None
    end = match.end()
    if scale := _SCALE.match(text, end):
        found, end = found * _SCALES[scale[1].lower()], scale.end()
    rest = text[end:]
    return found if not rest or _UNITS.match(rest) or _ATTACHED_UNIT.match(rest) else None


def _mixed_number(match: re.Match[str]) -> Fraction | None:
    sign, whole, above, below = match.groups()
    if len(match[0]) > MAX_DIGITS or not int(below):
        return None
    value = int(whole) + Fraction(int(above), int(below))
    return -value if sign == "-" else value


def _rational(match: re.Match[str]) -> Fraction | None:
    sign, digits, exponent, divisor = match.groups()
    if len(match[0]) > MAX_DIGITS or abs(int(exponent or 0)) > MAX_DIGITS:
        return None
    value = _decimal(digits) * Fraction(10) ** int(exponent or 0)
    if divisor is not None:
        below = _decimal(divisor)
        if not below:
            return None
        value /= below
    return -value if sign == "-" else value


def _decimal(digits: str) -> Fraction:
    plain = digits.replace(",", "").rstrip(".")
    return Fraction(int(plain)) if plain.isdecimal() else Fraction(plain)


def _expression(text: str) -> str:
    if _ONLY_WORDS.fullmatch(text):
        return " ".join(text.casefold().split())
    text = _BRACELESS_ROOT.sub(r"\\sqrt{\1}", text).replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac")
    return "".join(text.split())
