"""What the transports count, in the Prometheus registry of the process (GET /metrics)."""

from __future__ import annotations

from collections import Counter as Tally

from prometheus_client import Counter, Histogram

from memreward_proto.records import RolloutReward, Scored

REQUESTS = Counter(
    "memreward_requests",
    'Requests answered; code is "ok", an error code, or "cancelled" where the caller left.',
    ["transport", "route", "code"],
)
REQUEST_SECONDS = Histogram(
    "memreward_request_seconds",
    "Time from the first byte of a request to its answer; calls that wait for their group are not in it, see "
    "memreward_rendezvous_wait_seconds.",
    ["transport", "route"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
)
ROLLOUTS_SCORED = Counter(
    "memreward_rollouts_scored",
    "Rollouts answered, by status and by source of the reward.",
    ["status", "source"],
)

HELD_ROUTES = frozenset(
    {
        "/v1/rollouts",
        "/memreward.v1.RewardService/SubmitRollout",
        "/verify",
        "/ng-rollout/{gym_rollout_id}/verify",
    }
)
"""Routes whose calls wait for other callers: their times would say nothing about how fast the service is."""


def count_request(transport: str, route: str, code: str, seconds: float) -> None:
    """One answered request."""
    REQUESTS.labels(transport, route, code).inc()
    if route not in HELD_ROUTES:
        REQUEST_SECONDS.labels(transport, route).observe(seconds)


def count_scored(scored: Scored) -> None:
    """The rollouts of one answer; a rollout without a reward has the source "none"."""
    tally = Tally((prediction.status, prediction.source) for group in scored.groups for prediction in group.rollouts)
    for (status, source), rollouts in tally.items():
        ROLLOUTS_SCORED.labels(status, source or "none").inc(rollouts)


def count_reward(reward: RolloutReward) -> None:
    """The answer to a rollout that was sent alone; a retry that is answered again is counted again."""
    ROLLOUTS_SCORED.labels(reward.status, reward.source or "none").inc()
