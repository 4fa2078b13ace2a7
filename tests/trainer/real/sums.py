"""The task of the real training runs: sums of two small numbers, some of them known to the memory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate
from random import Random

LARGEST = 15
"""Of the two numbers that are added."""
DATASET = "sums"


@dataclass(frozen=True, order=True)
class Sum:
    """One query: what `left` and `right` make together."""

    left: int
    right: int

    @property
    def text(self) -> str:
        return f"What is {self.left} + {self.right}?"

    @property
    def answer(self) -> int:
        return self.left + self.right

    @property
    def messages(self) -> list[dict[str, str]]:
        """The chat prompt that trainers send."""
        return [{"role": "user", "content": self.text}]

    @property
    def worked_out(self) -> str:
        """The response of who calculates."""
        return f"{self.left} + {self.right} = {self.answer}"

    def guess(self, random: Random) -> str:
        """The response of who does not: seldom right."""
        return f"maybe {random.randint(2, 2 * LARGEST)}"

    def label(self, response: str) -> float:
        """The true reward of `response`: whether its last word is the sum."""
        return float(response.split()[-1:] == [str(self.answer)])


def all_sums() -> list[Sum]:
    """Every sum of the task, in order."""
    return [Sum(left, right) for left in range(1, LARGEST + 1) for right in range(1, LARGEST + 1)]


def drawn_sums(seed: int, *sizes: int) -> list[list[Sum]]:
    """So many sums in each list, none of them twice; the same for the same seed."""
    drawn = Random(seed).sample(all_sums(), sum(sizes))
    return [drawn[end - size : end] for size, end in zip(sizes, accumulate(sizes), strict=True)]


def parse_sum(text: str) -> Sum:
    """The sum that `text` asks for, wherever in it."""
    found = re.search(r"What is (\d+) \+ (\d+) ?\?", text)
    assert found, text
    return Sum(int(found[1]), int(found[2]))
