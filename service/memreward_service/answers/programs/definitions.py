"""What a piece of code defines and what it needs of other pieces, read line by line without running it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from memreward_service.answers.programs.fences import LANGUAGES, Block

_DEFINITION = re.compile(r"^([ \t]*)(?:async[ \t]+)?(?:def|class)[ \t]+([A-Za-z_]\w*)", re.MULTILINE)
_CONSTANT = re.compile(r"^([A-Za-z_]\w*)[ \t]*(?::[^=\n]{1,80})?=(?!=)[ \t]*(.{0,8})", re.MULTILINE)
_IMPORT = re.compile(
    r"^(?:import[ \t]([\w., \t]++)|from[ \t]+[\w.]+[ \t]+import\b[ \t]*(\([^)]{0,2000}|[^\n]*))", re.MULTILINE
)
_WORD = re.compile(r"[A-Za-z_]\w*")
_TRIPLE = re.compile(r"\"\"\"[\s\S]*?(?:\"\"\"|\Z)|'''[\s\S]*?(?:'''|\Z)")
_COMMENT = re.compile(r"(?<!\S)#[^\n]*+")
_STUB = re.compile(r":\s*+(?:pass|\.\.\.|raise NotImplementedError[^\n]{0,300}+)?\s*+\Z")
_LONELY_TEST = re.compile(r"(?:test|check|main|demo|example)(?:_|\d|$)|Test")

_SIGNS = (
    ("cpp", re.compile(r"#include *<(?:bits/|iostream|vector|string|algorithm|map)|\bstd::|\busing namespace std")),
    (
        "c",
        re.compile(r"#include *[<\"]|^(?:int|void|long|double|char) \w+\([^\n]{0,200}\)[ \t]*\{", re.MULTILINE),
    ),
    ("java", re.compile(r"\bpublic static void main\b|^import java\.", re.MULTILINE)),
    ("go", re.compile(r"^package \w+\s*$", re.MULTILINE)),
    ("rust", re.compile(r"\bfn \w+[(<]|\blet mut ")),
    ("javascript", re.compile(r"^(?:async )?function \w+\(|\bconsole\.log\(|^(?:const|let) \w+ =", re.MULTILINE)),
)
"""What code in a block without a language shows of it."""
_READS = re.compile(
    r"\binput\(|\bsys\.stdin\b|\bopen\(0|/dev/stdin|\bfileinput\b|\bcin\s*>>|\bscanf\(|\bgetline\(|\bScanner\(System\.in|"
    r"\bBufferedReader\(|\bfmt\.Scan|\bbufio\.New|\bstdin\(\)|\breadline\(|\breadLine\(|process\.stdin|Console\.Read|\bgets\b"
)


def program_language(code: str, tag: str) -> str:
    """The language of a block: its tag, else what its code shows; empty where neither says."""
    if tag in LANGUAGES:
        return tag
    return next((name for name, sign in _SIGNS if sign.search(code)), "")


def reads_input(code: str) -> bool:
    """Whether a program reads its standard input."""
    return _READS.search(code) is not None


def defines(code: str, name: str, language: str) -> bool:
    """Whether `code` defines `name` and does not only announce it. A language that is not known is read as Python."""
    if name not in code:
        return False
    if language not in ("", "python"):
        return _other_definition(name).search(code) is not None
    for match in _DEFINITION.finditer(code):
        if match[2] == name and not _is_stub(_suite(code, match.start(), len(match[1]))):
            return True
    return any(match[1] == name and not match[2].startswith(name) for match in _CONSTANT.finditer(code))


def defined_names(code: str) -> frozenset[str]:
    """Functions and classes that `code` defines, tests and demonstrations aside."""
    return frozenset(match[2] for match in _DEFINITION.finditer(code) if not _LONELY_TEST.match(match[2]))


def needed_blocks(main: Block, candidates: Sequence[Block]) -> list[Block]:
    """`main` and the blocks it needs, in the order of the response.

    A block is needed that defines or imports a name which is used and not yet defined; of several the last one before
    its use, else the first one after it.
    """
    used = {main.start: main}
    waiting = [main]
    offers = [(block, _offered(block.code)) for block in candidates if block.start != main.start]
    while waiting and offers:
        needing = waiting.pop()
        have = frozenset().union(*(_offered(block.code) | _bound(block.code) for block in used.values()))
        missing = frozenset(_WORD.findall(_TRIPLE.sub("", needing.code))) - have
        for name in sorted(missing):
            offering = [block for block, offered in offers if name in offered]
            before = [block for block in offering if block.start < needing.start]
            chosen = before[-1] if before else offering[0] if offering else None
            if chosen is not None and chosen.start not in used:
                used[chosen.start] = chosen
                waiting.append(chosen)
    return [used[start] for start in sorted(used)]


def _is_stub(suite: str) -> bool:
    return _STUB.search(_COMMENT.sub("", _TRIPLE.sub("", suite))) is not None


def _suite(code: str, start: int, indent: int) -> str:
    """The lines of a definition: all that follow and are indented further, or close its brackets."""
    place = code.find("\n", start)
    while place >= 0:
        following = code.find("\n", place + 1)
        line = code[place + 1 : following if following >= 0 else len(code)]
        if line.strip() and len(line) - len(line.lstrip()) <= indent and line.lstrip()[0] not in ")]}#":
            return code[start:place]
        place = following
    return code[start:]


@lru_cache(maxsize=512)
def _other_definition(name: str) -> re.Pattern[str]:
    """A definition of `name` in a language with braces, or SQL."""
    word = re.escape(name)
    return re.compile(
        rf"^[ \t]*(?!(?:return|else|throw|case|new|await|yield|print|in|and|or|not|if|assert|del)\b)"
        rf"(?:[\w:<>,\[\]*&~]++[ \t]++)++[*&]*{word}[ \t]*(?:<[^<>\n]{{1,60}}>)?\(|"
        rf"^[ \t]*(?:[\w.]{{1,40}}\.)?{word}[ \t]*[=:][ \t]*(?:async )?(?:function\b|\(|\w{{1,40}} *=>)|"
        rf"^[ \t]*{word}\([^()\n]{{0,200}}\)[ \t]*\{{|"
        rf"\b(?:struct|impl|interface|enum|trait|object|type|TABLE)[ \t]+{word}\b",
        re.MULTILINE,
    )


@lru_cache(maxsize=1024)
def _offered(code: str) -> frozenset[str]:
    """Names that a block gives to others: functions, classes, imports, and constants in capitals."""
    names = {match[2] for match in _DEFINITION.finditer(code) if not match[1] and not _LONELY_TEST.match(match[2])}
    names |= {match[1] for match in _CONSTANT.finditer(code) if match[1].isupper()}
    for match in _IMPORT.finditer(code):
        for part in (match[1] or match[2]).strip("() ").split(","):
            words = _WORD.findall(part)
            names |= {words[-1]} if " as " in part and words else set(words[:1])
    return frozenset(names)


def _bound(code: str) -> frozenset[str]:
    """Names that a block binds itself in other ways: variables, parameters of its functions, loops."""
    assigned = {
        word
        for line in re.findall(r"^[ \t]*+([\w, \t]{1,80})=(?!=)", code, re.MULTILINE)
        for word in _WORD.findall(line)
    }
    heads = re.findall(r"(?:\bdef[ \t]+\w+[ \t]*\(|\blambda\b|\bfor\b)([^\n:]{0,300})", code)
    return frozenset(assigned.union(*map(_WORD.findall, heads)))
