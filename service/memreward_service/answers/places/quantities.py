"""The mathematical expressions that stand in a sentence: numbers, sums of money, times, points, equations, LaTeX."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_SENTENCE = 1_000
"""Characters of a sentence that are looked at."""

SIGNS = "-+−–±－﹣"
NUMBER = (
    r"(?:\d{1,3}(?:,\d{3})++(?!\d)|[1-9]\d{0,2}(?:[ \u00a0\u2009\u202f]\d{3})++(?!\d|[ ]?/)|\d++)(?:\.\d++)?"
    r"|\.\d++"
)
_FRACTIONS = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_SCALES = (
    "hundred|thousand|million|billion|trillion|dozen|percent|tausend|millionen|milliarden|mil|millones|milhões|millions"
    "|milliards|тыс|тысяч|тысячи|млн|млрд|миллионов|миллиона"
)
_RAISED = "⁰¹²³⁴-⁹⁺⁻"
_CURRENCY = r"[$€£¥₹₩₽]"
_BRACES = r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*+\})*+\})*+\}"
_TOKEN = re.compile(
    rf"""
    (?P<maths>\\\[(?:[^\\]|\\(?!\]))*+\\\] | \\\((?:[^\\]|\\(?!\)))*+\\\) | \$\$[^$]++\$\$)
    | (?P<dollars>\$[ ]?-?\d[\d.,]{{0,20}}+[ ]?\$(?!\d) | \$(?!\s)[^$\n]{{1,300}}(?<!\s)\$(?!\d))
    | (?P<number>
        (?:[{SIGNS}](?={_CURRENCY}?[\d.]))?+ (?:\\?{_CURRENCY}[ ]?(?=[{SIGNS}\d.]))?+
        (?:(?<={_CURRENCY})[{SIGNS}](?=\d))?+
        (?: \d++(?:[ ]?:[ ]?\d++)++ | \d++[ ]\d++/\d++ | \d*+[{_FRACTIONS}] | (?:{NUMBER})(?:[eE][-+]?\d++)?+ )
        [{_RAISED}]*+
        (?:[ ]?\\?% | [ ]?°[ ]?[CFK]?(?!\w) | [ ]?[aApP]\.?[mM](?!\w)\.? | [a-zA-Z]++ (?:/[a-zA-Z]++)?+
           | [ ]?[万萬만億亿억](?:\d{{1,8}}(?!\d))?+
           | (?:[ ](?i:{_SCALES})(?!\w))++ )?+
        [{_RAISED}]*+
      )
    | (?P<whole>\\begin\{{(?P<name>[a-zA-Z]{{1,12}})\*?\}}(?:[^\\]|\\(?!end\{{))*+\\end\{{(?P=name)\*?\}}
        | <[^<>=,]{{1,40}}(?:,[^<>=,]{{1,40}}){{1,8}}+>)
    | (?P<latex>\\[a-zA-Z]++ (?:[ ]?(?:{_BRACES}|\[[^\[\]]*+\](?={{)))*+ | \\[,;:!{{}}|\ ])
    | (?P<word>[^\W\d_]{{2,}}+(?:[-'’/][^\W\d_]++)*+)
    | (?P<letter>[a-zA-ZͰ-Ͽ](?:_(?:\{{\w{{1,9}}\}}|\w))?+['′]{{0,3}} | ∞)
    | (?P<operator><=|>=|!=|\*\*|[{SIGNS}*/^=<>≤≥≠≈×·÷√!|∈∪∩{_RAISED}] | _(?=[\d{{]))
    | (?P<open>[(\[{{]) | (?P<close>[)\]}}])
    | (?P<space>\s++) | (?P<other>.)
    """,
    re.VERBOSE,
)
_MATHEMATICAL_WORDS = frozenset({"sin", "cos", "tan", "log", "ln", "sqrt", "pi", "arcsin", "arccos", "arctan"})
_WORDING = re.compile(r"(?<![\\a-zA-Z{])[a-zA-Z]{4,}+|(?<![\\a-zA-Z{])(?:and|to|for|in|of|is|per|at|as|on)(?![a-zA-Z])")
_SPACING = re.compile(r"\\(?:[,;:! ]|q?quad)")
_KNOWN_LATEX = re.compile(r"\d|\\(?:begin|pi|infty|emptyset|varnothing)(?![a-zA-Z])")
_SYMBOL = re.compile(r"[\d=<>+^]|\\(?!text|mathrm)[a-zA-Z]")
_FACTORS = frozenset("xyzbcdefknpqrtuvw")
"""Letters that are no words, so that they belong to a number that stands before them."""
_FACTOR = re.compile(r"\((?=[^()]{0,60}[-+−*/^])[^()a-zA-Z]*+(?:(?<![a-zA-Z])[a-zA-Z](?![a-zA-Z])[^()a-zA-Z]*+)++\)")
"""A bracket with a variable and no words in it."""
_JOINING = frozenset({"operator", "open", "comma"})
_LONE_SIGNS = frozenset(f"{SIGNS}√|<>≤≥≠") | {"<=", ">=", "!="}
_BEHIND_A_FACTORIAL = frozenset("=+-*/^)].,")
_RELATIONS = frozenset("=<>≤≥≠∈≈") | {"<=", ">=", "!="}


@dataclass(frozen=True, slots=True)
class Quantity:
    """An expression at `start` to `end` of a sentence. `text` is what it says, without its delimiters.

    `aside`: it stands in brackets, as a remark. `symbol`: it only names something, as `$x$` does. `named`: words
    and an equals sign stand before it, as in `Area = 5`.
    """

    start: int
    end: int
    text: str
    aside: bool = False
    symbol: bool = False
    named: bool = False


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    start: int
    end: int
    text: str


def quantities(sentence: str) -> list[Quantity]:
    """The expressions of `sentence`, in order; none where it is too long."""
    found: list[Quantity] = []
    run: list[_Token] = []
    spaced = False
    depth = 0
    if len(sentence) > LONGEST_SENTENCE:
        return []  # a part of an expression would be another value
    for token in _tokens(sentence):
        if token.kind == "space":
            spaced = True
            continue
        if token.kind == "other" and token.text in ",;、，" and depth:
            token = _Token("comma", token.start, token.end, token.text)
        if not (_continues(run, token, spaced) or _multiplies(run, token, sentence)):
            found += _ended(run, sentence)
            run, depth = [], 0
        if token.kind not in {"word", "other"} or run:
            run.append(token)
            depth += {"open": 1, "close": -1}.get(token.kind, 0)
        spaced = False
    return found + _ended(run, sentence)


def _tokens(sentence: str) -> list[_Token]:
    tokens: list[_Token] = []
    place = 0
    while place < len(sentence):
        match = _TOKEN.match(sentence, place)
        assert match is not None and match.lastgroup is not None
        kind, text = match.lastgroup, match.group()
        if kind == "dollars":
            if _WORDING.search(text) or not re.search(r"[\w∞]", text):
                match = _TOKEN.match(sentence[: match.end() - 1], place)
                assert match is not None and match.lastgroup is not None
                kind, text = match.lastgroup, match.group()
            else:
                kind = "maths"
        if kind == "number" and tokens and text[0] in SIGNS and _is_value(tokens[-1]):
            tokens.append(_Token("operator", place, place + 1, text[0]))
            place += 1
            continue
        if kind == "word" and text == "mod":
            kind = "operator"
        elif kind == "word" and text.lower() in _MATHEMATICAL_WORDS:
            kind = "letter"
        elif kind == "letter" and text in "xX" and _between_numbers(sentence, tokens, match.end()):
            kind = "operator"
        elif (
            kind == "operator"
            and text == "!"
            and sentence[place + 1 : place + 4].lstrip()[:1] not in _BEHIND_A_FACTORIAL
        ):
            kind = "other"
        elif kind == "whole":
            kind = "latex"
        elif kind == "latex" and _SPACING.fullmatch(text):
            kind = "space"
        tokens.append(_Token(kind, place, match.end(), text))
        place = match.end()
    return tokens


def _is_value(token: _Token) -> bool:
    return token.kind in {"number", "letter", "close", "maths", "latex"}


def _between_numbers(sentence: str, tokens: list[_Token], end: int) -> bool:
    before = next((token for token in reversed(tokens) if token.kind != "space"), None)
    return before is not None and before.kind == "number" and sentence[end:].lstrip(" $")[:1].isdigit()


def _continues(run: list[_Token], token: _Token, spaced: bool) -> bool:
    """Whether `token` belongs to the expression that `run` begins."""
    if not run:
        return token.kind not in {"word", "other", "close", "comma"}
    last = run[-1].kind
    if token.kind in {"operator", "comma"}:
        return True
    if token.kind == "close":
        return any(before.kind == "open" for before in run)
    if token.kind in {"word", "other"}:
        return False
    if last in _JOINING:
        return True
    if token.kind == "latex" or last == "latex":
        return last != "maths" and token.kind != "maths"
    if token.kind == "letter":
        series = last == "close" and any(before.kind == "latex" for before in run)
        factor = last == "number" and (token.text in _FACTORS or token.text == "pi")
        factor = factor or (series and token.text not in {"a", "A", "I"})
        return not spaced or factor or run[-1].text.lower() in _MATHEMATICAL_WORDS
    if token.kind == "number":
        return run[-1].text.lower() in _MATHEMATICAL_WORDS
    return token.kind == "open" and not spaced and last != "maths"


def _multiplies(run: list[_Token], token: _Token, sentence: str) -> bool:
    """Whether `token` is a factor behind a space: in `3 (x + 1)` and `$5$ $\\sqrt{3}$`, not in `5 (of 9)`, `5 (3)`."""
    if not run or run[-1].kind not in {"number", "maths"} or sentence[run[-1].end : token.start].strip():
        return False
    if token.kind == "maths":
        return _inside(token.text).startswith(("\\sqrt", "\\pi"))
    return run[-1].kind == "number" and token.kind == "open" and _FACTOR.match(sentence, token.start) is not None


def _ended(run: list[_Token], sentence: str) -> list[Quantity]:
    """The quantities of a run of tokens: one, and those behind brackets that were left open."""
    found: list[Quantity] = []
    begin = 0
    for opened in [*_left_open(run), len(run)]:
        found += _quantity(run[begin:opened], sentence, aside=begin > 0)
        begin = opened + 1
    return found


def _left_open(run: list[_Token]) -> list[int]:
    opened: list[int] = []
    for place, token in enumerate(run):
        if token.kind == "open":
            opened.append(place)
        elif token.kind == "close" and opened:
            opened.pop()
    return opened


def _quantity(run: list[_Token], sentence: str, aside: bool) -> list[Quantity]:
    while run and (run[-1].kind == "comma" or (run[-1].kind == "operator" and run[-1].text not in "!|")):
        run = run[:-1]
    named = bool(run) and run[0].text == "="
    while run and (run[0].kind == "comma" or (run[0].kind == "operator" and run[0].text not in _LONE_SIGNS)):
        run = run[1:]
    if not run:
        return []
    kinds = [token.kind for token in run]
    if kinds == ["open", "number", "close"]:
        return [Quantity(run[1].start, run[1].end, run[1].text, aside=True)]
    start, end = run[0].start, run[-1].end
    parts = [(_inside(token.text) if token.kind == "maths" else token.text) for token in run]
    text = " ".join(parts) if "maths" in kinds else sentence[start:end]
    if kinds == ["number"] and text[-3:].lower() in {"pm.", "am."}:
        text = text[:-1]
    known = "number" in kinds or ("latex" in kinds and _KNOWN_LATEX.search(text)) or "∞" in parts
    if kinds == ["maths"]:
        known = _SYMBOL.search(text) is not None
    related = len(run) > 2 and _is_value(run[0]) and any(part in _RELATIONS for part in parts)
    letters = kinds.count("letter")
    composed = letters > 1 and ("operator" in kinds or "comma" in kinds)
    if known or related or composed or (len(kinds) > 1 and "maths" in kinds):
        return [Quantity(start, end, text, aside, named=named)]
    symbol = text and (kinds == ["maths"] or ("latex" in kinds and letters))
    return [Quantity(start, end, text, aside, symbol=True)] if symbol else []


def _inside(text: str) -> str:
    width = 1 if text[0] == "$" and text[1] != "$" else 2
    return " ".join(text[width:-width].split()).rstrip(".,;").strip()
