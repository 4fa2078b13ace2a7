"""Groups of six rollouts with three answers, made up as they would be answered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from memreward_proto.records import Domain, Group, Query, Rollout
from memreward_service.belief.posterior import GroupBelief
from memreward_service.trust.window import AnsweredGroup, Drawn, answered_group

KEYS = ["7", "7", "7", "8", "8", "9"]
Labels = Sequence[float | None]
NONE: list[float | None] = [None] * 6


def group_of(number: int, labels: Labels, blank: int | None = None, domain: Domain = Domain.MATH) -> Group:
    texts = ["" if index == blank else f"So {key}, {index}." for index, key in enumerate(KEYS)]
    rollouts = tuple(Rollout(text, label=label) for text, label in zip(texts, labels, strict=True))
    return Group(Query(f"{number}?", f"q{number}", domain), rollouts, str(number))


class World:
    """Groups that are right as the network says, but for a slope and an intercept that it does not know."""

    def __init__(self, size: int, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        logits = random.normal(0.0, 2.0, size=(size, 3)) - [0.0, 1.0, 2.0]
        self.beliefs, self.truth = [], []
        for of_key in logits:
            said = dict(zip("789", 1 / (1 + np.exp(-of_key)), strict=True))
            self.beliefs.append(GroupBelief([said[key] for key in KEYS], KEYS))
            odds = np.exp([*(0.7 * of_key + 0.5), 0.0])
            right = random.choice(["7", "8", "9", "none"], p=odds / odds.sum())
            self.truth.append([float(key == right) for key in KEYS])

    def groups(
        self, known: Sequence[Sequence[bool]], audits: Sequence[Drawn | None] | None = None
    ) -> list[AnsweredGroup]:
        return [
            answered_group(
                group_of(number, [label if seen else None for label, seen in zip(labels, row, strict=True)]),
                belief,
                audit=audits and audits[number],
            )
            for number, (belief, labels, row) in enumerate(zip(self.beliefs, self.truth, known, strict=True))
        ]

    def truth_of(self, groups: Sequence[AnsweredGroup]) -> np.ndarray:
        return np.array([labels[i] for labels, group in zip(self.truth, groups, strict=True) for i in group.predicted])
