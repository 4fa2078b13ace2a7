"""What a query asks a program to be: the names it has to define, its language, whether it reads its input."""

from __future__ import annotations

import builtins
import keyword
import re
from dataclasses import dataclass
from functools import lru_cache

from memreward_service.answers.programs.fences import LANGUAGES, NO_PROGRAM, blocks

QUERY_CHARACTERS = 20_000
"""Characters of a query in which it is looked for."""
MOST_NAMES = 12
"""Names that are kept."""

_NAME = r"([A-Za-z_]\w{0,80})"
_FUNCTION = (
    r"(?:function|method|class|procedure|routine|program|función|fonction|Funktion|função|функци\w|"
    r"函数|方法|类|関数|メソッド|함수)"
)
_CALLED = r"(?:called|named|llamada|nommée|appelée|namens|chamada|с именем|под названием|名为|叫做|叫|という)"


@dataclass(frozen=True, slots=True)
class NameRule:
    """A way in which a query names what it wants. The first group of the pattern is the name."""

    name: str
    example: str
    pattern: re.Pattern[str]


NAME_RULES = (
    NameRule(
        "signature or class at the start of a line",
        "def add(a, b):",
        re.compile(rf"^(?:async )?(?:def {_NAME}[ \t]*\(|class {_NAME}[ \t]*(?:[:({{]|$))", re.MULTILINE),
    ),
    NameRule("signature", "    def twoSum(self, nums):", re.compile(rf"\bdef[ \t]{{1,4}}{_NAME}[ \t]*\(")),
    NameRule(
        "typed signature",
        "int add(int a, int b)",
        re.compile(
            r"\b(?:int|long|double|float|bool|boolean|string|String|void|char|auto|fn|func|fun|function|i32|i64|"
            rf"(?:vector|List|Vec)<[^\n]{{1,40}}>)(?:\[\]){{0,2}}[ \t*&]{{1,4}}{_NAME}[ \t]*[(<]"
        ),
    ),
    NameRule("function in quotes", "the function `add`", re.compile(rf"{_FUNCTION}\s{{0,3}}[`'\"*「『]{{1,3}}{_NAME}")),
    NameRule("called", "a function called add", re.compile(rf"{_CALLED}\s{{0,3}}[`'\"*「]{{0,3}}{_NAME}")),
    NameRule("function with parameters", "函数 add(a, b)", re.compile(rf"{_FUNCTION}\s{{0,3}}{_NAME}\(")),
    NameRule(
        "verb",
        "Implement add(a, b)",
        re.compile(
            rf"\b(?:write|implement|define|complete|create|code|build)\s{{1,3}}[`'\"]{{0,2}}{_NAME}\(", re.IGNORECASE
        ),
    ),
    NameRule("assertion", "assert add(1, 2) == 3", re.compile(rf"\bassert\s{{1,3}}(?:\w{{1,20}}\(){{0,2}}?{_NAME}\(")),
    NameRule("example call", ">>> add(1, 2)", re.compile(rf">>>[ \t]{{0,3}}{_NAME}\(")),
    NameRule("call in quotes", "`add(a, b)`", re.compile(rf"`{_NAME}\(")),
)
"""The likeliest first; of one rule the last name in the query, because helpers that a query gives stand before."""

LANGUAGE_WORDS = (
    ("cpp", re.compile(r"(?<!\w)(?:c\+\+|cpp)(?![\w+])", re.IGNORECASE)),
    ("csharp", re.compile(r"(?<!\w)(?:c#|csharp)(?!\w)", re.IGNORECASE)),
    ("c", re.compile(r"\bin C\b(?![+#])|\bC (?:function|program|code)\b")),
    ("javascript", re.compile(r"\b(?:javascript|node\.?js)\b", re.IGNORECASE)),
    ("typescript", re.compile(r"\btypescript\b", re.IGNORECASE)),
    ("java", re.compile(r"\bjava\b", re.IGNORECASE)),
    ("go", re.compile(r"\bgolang\b|\b(?:in|using) Go\b|\bGo (?:function|program|code)\b")),
    ("rust", re.compile(r"\brust\b", re.IGNORECASE)),
    ("kotlin", re.compile(r"\bkotlin\b", re.IGNORECASE)),
    ("ruby", re.compile(r"\bruby\b", re.IGNORECASE)),
    ("php", re.compile(r"\bphp\b", re.IGNORECASE)),
    ("scala", re.compile(r"\bscala\b", re.IGNORECASE)),
    ("haskell", re.compile(r"\bhaskell\b", re.IGNORECASE)),
    ("sql", re.compile(r"\bSQL\b|\bsql query\b")),
    ("bash", re.compile(r"\b(?:bash|shell) (?:script|command|one-liner)\b", re.IGNORECASE)),
    ("python", re.compile(r"\bpython", re.IGNORECASE)),
)
"""How a query names a language; the first one in the text counts."""

_READS = re.compile(
    r"\b(?:stdin|standard input|input\(\)|first line (?:of the input |of input )?contains)|标准输入|標準入力|표준 입력"
    r"|^[^\w\n]{0,8}(?:sample |example )?input(?: format)?[^\w\n]{0,8}$",
    re.IGNORECASE | re.MULTILINE,
)
_PYTHON_SIGNATURE = re.compile(r"\bdef[ \t]{1,4}\w{1,80}[ \t]{0,4}\(|\bself\b")
_NO_NAMES = frozenset({*keyword.kwlist, *dir(builtins), "main", "that", "which", "to", "with", "it", "self"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query asks for; everything is empty where it does not say."""

    names: tuple[str, ...] = ()
    """Functions and classes, the likeliest first."""
    language: str = ""
    reads_input: bool = False


def asked(query_text: str) -> Asked:
    """What `query_text` asks for."""
    return _asked(query_text[:QUERY_CHARACTERS])


@lru_cache(maxsize=1024)
def _asked(text: str) -> Asked:
    names: dict[str, None] = {}
    for rule in NAME_RULES:
        found = [next(filter(None, match.groups())) for match in rule.pattern.finditer(text)]
        names |= dict.fromkeys(name for name in reversed(found) if name not in _NO_NAMES and name[:2] != "__")
    return Asked(tuple(names)[:MOST_NAMES], _language(text), _READS.search(text) is not None)


def _language(text: str) -> str:
    tags = [block.language for block in blocks(text) if block.language in LANGUAGES.keys() - NO_PROGRAM]
    if tags:
        return tags[-1]
    if _PYTHON_SIGNATURE.search(text):
        return "python"
    said = [(match.start(), name) for name, pattern in LANGUAGE_WORDS if (match := pattern.search(text)) is not None]
    return min(said, default=(0, ""))[1]
