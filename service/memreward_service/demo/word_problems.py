"""Arithmetic word problems whose true answers are known by construction.

A template (templates.py) is a text with blanks, a draw of the numbers for them, and the chain of steps that
solves it. Divisions come out even and no value is negative: every answer is a whole number. `difficulty` and
`trap` belong to the template: problems that read alike are hard alike and mislead alike, as a memory learns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal

Operation = Literal["+", "-", "*", "/"]
MistakeKind = Literal["forgets_step", "wrong_operation", "slip", "misreads_number", "off_by_one", "copies_number"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing done wrong: its kind, the step (from 0) it happens in, and how far off a slip is."""

    kind: MistakeKind
    step: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """`name = left operation right`; the operands name numbers of the text, earlier steps, or are digits."""

    name: str
    operation: Operation
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class WordProblem:
    """A problem: its text, its numbers by name, the steps to the answer, and how it misleads."""

    text: str
    numbers: Mapping[str, int]
    steps: tuple[Step, ...]
    difficulty: float
    trap: Mistake

    @property
    def answer(self) -> int:
        """The true answer: the value of the last step."""
        values = dict(self.numbers)
        for step in self.steps:
            values[step.name] = calculate(step.operation, operand(values, step.left), operand(values, step.right))
        return values[self.steps[-1].name]


@dataclass(frozen=True, slots=True)
class Template:
    """What the problems of one kind share. `draw` gives the numbers for `text`'s blanks."""

    text: str
    steps: tuple[Step, ...]
    draw: Callable[[Random], dict[str, int]]
    difficulty: float
    trap: Mistake


def calculate(operation: Operation, left: int, right: int) -> int:
    """Whole-number arithmetic; a division that does not come out even is rounded down, by zero gives zero."""
    if operation == "+":
        return left + right
    if operation == "-":
        return left - right
    if operation == "*":
        return left * right
    return left // right if right else 0


def operand(values: Mapping[str, int], name: str) -> int:
    """The value that an operand of a step stands for."""
    return int(name) if name.isdigit() else values[name]


NAMES = (
    "Ada", "Ben", "Clara", "Daniel", "Elif", "Femi", "Grace", "Hugo", "Ines", "Jonas", "Kavya", "Liam", "Mei",
    "Noor", "Oskar", "Priya", "Quinn", "Rosa", "Sam", "Tuva",
)  # fmt: skip
FRUIT = ("apples", "pears", "plums", "lemons", "peaches", "oranges")
GOODS = ("notebooks", "candles", "postcards", "mugs", "scarves", "puzzles")


def draw_problem(random: Random, template: Template) -> WordProblem:
    """A problem from a template, with people, goods and numbers drawn."""
    name, other = random.sample(NAMES, 2)
    numbers = template.draw(random)
    blanks: dict[str, object] = {
        **numbers, "name": name, "other": other, "fruit": random.choice(FRUIT), "goods": random.choice(GOODS)
    }  # fmt: skip
    text = template.text.format(**blanks)
    return WordProblem(text, numbers, template.steps, template.difficulty, template.trap)
