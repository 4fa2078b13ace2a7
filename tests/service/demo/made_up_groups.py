"""Groups of the demo as a test says them, and a client that answers by the labels it is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from memreward_client import Explanation, Prediction, ScoredGroup
from memreward_client.cli.predictions import PredictedGroup
from memreward_client.client import RewardClient
from memreward_client.files.rollouts import FileQuery, FileRollout
from memreward_proto.records import Group, LabelPlan, PlannedLabel, PlanReason, Scored, Source, Status


def query(labels: Sequence[float], keys: Sequence[str]) -> FileQuery:
    """A query whose rollouts say `keys`."""
    rollouts = tuple(FileRollout(key, label) for key, label in zip(keys, labels, strict=True))
    return FileQuery("?", rollouts, ground_truth="7")


def predicted(labels: Sequence[float], keys: Sequence[str], rewards: Sequence[float | None]) -> PredictedGroup:
    """That query with predicted rewards."""
    predictions = tuple(
        Prediction(
            reward, 0.5 if reward is None else 0.1 + 0.8 * reward, Status.ABSTAIN if reward is None else Status.OK,
            None if reward is None else Source.GNN, Explanation(key, key, keys.count(key) / len(keys), 0, 0),
        )
        for key, reward in zip(keys, rewards, strict=True)
    )  # fmt: skip
    return PredictedGroup(query(labels, keys), ScoredGroup("0", predictions, ()), "m", 1)


class LabelClient:
    """Rewards what is labelled right, what says the same, and without labels the most frequent answer; plans an
    unlabelled rollout of each group, those with fewest labels first, while `patience` labels are not known."""

    def __init__(self, patience: int = 1000) -> None:
        self.patience = patience
        self.planned: list[int] = []

    def score(self, groups: Sequence[Group], *, explain: bool = False) -> Scored:
        return Scored("m", 1, tuple(_scored(group) for group in groups))

    def plan_labels(self, groups: Sequence[Group], budget: int) -> LabelPlan:
        known = sum(rollout.label is not None for group in groups for rollout in group.rollouts)
        plan = []
        for group in groups:
            unknown = [index for index, rollout in enumerate(group.rollouts) if rollout.label is None]
            if unknown and known < self.patience:
                plan.append(PlannedLabel(str(group.group_id), unknown[0], PlanReason.MAJORITY, 1.0))
        self.planned.append(budget)
        plan.sort(key=lambda each: each.rollout_index)
        return LabelPlan("m", 1, tuple(plan[:budget]), ())

    def as_client(self) -> RewardClient:
        return cast(RewardClient, cast(Any, self))


def _scored(group: Group) -> ScoredGroup:
    keys = [rollout.response for rollout in group.rollouts]
    labels = {rollout.response: rollout.label for rollout in group.rollouts if rollout.label is not None}
    votes = Counter({key: count for key, count in Counter(keys).items() if labels.get(key) != 0})
    winner = next((key for key, label in labels.items() if label == 1), None) or votes.most_common(1)[0][0]
    predictions = tuple(
        Prediction(
            float(key == winner) if rollout.label is None else rollout.label, 0.5, Status.OK,
            Source.GNN if rollout.label is None else Source.LABEL,
            Explanation(key, key, keys.count(key) / len(keys), 0, 0),
        )
        for key, rollout in zip(keys, group.rollouts, strict=True)
    )  # fmt: skip
    return ScoredGroup(str(group.group_id), predictions, ())
