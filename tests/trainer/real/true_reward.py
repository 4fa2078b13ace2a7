"""The reward function of verl's own kind, by the truth: what a validation is measured with."""

from __future__ import annotations

from typing import Any


def compute_score(data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None) -> float:
    """1 where the last word is the sum."""
    return float(solution_str.split()[-1:] == [ground_truth])
