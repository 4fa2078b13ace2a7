"""The code in a query: the functions it asks for, and what it gives to write them with."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

_FENCE = re.compile(r"^[ \t]*```[^\n]*\n(.*?)^[ \t]*```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class QueryCode:
    """What a query says in Python; everything is empty where it is prose."""

    given: str = ""
    """Source of the imports and of the functions and classes that the query defines with a body."""
    asked: tuple[ast.FunctionDef, ...] = ()
    """Functions without a body, which the program has to define, in their order."""

    @property
    def asked_names(self) -> tuple[str, ...]:
        """Names of the functions that are asked for."""
        return tuple(function.name for function in self.asked)

    @property
    def entry_point(self) -> str | None:
        """The function that tests call: the last one asked for."""
        return self.asked[-1].name if self.asked else None


def query_code(text: str) -> QueryCode:
    """The code of the query `text`: the whole text, else its last fenced block that is Python."""
    tree = _tree(text)
    for block in reversed(_FENCE.findall(text)) if tree is None else ():
        tree = tree or _tree(block)
    if tree is None:
        return QueryCode()
    given: list[ast.stmt] = []
    asked: list[ast.FunctionDef] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and all(map(_is_empty, node.body)):
            asked.append(node)
        elif isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)):
            given.append(node)
    return QueryCode(ast.unparse(ast.Module(given, [])), tuple(asked))


def _tree(text: str) -> ast.Module | None:
    """`text` as Python with at least one definition in it; a last `def f(x):` may lack its body."""
    for source in (text, text.rstrip() + "\n    pass"):
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if any(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in tree.body):
            return tree
    return None


def _is_empty(node: ast.stmt) -> bool:
    if isinstance(node, (ast.Pass, ast.Import, ast.ImportFrom)):
        return True
    if isinstance(node, ast.Raise):
        return "NotImplementedError" in ast.unparse(node)
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
