"""Labels spent against rewards right: by chance with and without MemReward, and where its planner asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from rich.table import Table

from memreward_client.cli.predictions import PredictedGroup
from memreward_client.cli.progress import track
from memreward_client.client import RewardClient
from memreward_client.files.convert import group_of
from memreward_client.files.rollouts import FileQuery
from memreward_service.demo.figures import Known, majority_right, score_with, share_right, with_labels

BUDGETS = (0.0, 0.02, 0.05, 0.10, 0.15, 0.20)
"""Shares of the rollouts whose labels are paid for."""
ROUND = 24
"""Labels that one request asks for: those of one training step, say."""
BAR_FROM = 0.7
BAR_WIDTH = 14


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """`budget` and `spent`: shares of the rollouts, `spent` by the planner, which may stop before. The others: shares
    of the rewards that are right."""

    budget: float
    spent: float
    majority: float
    chance: float
    planner: float


def random_labels(queries: Sequence[FileQuery], seed: int) -> list[tuple[int, int]]:
    """All rollouts in random order: a budget pays for the first ones."""
    places = [(place, index) for place, query in enumerate(queries) for index in range(len(query.rollouts))]
    Random(seed).shuffle(places)
    return places


def chance_groups(
    client: RewardClient, queries: Sequence[FileQuery], order: Sequence[tuple[int, int]]
) -> list[list[PredictedGroup]]:
    """By budget: the rewards when the first of `order` are labelled."""
    scored = []
    with track("labels by chance", len(BUDGETS), "budgets") as progress:
        for done, budget in enumerate(BUDGETS, start=1):
            scored.append(score_with(client, queries, frozenset(order[: round(budget * len(order))])))
            progress.reached(done)
    return scored


def planned_labels(client: RewardClient, queries: Sequence[FileQuery], labels: int) -> list[Known]:
    """What is known by budget, each going on from the one before, when POST /v1/label-plan says what to verify.

    `labels`: how many rollouts there are. The planner stops where it expects no label to change a reward.
    """
    known: Known = frozenset()
    by_budget = []
    with track("labels by the planner", round(BUDGETS[-1] * labels), "labels") as progress:
        for budget in BUDGETS:
            while wanted := round(budget * labels) - len(known):
                more = next_labels(client, queries, known, min(ROUND, wanted))
                if not more:
                    break
                known |= more
                progress.reached(len(known))
            by_budget.append(known)
    return by_budget


def next_labels(client: RewardClient, queries: Sequence[FileQuery], known: Known, labels: int) -> Known:
    """The labels that the service asks for next, once the `known` ones are there."""
    asked = [group_of(query, str(place), with_labels=True) for place, query in enumerate(with_labels(queries, known))]
    plan = client.plan_labels(asked, labels).plan
    return frozenset((int(each.group_id), each.rollout_index) for each in plan)


def curve(
    unlabelled: Sequence[PredictedGroup],
    order: Sequence[tuple[int, int]],
    chance: Sequence[Sequence[PredictedGroup]],
    planned: Sequence[tuple[Known, Sequence[PredictedGroup]]],
) -> list[CurvePoint]:
    """A point for every budget. `unlabelled`: the groups with explanations, which know the answers."""
    return [
        CurvePoint(
            budget,
            len(known) / len(order),
            majority_right(unlabelled, frozenset(order[: round(budget * len(order))])),
            share_right(by_chance),
            share_right(by_plan),
        )
        for budget, by_chance, (known, by_plan) in zip(BUDGETS, chance, planned, strict=True)
    ]


def curve_table(points: Sequence[CurvePoint]) -> Table:
    """Rewards right by budget, a bar for the planner."""
    table = Table(
        "labels", "majority, by chance", "MemReward, by chance", "MemReward, planner",
        f"{BAR_FROM:.0%} to 100%",
    )  # fmt: skip
    for column in table.columns[:4]:
        column.justify = "right"
    for point in points:
        shares = (f"{share:.1%}" for share in (point.majority, point.chance, point.planner))
        table.add_row(f"{point.budget:.0%}", *shares, bar(point.planner))
    last = points[-1]
    if last.spent < last.budget - 0.005:
        table.caption = f"The planner stopped at {last.spent:.1%}: it expected no further label to change a reward."
    return table


def bar(share: float) -> str:
    """A bar that is empty at BAR_FROM and full at 1."""
    full = round(BAR_WIDTH * max(0.0, share - BAR_FROM) / (1 - BAR_FROM))
    return "█" * full + "·" * (BAR_WIDTH - full)
