"""The fenced blocks of a response, as models write them: any fence, closed or cut off, in the middle of a line."""

from __future__ import annotations

import re
from dataclasses import dataclass

TAG_CHARACTERS = 200
"""Characters after an opening fence in which its language is looked for."""
MOST_BLOCKS = 200
"""Blocks of one text that are looked at, from its end."""
INDENT_SLACK = 3
"""Spaces by which a closing fence may be indented further than its opening (CommonMark 4.5)."""

LANGUAGES: dict[str, tuple[str, ...]] = {
    "python": ("py", "python2", "python3", "py2", "py3", "ipython", "ipython3", "pypy", "pypy3", "cpython"),
    "cpp": ("c++", "cc", "cxx", "hpp", "g++", "c++11", "c++14", "c++17", "c++20", "cpp17", "cpp20"),
    "c": ("h", "gcc"),
    "java": (),
    "javascript": ("js", "node", "nodejs", "jsx", "mjs"),
    "typescript": ("ts", "tsx"),
    "csharp": ("cs", "c#", "dotnet"),
    "go": ("golang",),
    "rust": ("rs",),
    "kotlin": ("kt",),
    "swift": (),
    "scala": (),
    "dart": (),
    "php": (),
    "ruby": ("rb",),
    "perl": ("pl",),
    "r": (),
    "julia": ("jl",),
    "lua": (),
    "haskell": ("hs",),
    "ocaml": ("ml",),
    "sql": ("mysql", "sqlite", "postgresql", "plpgsql"),
    "bash": ("sh", "shell", "zsh", "console", "terminal", "shell-session", "powershell", "cmd", "bat"),
    "text": (
        *(
            "txt",
            "plaintext",
            "plain",
            "output",
            "stdout",
            "log",
            "none",
            "pycon",
            "json",
            "yaml",
            "yml",
            "toml",
            "ini",
        ),
        *("yml", "csv", "xml", "html", "diff", "mermaid", "latex", "tex", "math", "makefile", "dockerfile"),
    ),
    "markdown": ("md",),
}
"""What a fence may call each language."""
NO_PROGRAM = frozenset({"bash", "text", "markdown"})
"""Languages of blocks that are no program, unless the query asks for one in them."""

_CANONICAL = {tag: name for name, tags in LANGUAGES.items() for tag in (name, *tags)}
_RUN = re.compile(r"`{3,}+|~{3,}+")
_START_OF_LINE = re.compile(r"[\s>]*+(?:(?:[-*+]|\d{1,3}[.)])[ \t]++)?")
_TAG = re.compile(r"[\s{.]*+(?:lang(?:uage)?[-:=])?([A-Za-z][\w+#-]*+)")
_CODE_IN_TAG = re.compile(r"(?:def|class|import|from|async|#include|public|using|package)\b[^`]*+|@\w[^`]*+")


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a response that may be a program."""

    code: str
    language: str
    """A key of LANGUAGES, or the tag as written; empty without one."""
    start: int
    """Where it begins in the response, its fence included."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """A line with a run of fence characters."""

    line: int
    kind: str
    size: int
    indent: int
    before: str
    after: str

    @property
    def at_start(self) -> bool:
        return _START_OF_LINE.fullmatch(self.before) is not None

    @property
    def opens(self) -> bool:
        """After text on its line only a bare fence or one with a single word opens a block."""
        if self.at_start:
            return "`" not in self.after
        return self.kind == "`" and len(self.after) < TAG_CHARACTERS and len(self.after.split()) <= 1


def blocks(text: str, nested: bool = True) -> list[Block]:
    """The blocks of `text` in their order; `nested`: look into blocks of Markdown too. Lines end in \\n."""
    lines = text.split("\n")
    marks = [mark for number, line in enumerate(lines) if (mark := _mark(number, line)) is not None]
    if not marks:
        return []
    offsets = _offsets(lines)
    found: list[Block] = []
    place = 0
    while place < len(marks):
        opening = marks[place]
        place += 1
        if opening.kind * 3 in opening.after:
            found += _inline(opening, offsets)
        elif opening.opens:
            code, place = _content(lines, marks, place)
            found += _read(opening, code, offsets[opening.line] + len(opening.before), nested)
    return found[-MOST_BLOCKS:]


def language_of(tag: str) -> str:
    """The language that the text after a fence names: `python3`, `{.py}`, `language-python title="x"`."""
    match = _TAG.match(tag[:TAG_CHARACTERS])
    if match is None or _CODE_IN_TAG.match(tag.lstrip()):
        return ""
    word = match[1].lower()
    return _CANONICAL.get(word) or _CANONICAL.get(word.rstrip("0123456789.-")) or word


def _mark(number: int, line: str) -> _Mark | None:
    if "```" not in line and "~~~" not in line:
        return None
    match = _RUN.search(line)
    if match is None:
        return None
    before, run = line[: match.start()], match.group()
    if run[0] == "~" and not _START_OF_LINE.fullmatch(before):
        return None
    return _Mark(number, run[0], len(run), len(line) - len(line.lstrip()), before, line[match.end() :])


def _offsets(lines: list[str]) -> list[int]:
    offsets, place = [], 0
    for line in lines:
        offsets.append(place)
        place += len(line) + 1
    return offsets


def _inline(mark: _Mark, offsets: list[int]) -> list[Block]:
    """A block on one line, ```x = 1```."""
    inside = mark.after.partition(mark.kind * mark.size)[0]
    language = language_of(inside)
    if language in LANGUAGES:
        inside = inside.lstrip().partition(" ")[2]
    else:
        language = ""
    start = offsets[mark.line] + len(mark.before)
    return [Block(inside.strip(), language, start)] if inside.strip("` \t") else []


def _content(lines: list[str], marks: list[_Mark], place: int) -> tuple[list[str], int]:
    """The lines of the block that the mark before `place` opens, and the mark to go on with.

    A fence that is indented further stands in the code; without any other one it closes the block all the same.
    """
    opening = marks[place - 1]
    deeper = None
    for number in range(place, len(marks)):
        mark = marks[number]
        if mark.kind != opening.kind or mark.size < opening.size or mark.kind * 3 in mark.after:
            continue
        if mark.at_start and mark.indent > opening.indent + INDENT_SLACK:
            deeper = number if deeper is None and not mark.after.strip() else deeper
        elif (end := _closing(lines, opening, mark)) is not None:
            reopens = mark.at_start and language_of(mark.after) in LANGUAGES
            return end, number if reopens else number + 1
    if deeper is not None:
        return lines[opening.line + 1 : marks[deeper].line], deeper + 1
    return lines[opening.line + 1 :], len(marks)


def _closing(lines: list[str], opening: _Mark, mark: _Mark) -> list[str] | None:
    """The lines of a block that `mark` ends: alone on its line, before prose, or after the last line of code."""
    inside = lines[opening.line + 1 : mark.line]
    if mark.at_start:
        return inside
    return [*inside, mark.before] if mark.kind == "`" and not mark.after.strip() else None


def _read(opening: _Mark, code: list[str], start: int, nested: bool) -> list[Block]:
    tag = opening.after
    language = language_of(tag)
    words = tag.split(None, 1)
    for rest in (tag.strip(), words[1].strip() if len(words) > 1 and language in LANGUAGES else ""):
        if _CODE_IN_TAG.fullmatch(rest):
            code = [rest, *code]
            break
    if ">" in opening.before:
        code = [line.lstrip().removeprefix(">").removeprefix(" ") for line in code]
    text = dedented(code)
    if nested and language in ("", "text", "markdown") and "```" in text and (inner := blocks(text, nested=False)):
        return [Block(block.code, block.language, start) for block in inner]
    return [Block(text, language, start)]


def dedented(lines: list[str]) -> str:
    """The lines without the indentation that all of them share."""
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[margin:] for line in lines)
