r"""What it costs to read the answers of a request: the demo's word problems, and a share of answers in LaTeX.

A quarter of the groups end in expressions (`\boxed{\frac{3}{8}}`), which other processes read, each value in several
spellings as models write them. Cold: texts and expressions that were never read; the processes run already.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from memreward_proto.records import Domain, Query, Rollout
from memreward_service.answers import math_values
from memreward_service.answers.reading import read_groups
from memreward_service.demo.rollouts import draw_rollouts
from memreward_trainer.bench.timing import Timing

GROUPS = 128
ROLLOUTS = 8
LATEX_SHARE = 4
"""One group of so many ends in LaTeX."""
SPELLINGS = (
    (r"\frac{%d}{%d}", r"\dfrac{%d}{%d}", "%d/%d"),
    (r"%d\sqrt{%d}", r"%d \cdot \sqrt{%d}", r"%d√%d"),
    ("x^2 + %dx - %d", "%dx + x^{2} - %d", "%dx - %d + x^2"),
    ("[%d, %d)", r"\left[ %d, %d \right)", "[%d,%d)"),
    (r"\frac{%d \pi}{%d}", r"%d\pi / %d", r"\tfrac{%d}{%d}\pi"),
)
"""Of each kind of expression, three ways of writing it with two numbers."""

Group = tuple[Query, Sequence[Rollout]]


def answer_timings(repeats: int) -> list[Timing]:
    """The answers of 1,024 rollouts read, warm and cold."""
    math_values.start()
    read_groups(_drawn(0))
    cold = [_milliseconds(_drawn(seed)) for seed in range(1, 1 + max(1, repeats // 5))]
    same = _drawn(0)
    read_groups(same)
    warm = [_milliseconds(same) for _ in range(repeats)]
    size = f"{GROUPS} x {ROLLOUTS}"
    return [
        Timing(f"answers read, warm, {size}", 0, tuple(warm)),
        Timing(f"answers read, cold (new texts), {size}", 0, tuple(cold)),
    ]


def _milliseconds(groups: Sequence[Group]) -> float:
    began = time.perf_counter()
    read_groups(groups)
    return 1000 * (time.perf_counter() - began)


def _drawn(seed: int) -> list[Group]:
    random = Random(seed)
    drawn: list[Group] = []
    for place, line in enumerate(draw_rollouts(seed, GROUPS)):
        rollouts = [Rollout(each.response) for each in line.rollouts[:ROLLOUTS]]
        if place % LATEX_SHARE == 0:
            rollouts = _in_latex(rollouts, random)
        drawn.append((Query(line.query, f"{seed}-{place}", Domain.MATH), rollouts))
    return drawn


def _in_latex(rollouts: Sequence[Rollout], random: Random) -> list[Rollout]:
    """The same work with one of three expressions at its end, in one of its spellings."""
    values = [(random.choice(SPELLINGS), random.randint(2, 400), random.randint(401, 999)) for _ in range(3)]
    ended = []
    for rollout in rollouts:
        spellings, first, second = random.choice(values)
        said = random.choice(spellings) % (first, second)
        ended.append(replace(rollout, response=f"{rollout.response}\nIn closed form it is $\\boxed{{{said}}}$."))
    return ended
