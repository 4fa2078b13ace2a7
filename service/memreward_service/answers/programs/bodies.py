"""A program that is answered as the body of a function alone: it is joined to the signature in its query.

Only Python that parses as one function with a `return` or `yield` of its own is joined. The first line may have lost
its indentation, and what stands behind the body at the margin (helpers, a call) stays outside of the function.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from memreward_service.answers.programs.fences import Block, dedented
from memreward_service.answers.programs.unfenced import code_like

LONGEST = 8_000
"""Characters of a query, or of a body, beyond which nothing is joined."""
MOST_CUTS = 6
"""Paragraphs that are taken away from the end of a text, where prose follows the body."""
STEP = "    "

_RETURNS = re.compile(r"^[ \t]*+(?:return|yield)\b", re.MULTILINE)
_HEADS = re.compile(r"^[ \t]*+(?:async[ \t]++)?(?:def|class)\b", re.MULTILINE)
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def is_body(source: str) -> bool:
    """Whether `source` is a body without its function: it returns before it defines anything."""
    returns, head = _RETURNS.search(source), _HEADS.search(source)
    return returns is not None and (head is None or returns.start() < head.start())


def joined(candidates: Sequence[Block], query_text: str) -> tuple[Block, str] | None:
    """The last candidate that is the body of the function which the query leaves open, and the whole program."""
    if len(query_text) > LONGEST or (opened := _open_function(query_text)) is None:
        return None
    for block in reversed(candidates):
        if block.language in ("", "python") and len(block.code) <= LONGEST and _RETURNS.search(block.code):
            for body in _shapes(block.code.expandtabs(4).strip("\n"), opened[1]):
                if (source := _whole(*opened, body)) is not None:
                    return block, source
    return None


@lru_cache(maxsize=512)
def _open_function(query_text: str) -> tuple[str, str] | None:
    """The query up to the end of its last signature and docstring, and the indentation of the body that is missing."""
    for ending in ("", f"\n{STEP}pass", f"\n{STEP}{STEP}pass"):
        source = query_text.rstrip() + ending
        tree = _parsed(source)
        last = tree.body[-1] if tree is not None and tree.body else None
        if isinstance(last, ast.ClassDef):
            last = last.body[-1]
        if not isinstance(last, ast.FunctionDef) or not all(map(_says_nothing, last.body)):
            continue
        first = last.body[0]
        lines = source.split("\n")
        if first.lineno == last.lineno:
            return None
        has_text = ast.get_docstring(last) is not None
        head = lines[: first.end_lineno if has_text else first.lineno - 1]
        return "\n".join(head), " " * first.col_offset
    return None


def _says_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.Raise):
        return "NotImplementedError" in ast.unparse(node)
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _shapes(code: str, margin: str) -> Iterator[str]:
    """Ways to indent a body by `margin`: as a whole, under a first line that lost its indentation, as it stands.

    Paragraphs of prose at its end are left out one after another; code is never cut off.
    """
    paragraphs = code.split("\n\n")
    for _ in range(MOST_CUTS):
        lines = "\n\n".join(paragraphs).split("\n")
        yield _indented(lines, margin)
        rest = [len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()]
        if not lines[0].startswith(" ") and (inner := min(filter(None, rest), default=0)):
            lines = [" " * inner + lines[0], *lines[1:]]
            yield _indented(lines, margin)
        yield "\n".join(lines)
        if code_like(paragraphs.pop()) or not paragraphs:
            return


def _indented(lines: list[str], margin: str) -> str:
    return "\n".join(margin + line if line.strip() else "" for line in dedented(lines).split("\n"))


def _whole(head: str, margin: str, body: str) -> str | None:
    """The head with the body; None where that is no function that returns something."""
    source = f"{head}\n{body}\n"
    function = _function(_parsed(source), head)
    if function is None or not _returns(function):
        return None
    ended = next((place for place, node in enumerate(function.body) if isinstance(node, ast.Return)), None)
    behind = function.body[ended + 1 :] if ended is not None else []
    if not behind:
        return source
    # What follows a `return` is never run: these are helpers that stand at the margin.
    if margin != STEP:
        return None
    start = min([behind[0].lineno, *(one.lineno for one in getattr(behind[0], "decorator_list", []))]) - 1
    lines = source.split("\n")
    moved = "\n".join([*lines[:start], *(line.removeprefix(margin) for line in lines[start:])])
    return moved if _parsed(moved) is not None else None


def _function(tree: ast.Module | None, head: str) -> ast.FunctionDef | None:
    """The function in which the head ends."""
    if tree is None:
        return None
    end = head.count("\n") + 1
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.lineno <= end]
    return max(found, key=lambda node: node.lineno, default=None)


def _returns(function: ast.FunctionDef) -> bool:
    """Whether a function returns or yields something itself, not only a function inside of it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Return, ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, _NESTED):
            waiting.extend(ast.iter_child_nodes(node))
    return False


def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
