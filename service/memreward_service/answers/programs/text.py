"""The text of a program in one form for what formatting alone changes: comments, blank lines, spaces, line breaks.

Equal text, not equal behaviour. Source is cut into tokens by one pattern per family of languages and never parsed, so
the time is linear in its length, nothing recurses, and broken programs have a form too.
"""

from __future__ import annotations

import re
from functools import lru_cache

KEPT_CHARACTERS = 8_000
"""Programs up to this length are remembered with their key."""
BRACES = frozenset({"c", "cpp", "csharp", "java", "rust"})
"""Languages in which a line break is a space."""
BRACES_AND_LINES = frozenset({"javascript", "typescript", "go", "kotlin", "swift", "scala", "dart", "php"})
"""Languages with the same comments in which a line break may end a statement."""
LINE_COMMENTS = {
    **dict.fromkeys(("bash", "ruby", "perl", "r", "julia"), "#"),
    **dict.fromkeys(("sql", "lua", "haskell"), "--"),
}
"""Languages of which only whole lines of comment are left out."""

_PYTHON = re.compile(
    r'''
    (?P<string>(?i:rb|br|rf|fr|[rbfu])?(?:
        """(?:[^"\\]|\\[\s\S]|"(?!""))*+(?:"""|\\?\Z)
      | \'\'\'(?:[^'\\]|\\[\s\S]|'(?!\'\'))*+(?:\'\'\'|\\?\Z)
      | "(?:[^"\\\n]|\\[\s\S])*+"?
      | '(?:[^'\\\n]|\\[\s\S])*+'?))
  | (?P<comment>\#[^\n]*)
  | (?P<line>\n[ \t\f]*)
  | (?P<skip>[ \t\f\v]+|\\\n)
  | (?P<open>[([{])
  | (?P<close>[)\]}])
  | (?P<word>\w+(?:\.\d\w*)?|\.\d\w*)
  | (?P<operator>\*\*=|//=|>>=|<<=|\.\.\.|->|:=|\*\*|//|>>|<<|[-+*/%&|^@=<>!]=|[\s\S])
    ''',
    re.VERBOSE,
)
_BRACES = re.compile(
    r"""
    (?P<comment>//[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z))
  | (?P<string>"(?:[^"\\\n]|\\[\s\S])*+"?|'(?:[^'\\\n]|\\[\s\S])*+'|`(?:[^`\\]|\\[\s\S])*+`?)
  | (?P<line>\n)
  | (?P<skip>[^\S\n]+)
  | (?P<word>\w+(?:\.\d\w*)?)
  | (?P<operator>\\.|>>>=|===|!==|<<=|>>=|\.\.\.|\.\.=|\*\*=|\?\?=|&&=|\|\|=|=>|->|::|<=>|\+\+|--|&&|\|\||\?\?|\?\.|
    \.\.|\*\*|<<|[-+*/%&|^=<>!]=|[\s\S])
    """,
    re.VERBOSE,
)
_PREPROCESSOR = re.compile(r"^[ \t]*#[^\n]*$", re.MULTILINE)
_PLAIN_STRING = re.compile(r"([rbfuRBFU]*)(\"\"\"|'''|\"|')([^\"'\\\n]*)\2")
_NO_SPACE_AFTER = frozenset("([{.~@")
_NO_SPACE_BEFORE = frozenset(")]},:.;")


def code_key(code: str, language: str = "") -> str:
    """The form of a program; a language that is not known is read as Python."""
    made = _kept_key if len(code) <= KEPT_CHARACTERS else _key
    return made(code, language)


def _key(code: str, language: str) -> str:
    if language in BRACES or language in BRACES_AND_LINES:
        return _braces_form(code, language in BRACES_AND_LINES)
    if language in LINE_COMMENTS:
        return _lines_form(code, LINE_COMMENTS[language])
    return _python_form(code)


_kept_key = lru_cache(maxsize=4096)(_key)


def _python_form(code: str) -> str:
    """Statements with their depth of indentation; strings that stand alone (docstrings) are no statements."""
    statements: list[str] = []
    tokens: list[str] = []
    indents, indent, commas = [0], 0, [0]
    only_strings = True

    def end() -> None:
        nonlocal only_strings
        while tokens and tokens[-1] == ";":
            tokens.pop()
        if tokens and not only_strings:
            while len(indents) > 1 and indent < indents[-1]:
                indents.pop()
            if indent > indents[-1]:
                indents.append(indent)
            statements.append("    " * (len(indents) - 1) + _joined(tokens))
        tokens.clear()
        only_strings = True

    for match in _PYTHON.finditer("\n" + code):
        kind, token = match.lastgroup, match.group()
        if kind == "line":
            if len(commas) == 1:
                end()
                indent = len(token[1:].expandtabs(8))
            continue
        if kind in ("comment", "skip"):
            continue
        if kind == "string":
            token = _string(token)
            only_strings = only_strings and not token.startswith("f")
        else:
            only_strings = False
        if kind == "open":
            commas.append(0)
        elif kind == "close" and len(commas) > 1:
            if tokens[-1] == "," and commas[-1] > 1:
                tokens.pop()
            commas.pop()
        elif token == ",":
            commas[-1] += 1
        tokens.append(token)
    end()
    return "\n".join(statements)


def _string(token: str) -> str:
    """A string literal in double quotes where nothing in it depends on its quotes, else as it is."""
    match = _PLAIN_STRING.fullmatch(token)
    if match is None:
        return token
    prefix = "".join(sorted(match[1].lower().replace("u", "").replace("r", "")))
    return f'{prefix}"{match[3]}"'


def _joined(tokens: list[str]) -> str:
    """Tokens as a line, with one space where two of them would run together."""
    parts: list[str] = []
    before = ""
    for token in tokens:
        if before and before not in _NO_SPACE_AFTER and token not in _NO_SPACE_BEFORE:
            glued = token in ("(", "[") and (before[-1].isalnum() or before[-1] in "_)]\"'")
            if not glued:
                parts.append(" ")
        parts.append(token)
        before = token
    return "".join(parts)


def _braces_form(code: str, lines: bool) -> str:
    """Tokens on one line, and every line of the preprocessor on its own; `lines`: keep the breaks between lines."""
    statements: list[str] = []
    tokens: list[str] = []

    def end() -> None:
        if tokens:
            statements.append(_joined(tokens))
            tokens.clear()

    place = 0
    for directive in [*_PREPROCESSOR.finditer(code), None]:
        for match in _BRACES.finditer(code, place, directive.start() if directive else len(code)):
            if match.lastgroup == "line" and lines:
                end()
            elif match.lastgroup in ("string", "word", "operator"):
                tokens.append(match.group())
        if directive is not None:
            end()
            statements.append(" ".join(directive.group().partition("//")[0].split()))
            place = directive.end()
    end()
    return "\n".join(statements)


def _lines_form(code: str, comment: str) -> str:
    kept = (line.rstrip() for line in code.splitlines())
    return "\n".join(line for line in kept if line and not line.lstrip().startswith(comment))
