"""The code in a query: the functions it asks for, and what it gives to write them with."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from memreward_service.answers.programs import blocks

_HEAD = re.compile(r"^(?:class|def|from|import) ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class QueryCode:
    """What a query says in Python; everything is empty where it is prose."""

    given: str = ""
    """Source of the imports and of the functions and classes that the query defines with a body."""
    asked: tuple[ast.FunctionDef, ...] = ()
    """Functions without a body, which the program has to define, in their order; methods have their `self`."""
    owner: str = ""
    """The class whose methods are asked for; empty where they are functions."""

    @property
    def asked_names(self) -> tuple[str, ...]:
        """Names of the functions that are asked for, and of their class."""
        return (*((self.owner,) if self.owner else ()), *(function.name for function in self.asked))

    @property
    def entry_point(self) -> str | None:
        """The function that tests call: the last one asked for."""
        return self.asked[-1].name if self.asked else None

    @property
    def call(self) -> str | None:
        """The entry point as a sandbox calls it: `f`, or `Solution().f`."""
        return f"{self.owner}().{self.entry_point}" if self.owner else self.entry_point


def query_code(text: str) -> QueryCode:
    """The code of the query `text`: the whole text, else its last fenced block that is Python, else what follows the
    first line that begins a definition."""
    tree = _tree(text)
    for block in reversed(blocks(text)) if tree is None else ():
        tree = tree or _tree(block.code)
    if tree is None and (head := _HEAD.search(text)) is not None:
        tree = _tree(text[head.start() :])
    if tree is None:
        return QueryCode()
    given: list[ast.stmt] = []
    asked: list[ast.FunctionDef] = []
    owner = ""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and all(map(_is_empty, node.body)):
            asked.append(node)
        elif isinstance(node, ast.ClassDef) and (methods := _empty_methods(node)):
            asked, owner = methods, node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)):
            given.append(node)
    return QueryCode(ast.unparse(ast.Module(given, [])), tuple(asked), owner)


def _tree(text: str) -> ast.Module | None:
    """`text` as Python with at least one definition in it; a last `def f(x):` may lack its body."""
    for source in (text, text.rstrip() + "\n    pass", text.rstrip() + "\n        pass"):
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if any(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in tree.body):
            return tree
    return None


def _empty_methods(node: ast.ClassDef) -> list[ast.FunctionDef]:
    """The methods of a class of which no method has a body."""
    methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
    return methods if all(all(map(_is_empty, method.body)) for method in methods) else []


def _is_empty(node: ast.stmt) -> bool:
    if isinstance(node, (ast.Pass, ast.Import, ast.ImportFrom)):
        return True
    if isinstance(node, ast.Raise):
        return "NotImplementedError" in ast.unparse(node)
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
