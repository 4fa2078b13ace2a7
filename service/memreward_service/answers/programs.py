"""The program in a response, and the key of its text."""

from __future__ import annotations

import re

from memreward_service.answers.places import FinalAnswer, Mark

SLASH_COMMENTS = frozenset(
    {"c", "c++", "cpp", "cs", "csharp", "go", "java", "javascript", "js", "rust", "ts", "typescript"}
)
"""Languages of a code fence in which // opens a comment; in the others it is #."""

_STRING_OR_HASH = re.compile(r"""("{3}[\s\S]*?"{3}|'{3}[\s\S]*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|#[^\n]*""")
_STRING_OR_SLASHES = re.compile(r"""("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|//[^\n]*|/\*[\s\S]*?\*/""")
_FENCE = re.compile(r"^[ \t]*```[ \t]*([\w+#.-]*)[^\n]*\n(.*?)(?:^[ \t]*```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)


def last_code(text: str) -> FinalAnswer:
    """The last fenced block; without a fence the whole text."""
    last = None
    for match in _FENCE.finditer(text):
        last = match
    if last is None:
        return FinalAnswer("", text, Mark.POSITION)
    return FinalAnswer(text[: last.start()].strip(), last[2], Mark.BOX, last[1].lower())


def code_key(code: str, language: str = "") -> str:
    """The program without comments, blank lines and trailing spaces. Equal text, not equal behaviour."""
    pattern = _STRING_OR_SLASHES if language in SLASH_COMMENTS else _STRING_OR_HASH
    bare = pattern.sub(lambda match: match[1] or "", code)
    return "\n".join(line.rstrip() for line in bare.splitlines() if line.strip())
