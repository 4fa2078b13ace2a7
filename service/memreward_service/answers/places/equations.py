"""Which side of an equation is the answer that it gives."""

from __future__ import annotations

import re

_EQUALS = re.compile(r"(?<![<>!:=])=(?!=)")
_ABOUT = re.compile(r"≈|\\approx(?![a-zA-Z])|\\simeq(?![a-zA-Z])")
_RELATION = re.compile(r"[<>≤≥≠∈≡]|!=|\\(?:leq?|geq?|neq?|in|equiv|lt|gt|to|mapsto|implies|Rightarrow)(?![a-zA-Z])")
_WORDING = re.compile(
    r"\\(?:begin|end)\{[a-zA-Z]+\*?\}(?:\{[lcr| ]+\})?"
    r"|\\(?:text|mathrm|textbf|mathbf|textit|mbox|operatorname)\s*\{[^{}]*\}"
)
_COMMAND = re.compile(
    r"\\[a-zA-Z]+|(?<![a-zA-Z])(?:sin|cos|tan|log|ln|sqrt|pi|mod|x(?=\s*\d))(?![a-zA-Z])|(?<=\d)(?:st|nd|rd|th)\b|(?<![a-zA-Z])(?:i(?![a-zA-Z])|e(?=\^))"
)
_UNIT = re.compile(r"(?<=[\d\s])[^\W\d_]{2,}")
_LETTER = re.compile(r"[^\W\d_]")
_COMBINED = re.compile(r"[-+*/^−·×]|\\(?:frac|dfrac|tfrac|cdot|times|sqrt|div)|\d\s?[a-zA-Z]")
_INVERSE = re.compile(r"[A-Z] ?\^ ?(?:\{ ?(?:-1|T) ?\}|T)")
_EXACT = re.compile(r"[√π/]|\\[a-zA-Z]")
_BARE = re.compile(r"\s*[-+−$€£¥]{0,3}[\d,.]+\s*%?\s*")
_SEVERAL = re.compile(r"(?<!\w)(?:and|or)(?!\w)|,|\\\\|;")


def value_side(text: str, named: bool = False) -> str:
    """The side that says the value: `12` of `5 + 7 = 12`, `3` of `x = 3`. An equation of its own stays whole.

    `named`: a name and an equals sign stand before `text`, so that its last side is the value.
    """
    text = _measured(text)
    sides = _sides(text)
    if len(sides) < 2 or _RELATION.search(text) or not sides[-1]:
        return text
    if len(sides) > 2 and _SEVERAL.search(re.sub(r"\d,\d", "", text)):
        return text
    first, last = sides[0], sides[-1]
    if named:
        return last
    if not _has_variables(last):
        if _BARE.fullmatch(first) and not _BARE.fullmatch(last):
            return first
        return (
            text
            if _has_variables(first) and not _INVERSE.fullmatch(first) and _COMBINED.search(_WORDING.sub("", first))
            else last
        )
    return f"{first} = {last}" if len(sides) > 2 and not _COMBINED.search(first) else text


def _sides(text: str) -> list[str]:
    """What stands around the equals signs outside braces: that of `\\sum_{k=0}` divides nothing."""
    sides, begin, depth, place = [], 0, 0, 0
    for equals in _EQUALS.finditer(text):
        depth += text.count("{", place, equals.start()) - text.count("}", place, equals.start())
        place = equals.start()
        if depth == 0:
            sides.append(text[begin:place].strip())
            begin = equals.end()
    return [*sides, text[begin:].strip()]


def _measured(text: str) -> str:
    """`10/3` of `10/3 ≈ 3.33`, and `3` of `2.98 ≈ 3`."""
    sides = _ABOUT.split(text)
    if len(sides) != 2 or not sides[1].strip():
        return text
    exact, rounded = sides
    value = _EQUALS.split(exact)[-1]
    return exact.strip() if _EXACT.search(_WORDING.sub("", value)) else f"{exact.strip()} = {rounded.strip()}"


def _has_variables(side: str) -> bool:
    return _LETTER.search(_UNIT.sub("", _COMMAND.sub(" ", _WORDING.sub("", side))).replace("π", "")) is not None
