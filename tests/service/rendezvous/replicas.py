"""Replicas of a rendezvous over one durable place, with a scorer whose answers tell what was scored when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from prometheus_client import REGISTRY

from memreward_proto.records import (
    Domain,
    Group,
    GroupKey,
    LabelBudget,
    LabelCharge,
    PlannedLabel,
    PlanReason,
    Prediction,
    Query,
    Rollout,
    RolloutReward,
    Scored,
    ScoredGroup,
    Source,
    Status,
    Submission,
)  # fmt: skip
from memreward_service.rendezvous import Claim, MeetingPlace, ProcessStorage, RedisStorage, Rendezvous
from memreward_service.rendezvous.place import Storage
from memreward_service.store import ExperienceStore

MANY_BYTES = 2**30
PATIENT = 20.0
"""A deadline that no test reaches."""


@dataclass
class FakeScorer:
    """Notes the groups; a later scoring has a higher memory version. Waits for `gate`, fails with `failures`.

    Where somebody pays it wants the labels of the rollouts `wanted`, one after the other.
    """

    groups: list[Group] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    gate: asyncio.Event | None = None
    embedded: list[Rollout] = field(default_factory=list)
    entered: int = 0
    occasions: list[tuple[GroupKey, int | None]] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)
    charges: list[LabelCharge | None] = field(default_factory=list)

    async def score(self, claim: Claim, group: Group, charge: LabelCharge | None) -> tuple[Scored, PlannedLabel | None]:
        self.entered += 1
        self.occasions.append((claim.key, claim.step))
        self.charges.append(charge)
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            raise self.failures.pop()
        self.groups.append(group)
        scored = Scored("m-1", len(self.groups), (ScoredGroup("", tuple(map(predicted, group.rollouts)), ()),))
        open_ones = [i for i in self.wanted if i not in claim.unlabelled and group.rollouts[i].label is None]
        if charge is None or not open_ones:
            return scored, None
        return scored, PlannedLabel(group.group_id, open_ones[0], PlanReason.MAJORITY, 0.5)

    async def embed(self, query: Query, rollout: Rollout) -> None:
        self.embedded.append(rollout)
        raise RuntimeError("nobody should hear of this")

    @property
    def responses(self) -> list[list[str]]:
        """The responses of each scored group."""
        return [[rollout.response for rollout in group.rollouts] for group in self.groups]


def predicted(rollout: Rollout) -> Prediction:
    if rollout.label is not None:
        return Prediction(rollout.label, rollout.label, Status.OK, Source.LABEL)
    if rollout.response == "unsure":
        return Prediction(None, 0.5, Status.ABSTAIN, None)
    return Prediction(1.0, 0.1 + len(rollout.response) / 100, Status.OK, Source.GNN)


class Replicas:
    """`async with start(...)`: one more replica; `place` is its meeting place."""

    def __init__(self, store: ExperienceStore | None, redis_url: str | None, poll_seconds: float = 0.2) -> None:
        self.make_storage: Callable[[float], Storage] = (
            partial(ProcessStorage, store) if store is not None else lambda _: RedisStorage(redis_url or "")
        )
        self.poll_seconds = poll_seconds
        self.place: MeetingPlace

    @asynccontextmanager
    async def start(
        self, scorer: FakeScorer, keep_seconds: float = 60.0, max_bytes: int = MANY_BYTES
    ) -> AsyncIterator[Rendezvous]:
        storage = self.make_storage(keep_seconds)
        self.place = MeetingPlace(storage, keep_seconds, max_bytes, self.poll_seconds, claim_seconds=0.3)
        rendezvous = Rendezvous(self.place, scorer.score, scorer.embed, max_bytes)
        await rendezvous.open()
        try:
            yield rendezvous
        finally:
            await rendezvous.close()


def rollout_of(
    index: int, response: str | None = None, *, size: int = 3, group: str = "g", attempt: int = 0, query: str = "2+2?",
    deadline: float = PATIENT, partial: bool = False, label: float | None = None, budget: LabelBudget | None = None,
) -> Submission:  # fmt: skip
    rollout = Rollout(f"response {index}" if response is None else response, label=label)
    asked = Query(query, f"id of {query}", Domain.MATH)
    return Submission(
        "run", group, index, size, asked, rollout, attempt, None, budget, None, round(1000 * deadline), partial
    )


def send(rendezvous: Rendezvous, *submissions: Submission) -> list[asyncio.Task[RolloutReward]]:
    """Calls on their way."""
    return [asyncio.create_task(rendezvous.submit(submission)) for submission in submissions]


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"memreward_rendezvous_{name}", labels) or 0.0
