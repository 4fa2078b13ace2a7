"""Counts groups that teach GRPO nothing, in the Prometheus registry of the process (GET /metrics)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client import Counter

from memreward_proto.records import Prediction
from memreward_service.groups.advantage import are_equal

GROUPS = Counter(
    "memreward_groups_answered",
    "Groups answered with two rewards or more; one that a late rollout joins is answered, and counted, again.",
)
EQUAL = Counter(
    "memreward_groups_without_gradient",
    "Of memreward_groups_answered, those whose rewards are all equal: GRPO learns nothing from them.",
)


def count_gradients(groups: Iterable[Sequence[Prediction]]) -> None:
    """The predictions of answered groups. What has no reward takes no part in the comparison."""
    for predictions in groups:
        rewards = [prediction.reward for prediction in predictions if prediction.reward is not None]
        if len(rewards) > 1:
            GROUPS.inc()
            EQUAL.inc(are_equal(rewards))
