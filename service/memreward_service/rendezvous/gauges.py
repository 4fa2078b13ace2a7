"""What the rendezvous counts, in the Prometheus registry of the process (GET /metrics)."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from memreward_service.rendezvous.protocol import Usage

GROUPS = Gauge(
    "memreward_rendezvous_groups",
    "Groups held; the answers of finished ones are kept for retries. In Redis: those of all replicas, as last seen.",
    ["state"],
)
ROLLOUTS = Gauge("memreward_rendezvous_rollouts", "Rollouts held, in groups of either state.")
BYTES = Gauge("memreward_rendezvous_bytes", "What the groups hold, with an overhead for each rollout.")
WAITING = Gauge("memreward_rendezvous_calls_waiting", "Calls that wait for their group now.")
SCORED = Counter(
    "memreward_rendezvous_groups_scored",
    "Groups scored: complete, partial at a deadline, or late for a rollout that came after that.",
    ["kind"],
)
ASKED = Counter("memreward_rendezvous_labels_requested", "Labels asked for, by the planner's reason.", ["reason"])
FAILED = Counter("memreward_rendezvous_scoring_failures", "Groups that could not be scored; the next call tries again.")
TIMEOUTS = Counter("memreward_rendezvous_timeouts", "Calls answered timeout.")
JOINED = Counter("memreward_rendezvous_retries_joined", "Calls for a rollout that was there before, or had its answer.")
FREED = Counter("memreward_rendezvous_groups_freed", "Groups freed, because nobody called or room was needed.")
WAIT_SECONDS = Histogram(
    "memreward_rendezvous_wait_seconds",
    "Time from the arrival of a call to its end, whatever that was.",
    buckets=(0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600),
)


def show(usage: Usage) -> None:
    """Set the gauges of what is held."""
    GROUPS.labels("open").set(usage.open_groups)
    GROUPS.labels("finished").set(usage.finished_groups)
    ROLLOUTS.set(usage.rollouts)
    BYTES.set(usage.bytes)
