"""One spelling for what is written in several ways: Unicode, spacing, brackets of every size, units in \\text.

The result is still LaTeX, with these signs: « » around what stood in \\text, `°` for degrees, `*` for a product,
one space at most, no dollars, no \\left, and thousands without separators where LaTeX spells them (`{,}`).
"""

from __future__ import annotations

import re
import unicodedata
from itertools import count


def word_set(words: str) -> frozenset[str]:
    """A table of words, from one text."""
    return frozenset(words.split())


LONGEST = 1_000
"""Characters beyond which an answer is compared as text without a look at its structure."""

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n", strict=True))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
_SUPER_RUN = re.compile(f"[{''.join(_SUPERSCRIPTS)}]++")
_SUB_RUN = re.compile(f"[{''.join(_SUBSCRIPTS)}]++")
_SQUARE_UNIT = re.compile(r"(?<![A-Za-z])([cdkm]?m|in|ft|yd|mi)([²³])")
_ROOT_OF_NUMBER = re.compile(r"√[ ]?(\d++(?:\.\d++)?+)")

_SIGNS = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "﹣": "-", "⁄": "/", "∕": "/", "×": "*", "·": "*", "⋅": "*",
    "∙": "*", "•": "*", "÷": "/", "≤": "\\le ", "⩽": "\\le ", "≦": "\\le ", "≥": "\\ge ", "⩾": "\\ge ", "≧": "\\ge ",
    "≠": "\\ne ", "≈": "\\approx ", "≅": "\\approx ", "±": "\\pm ", "∓": "\\mp ", "∞": "\\infty ", "∈": "\\in ",
    "∪": "\\cup ", "∩": "\\cap ", "∅": "\\emptyset ", "√": "\\sqrt ", "π": "\\pi ", "θ": "\\theta ", "α": "\\alpha ",
    "β": "\\beta ", "γ": "\\gamma ", "λ": "\\lambda ", "μ": "\\mu ", "φ": "\\phi ", "ω": "\\omega ", "σ": "\\sigma ",
    "∑": "\\sum ", "∠": "\\angle ", "△": "\\triangle ", "ℝ": "\\mathbb{R}", "ℤ": "\\mathbb{Z}", "→": "\\to ",
    "º": "°", "˚": "°", "′": "'", "’": "'", "‘": "'", "“": '"', "”": '"', "∶": ":", "，": ", ", "、": ", ", "。": ".",
    "；": "; ", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u200a": " ", "\u3000": " ", "\u2002": " ",
    "\u2003": " ", "\u200b": "", "\u200e": "", "\u200f": "", "\ufeff": "", "✓": "", "✅": "", "⟨": "\\langle ",
    "⟩": "\\rangle ",
    **dict.fromkeys("€£¥₹₽₩₪₫฿₱₦₴", ""),
}  # fmt: skip
_TRANSLATED = str.maketrans(
    _SIGNS | {chr(wide): chr(wide - 0xFEE0) for wide in range(0xFF01, 0xFF5F) if chr(wide) != "，"}
)

_TOKEN = re.compile(r"\\[a-zA-Z]++|\\.|.", re.DOTALL)
_TEXT = word_set(
    "\\text \\textbf \\textit \\textrm \\texttt \\textsf \\textup \\textnormal \\mbox \\hbox \\mathrm \\mathbf "
    "\\mathit \\mathsf \\mathtt \\mathnormal \\boldsymbol \\bm \\operatorname \\emph \\underline \\textsuperscript"
)
"""Commands that only change how their argument looks."""
_DROPPED = word_set(
    "\\left \\right \\big \\Big \\bigg \\Bigg \\bigl \\bigr \\Bigl \\Bigr \\biggl \\biggr \\Biggl \\Biggr "
    "\\displaystyle \\textstyle \\limits \\nolimits \\! \\( \\) \\[ \\] \\$ $ \\boxed \\fbox \\bf \\rm \\it "
    "\\normalsize"
)
_RENAMED = {
    "\\dfrac": "\\frac", "\\tfrac": "\\frac", "\\cfrac": "\\frac", "\\dbinom": "\\binom", "\\tbinom": "\\binom",
    "\\leq": "\\le", "\\leqslant": "\\le", "\\leqq": "\\le", "\\geq": "\\ge", "\\geqslant": "\\ge", "\\geqq": "\\ge",
    "\\neq": "\\ne", "\\lt": "<", "\\gt": ">", "\\cdot": "*", "\\times": "*", "\\ast": "*", "\\div": "/",
    "\\land": "« and »", "\\wedge": "« and »", "\\lor": "« or »", "\\vee": "« or »", "\\colon": ":",
    "\\varnothing": "\\emptyset", "\\lbrace": "\\{", "\\rbrace": "\\}", "\\lbrack": "[", "\\rbrack": "]",
    "\\lvert": "|", "\\rvert": "|", "\\vert": "|", "\\mid": "|", "\\degree": "°", "\\%": "%", "\\euro": "",
    "\\pounds": "", "\\approxeq": "\\approx", "\\simeq": "\\approx", "\\thickapprox": "\\approx", "\\infin": "\\infty",
    "\\&": "&", "\\_": "_", "\\#": "#", "\\lparen": "(", "\\rparen": ")",
    **dict.fromkeys(["\\,", "\\;", "\\:", "\\ ", "\\quad", "\\qquad", "~", "\\enspace", "\\hspace", "\n", "\t", "\r",
                     "\\newline"], " "),
}  # fmt: skip
_LETTERS_OF_COMMANDS = word_set("\\sin \\cos \\tan \\cot \\sec \\csc \\log \\ln \\exp \\max \\min \\gcd")

_ENDS_OF_VALUES = frozenset("0123456789})")
_LONE_UNITS = frozenset("mghsLlNJWVAK")

_LETTERS_OF_CHOICES = re.compile(r" *\(?[A-Z]\)?(?:(?: *, *| +and +| +or +)++\(?[A-Z]\)?)*+ *")
_DEGREE = re.compile(r"\^ ?\{? ?\\circ ?\}?|\^ ?\{? ?° ?\}?")
_DOUBLED = re.compile(r"\\\\(?=[A-Za-z])")
_SQUEEZED = re.compile(r"\\(q?quad)(?=[A-Za-z])")
_THOUSANDS = re.compile(r"(?<=\d)(?: ?\{ ?, ?\} ?|,\\! ?|\\,|,\\,)(?=\d{3}(?!\d))")
_EQUALITY = re.compile(r"([<>!=])=|=([<>])")
_EQUALITIES = {"<": "\\le ", ">": "\\ge ", "!": "\\ne ", "=": "="}
_UNESCAPED = re.compile(r"\\?(?:(\x0c)(?=rac)|\x08(?=inom|eta|oxed))")
"""Commands whose backslash and first letter were read as one sign: a form feed and `rac`."""
_DOUBLE_STAR = re.compile(r"(?<=[\w)\]}])\*\*(?=[-\w({\\])")
_ANGLED = re.compile(r"<([^<>=]{1,200},[^<>=]{1,200})>")
_SPACES = re.compile(r"\s++")
_LOOSE_SPACE = re.compile(r"(?<![A-Za-z0-9\\]) | (?![A-Za-z0-9])")
_BEFORE, _AFTER = ' *_`",', ' .,:;?*_`"'
_EXCLAMATION = re.compile(r"(?<=[a-z»]{2})!++\Z")


def normalised(answer: str) -> str:
    """The answer in the one spelling. Linear in its length."""
    answer = unescaped(answer)
    if "\\begin" not in answer:
        # LaTeX that was escaped once too often, and `\quadx`.
        answer = _SQUEEZED.sub(r"\\\1 ", _DOUBLED.sub(r"\\", answer))
    text = _DOUBLE_STAR.sub("^", _unicode(_THOUSANDS.sub("", answer)))
    tokens = _TOKEN.findall(text)
    plain = _EQUALITY.sub(lambda match: _EQUALITIES.get(match[1], match[0]), _joined(tokens))
    plain = _SPACES.sub(" ", _DEGREE.sub("°", plain)).replace("» «", " ").replace("»«", "")
    bare = _without_quotes(_without_edges(plain))
    vector = _ANGLED.fullmatch(bare)
    return f"\\langle {vector[1].strip()}\\rangle" if vector else bare


def unescaped(text: str) -> str:
    """The text with `\\frac` and `\\boxed` for what is left of them where `\\f` and `\\b` were read as one sign."""
    if "\x0c" not in text and "\x08" not in text:
        return text
    return _UNESCAPED.sub(lambda sign: "\\f" if sign[1] else "\\b", text)


def surface(normal: str) -> str:
    """A normalised answer without the spaces that say nothing."""
    return _LOOSE_SPACE.sub("", normal)


def _unicode(text: str) -> str:
    if text.isascii():
        return text
    text = _SQUARE_UNIT.sub(lambda match: f"\\text{{ {match[1]}^{_SUPERSCRIPTS[match[2]]}}}", text)
    text = _SUPER_RUN.sub(lambda match: f"^{{{''.join(_SUPERSCRIPTS[sign] for sign in match[0])}}}", text)
    text = _SUB_RUN.sub(lambda match: f"_{{{''.join(_SUBSCRIPTS[sign] for sign in match[0])}}}", text)
    text = _ROOT_OF_NUMBER.sub(r"\\sqrt{\1}", text)
    return "".join(map(_fraction_sign, text)).translate(_TRANSLATED)


def _fraction_sign(sign: str) -> str:
    """`\\frac{1}{2}` for ½."""
    if sign.isascii() or not unicodedata.decomposition(sign).startswith("<fraction>"):
        return sign
    above, _, below = unicodedata.normalize("NFKC", sign).partition("⁄")
    return f"\\frac{{{above}}}{{{below}}}" if below else sign


def _joined(tokens: list[str]) -> str:
    out: list[str] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        place += 1
        if token in _TEXT:
            content, place = _argument(tokens, place)
            follows_value = next((part.rstrip()[-1] for part in reversed(out) if part.strip()), "") in _ENDS_OF_VALUES
            out.append(_text(content, token, follows_value))
        elif token in _DROPPED:
            # `\left.` draws nothing.
            if token in ("\\left", "\\right") and place < len(tokens) and tokens[place] == ".":
                place += 1
        else:
            renamed = _RENAMED.get(token, token)
            letter_follows = place < len(tokens) and tokens[place][0].isalpha()
            out.append(f"{renamed} " if renamed[-1:].isalpha() and renamed[0] == "\\" and letter_follows else renamed)
    return "".join(out)


def _argument(tokens: list[str], place: int) -> tuple[list[str], int]:
    """The tokens of the argument that begins at `place`, and the place behind it."""
    while place < len(tokens) and tokens[place] == " ":
        place += 1
    if place >= len(tokens) or tokens[place] != "{":
        return tokens[place : place + 1], place + 1
    depth = 1
    for end in count(place + 1):
        if end >= len(tokens):
            return tokens[place + 1 :], end
        depth += {"{": 1, "}": -1}.get(tokens[end], 0)
        if depth == 0:
            return tokens[place + 1 : end], end + 1
    raise AssertionError


def _text(content: list[str], command: str, follows_value: bool) -> str:
    inner = "".join(token for token in content if token not in _DROPPED and token not in _TEXT and token not in "{}")
    inner = "".join(_RENAMED.get(token, token) for token in _TOKEN.findall(inner))
    bare = inner.strip(" .:")
    if follows_value and bare in _LONE_UNITS:
        return f" «{bare}»"
    if len(bare) <= 1 or bare.lstrip("-").replace(".", "").replace(",", "").isdigit():
        return f" {bare} " if bare else " "
    if f"\\{bare}" in _LETTERS_OF_COMMANDS:
        return f"\\{bare} "
    if bare[0] == "(" and bare[-1] == ")" and len(bare) == 3:
        return bare
    if command != "\\text" and not any(sign.isalpha() for sign in bare):
        return bare
    return f"«{inner.replace('«', '').replace('»', '')}»"


def _without_edges(text: str) -> str:
    """`text` without punctuation around it, and without braces around the whole of it."""
    while True:
        text = _EXCLAMATION.sub("", text.lstrip(_BEFORE).rstrip(_AFTER))
        inner = text[1:-1] if text[:1] == "{" and text[-1:] == "}" else None
        if inner is None or not _balanced(inner):
            return text
        text = inner


def _without_quotes(text: str) -> str:
    """`2 hours` and `A, B` that stand in \\text as a whole."""
    inner = text[1:-1]
    whole = text[:1] == "«" and text[-1:] == "»" and "«" not in inner
    return inner.strip() if whole and (any(map(str.isdigit, inner)) or _LETTERS_OF_CHOICES.fullmatch(inner)) else text


def _balanced(text: str) -> bool:
    depth = 0
    for sign in _TOKEN.findall(text):
        depth += {"{": 1, "}": -1}.get(sign, 0)
        if depth < 0:
            return False
    return depth == 0
