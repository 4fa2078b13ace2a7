"""Matrices, their sums and products, determinants."""

from __future__ import annotations

import re
from typing import Any

import sympy

from memreward_service.answers.mathematics.speller import Unreadable
from memreward_service.answers.mathematics.splitting import split, split_at
from memreward_service.answers.mathematics.values import Value, expression, scalar

MOST_CELLS = 100

_ENVIRONMENT = re.compile(
    r"[\[(]? ?\\begin ?\{(?P<kind>[pbBvV]?matrix|smallmatrix|array)\} ?(?:\{[lcr| ]*+\})?"
    r"(?P<body>(?:[^\\]|\\(?!begin|end))*+)\\end ?\{(?P=kind)\} ?[\])]?"
)


def matrix(text: str) -> Value | None:
    """The value of an expression of matrices; None where the text has none. Raises Unreadable."""
    if _ENVIRONMENT.search(text) is None:
        return None
    signs = ["+"]

    def separates(token: str, _text: str, _place: int) -> bool:
        if token in ("+", "-"):
            signs.append(token)
        return token in ("+", "-")

    total: Any = None
    for sign, term in zip(signs, split(text, separates), strict=False):
        if term:
            product = _product(term) * (1 if sign == "+" else -1)
            total = product if total is None else total + product
    if not isinstance(total, sympy.MatrixBase):
        return scalar(total)
    cells = tuple(scalar(sympy.expand(cell)) for cell in total)
    rows = [cells[at : at + total.cols] for at in range(0, len(cells), total.cols)]
    key = "[" + "; ".join(", ".join(cell.key for cell in row) for row in rows) + "]"
    return Value("matrix", key, all(cell.decided for cell in cells), cells, extra=f"{total.rows}x{total.cols}")


def _product(term: str) -> Any:
    product: Any = sympy.Integer(1)
    place = 0
    for match in _ENVIRONMENT.finditer(term):
        factor = term[place : match.start()].strip(" *")
        product = product * (expression(factor) if factor else 1) * _table(match["kind"], match["body"])
        place = match.end()
    if term[place:].strip():
        raise Unreadable("what stands behind a matrix is not understood")
    return product


def _table(kind: str, body: str) -> Any:
    rows = [split_at(row, "&") for row in split_at(body, "\\\\") if row]
    if len({len(row) for row in rows}) != 1 or len(rows) * len(rows[0]) > MOST_CELLS:
        raise Unreadable("a table of no rows, or too great")
    table = sympy.ImmutableMatrix([[expression(cell) for cell in row] for row in rows])
    return table.det() if kind == "vmatrix" else table
