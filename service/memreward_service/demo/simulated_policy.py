"""A policy that writes worked solutions and errs like a person, with a given skill.

P(right) = sigmoid(skill - difficulty of the problem). A wrong rollout walks into the problem's trap, as
others do, or makes a mistake of its own; a few make two. The writing style leans on skill a little.
Everything is drawn from the Random that is passed in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, get_args

from memreward_service.demo.word_problems import Mistake, MistakeKind, Operation, Step, WordProblem, calculate, operand

Style = Literal["numbered", "prose", "latex", "terse"]

WRONG_OPERATION: dict[Operation, Operation] = {"+": "-", "-": "+", "*": "+", "/": "*"}


@dataclass(frozen=True, slots=True)
class SimulatedPolicy:
    """`skill` in logits, `trapped`: chance that a wrong rollout falls for the trap, `styles`: weights."""

    name: str
    skill: float
    trapped: float
    styles: dict[Style, float]

    def respond(self, problem: WordProblem, hardness: float, random: Random) -> tuple[str, int]:
        """A worked solution and its final answer; `hardness` (logits) adds to the template's difficulty."""
        chance = 1 / (1 + math.exp(problem.difficulty + hardness - self.skill))
        mistakes: list[Mistake] = []
        if random.random() >= chance:
            mistakes.append(problem.trap if random.random() < self.trapped else draw_mistake(problem, random))
            if random.random() < 0.15:
                mistakes.append(draw_mistake(problem, random))
        lines = work(problem, mistakes)
        style = random.choices(list(self.styles), list(self.styles.values()))[0]
        return WRITERS[style](lines, random), lines[-1].value


POLICIES: tuple[SimulatedPolicy, ...] = (
    SimulatedPolicy("sim-large", 1.45, 0.80, {"latex": 4, "numbered": 3, "prose": 2, "terse": 1}),
    SimulatedPolicy("sim-medium", 0.95, 0.75, {"latex": 2, "numbered": 3, "prose": 3, "terse": 1}),
    SimulatedPolicy("sim-small", 0.5, 0.70, {"latex": 1, "numbered": 3, "prose": 3, "terse": 3}),
    SimulatedPolicy("sim-tiny", 0.0, 0.55, {"latex": 1, "numbered": 2, "prose": 3, "terse": 4}),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One worked line: `name: left operation right = value`, as the policy believes it."""

    name: str
    operation: Operation
    left: int
    right: int
    value: int


def draw_mistake(problem: WordProblem, random: Random) -> Mistake:
    """Any mistake at any step; offsets are those of human slips: one, two, ten."""
    kind: MistakeKind = random.choice(get_args(MistakeKind))
    return Mistake(kind, random.randrange(len(problem.steps)), random.choice((-10, -2, -1, 1, 2, 10)))


def work(problem: WordProblem, mistakes: Sequence[Mistake]) -> list[Line]:
    """The lines of a solution in which `mistakes` happen; without any, the last value is the true answer."""
    values = dict(problem.numbers)
    lines: list[Line] = []
    for position, step in enumerate(problem.steps):
        here = [mistake for mistake in mistakes if mistake.step == position]
        last_chance = not lines and position + 1 == len(problem.steps)
        if not last_chance and any(mistake.kind == "forgets_step" for mistake in here):
            values[step.name] = _value_before(problem, values, step)
            continue
        line = _worked_line(problem, values, step, here)
        values[step.name] = line.value
        lines.append(line)
    return lines


def _value_before(problem: WordProblem, values: dict[str, int], step: Step) -> int:
    """What a forgotten step leaves in its place: the earlier result it builds on, else its left number."""
    earlier = [name for name in (step.left, step.right) if name in values and name not in problem.numbers]
    return values[earlier[-1]] if earlier else operand(values, step.left)


def _worked_line(problem: WordProblem, values: dict[str, int], step: Step, mistakes: Sequence[Mistake]) -> Line:
    left, right, operation = operand(values, step.left), operand(values, step.right), step.operation
    kinds = {mistake.kind: mistake.offset for mistake in mistakes}
    if "misreads_number" in kinds:
        right = _misread(right)
    if "wrong_operation" in kinds:
        operation = WRONG_OPERATION[operation]
    value = calculate(operation, left, right)
    if "slip" in kinds:
        value += kinds["slip"]
    if "off_by_one" in kinds:
        value += 1 if kinds["off_by_one"] > 0 else -1
    if "copies_number" in kinds:
        value = list(problem.numbers.values())[kinds["copies_number"] % len(problem.numbers)]
    return Line(step.name, operation, left, right, value)


def _misread(number: int) -> int:
    """Two digits change places; where that changes nothing, one more is read."""
    digits = str(number)
    swapped = int(digits[:-2] + digits[-1] + digits[-2]) if len(digits) > 1 else number
    return swapped if swapped not in (number, 0) else number + 1


def _numbered(lines: Sequence[Line], random: Random) -> str:
    opening = random.choice(("Let me work step by step.", "Step by step:", "We go through it in order."))
    body = [
        f"{position}. {line.name.capitalize()}: {line.left} {line.operation} {line.right} = {line.value}"
        for position, line in enumerate(lines, start=1)
    ]
    return "\n".join([opening, *body, f"#### {lines[-1].value}"])


def _prose(lines: Sequence[Line], random: Random) -> str:
    words = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}
    link = random.choice(("That gives", "So we get", "This makes"))
    body = [
        f"For {line.name} we take {line.left} {words[line.operation]} {line.right}. {link} {line.value}."
        for line in lines
    ]
    return " ".join([*body, f"The answer is {lines[-1].value}."])


def _latex(lines: Sequence[Line], random: Random) -> str:
    opening = random.choice(("We compute each quantity in turn.", "First we set up the quantities."))
    symbols = {"+": "+", "-": "-", "*": r"\times", "/": r"\div"}
    body = [
        rf"\[ \text{{{line.name}}} = {line.left} {symbols[line.operation]} {line.right} = {line.value} \]"
        for line in lines
    ]
    return "\n".join([opening, *body, rf"Therefore the answer is \boxed{{{lines[-1].value}}}."])


def _terse(lines: Sequence[Line], random: Random) -> str:
    separator = random.choice(("; ", ", then ", " -> "))
    body = separator.join(f"{line.left}{line.operation}{line.right}={line.value}" for line in lines)
    return f"{body}\nA: {lines[-1].value}"


WRITERS: dict[Style, Callable[[Sequence[Line], Random], str]] = {
    "numbered": _numbered,
    "prose": _prose,
    "latex": _latex,
    "terse": _terse,
}
