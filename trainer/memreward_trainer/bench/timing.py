"""One row of a table of timings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of repeated calls of one kind, which score `rollouts` rollouts each; 0 where they do other work."""

    name: str
    rollouts: int
    milliseconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """p50 in ms."""
        return float(np.median(self.milliseconds))

    @property
    def p95(self) -> float:
        """p95 in ms."""
        return float(np.quantile(self.milliseconds, 0.95))
