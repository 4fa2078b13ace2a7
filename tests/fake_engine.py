"""An engine of made-up but fixed answers, with the methods of engine/engine.py, to test transports with."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from memreward_service.errors import Conflict, NotFound
from memreward_service.records import (
    Experience,
    ExperienceReceipt,
    Group,
    JobStatus,
    Label,
    LabelReceipt,
    MemoryStatus,
    ModelInfo,
    Neighbor,
    Prediction,
    Rollout,
    RolloutExplanation,
    Scored,
    ScoredGroup,
    Source,
    Status,
    StoreCounts,
    TrainingJob,
    TrainingOptions,
)  # fmt: skip

MODELS = (
    ModelInfo("m-2", "2026-01-02T03:04:05+00:00", True, 9, 40, 77, {"auc": 0.9375, "false_positive_rate": 0.125}),
    ModelInfo("m-1", "2026-01-01T03:04:05+00:00", False, 4, 20, 33, {}),
)
FAILED_JOB = TrainingJob("job-failed", JobStatus.FAILED, 0.5, {}, None, ("not_enough_labels", "Add 12 labels."))


class FakeEngine:
    """Keeps what it was given in `experience`, `labels` and `scored`; fails where `failures` names a method.

    `score` waits for `gate` where there is one; `entered` and `left` count its calls that began and were
    cancelled.
    """

    def __init__(self) -> None:
        self.experience: dict[str, Experience] = {}
        self.labels: list[Label] = []
        self.scored: list[tuple[Group, ...]] = []
        self.failures: dict[str, Exception] = {}
        self.not_ready: str | None = None
        self.gate: asyncio.Event | None = None
        self.entered = threading.Semaphore(0)
        self.left = threading.Semaphore(0)
        self.life: list[str] = []
        self.job = TrainingJob("job-1", JobStatus.RUNNING, 0.25, {"loss": 0.5})

    def _may_fail(self, method: str) -> None:
        if method in self.failures:
            raise self.failures[method]

    async def start(self) -> None:
        self.life.append("start")

    async def stop(self) -> None:
        self.life.append("stop")

    async def score(self, groups: Sequence[Group], explain: bool = False) -> Scored:
        self._may_fail("score")
        self.entered.release()
        if self.gate is not None:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.left.release()
                raise
        self.scored.append(tuple(groups))
        return Scored("m-2", 9, tuple(_scored(group, explain) for group in groups))

    async def add_experience(self, queries: Sequence[Experience]) -> ExperienceReceipt:
        self._may_fail("add_experience")
        new = [each for each in queries if each.query.id not in self.experience]
        self.experience.update((each.query.id, each) for each in queries)
        return ExperienceReceipt(
            version=len(self.experience),
            queries_added=len(new),
            rollouts_added=sum(len(each.rollouts) for each in new),
            labels_changed=sum(stored.rollout.label is not None for each in new for stored in each.rollouts),
            query_ids=tuple(each.query.id for each in queries),
            rollout_ids=tuple(tuple(stored.id for stored in each.rollouts) for each in queries),
        )

    async def add_labels(self, labels: Sequence[Label]) -> LabelReceipt:
        self._may_fail("add_labels")
        known = {stored.id for each in self.experience.values() for stored in each.rollouts}
        for label in labels:
            if label.rollout_id not in known:
                raise NotFound(f"There is no rollout {label.rollout_id}.", rollout_id=label.rollout_id)
        self.labels.extend(labels)
        return LabelReceipt(version=100 + len(self.labels), labels_changed=len(labels))

    async def list_experience(self, after: str | None, limit: int) -> Sequence[Experience]:
        ids = sorted(each for each in self.experience if after is None or each > after)
        return [self.experience[each] for each in ids[:limit]]

    async def query(self, query_id: str) -> Experience:
        if query_id not in self.experience:
            raise NotFound(f"There is no query {query_id}.", id=query_id)
        return self.experience[query_id]

    async def similar_queries(self, text: str, k: int) -> Sequence[Neighbor]:
        return _neighbors(text)[:k]

    def memory_status(self) -> MemoryStatus:
        self._may_fail("memory_status")
        return MemoryStatus(9, 3, StoreCounts(11, 4, 16, 5), True)

    def start_training(self, options: TrainingOptions) -> TrainingJob:
        self._may_fail("start_training")
        if options.seeds == 7:
            raise Conflict("A training job is running: wait for job-1.", job_id="job-1")
        return TrainingJob("job-1", JobStatus.QUEUED, 0.0, {"seeds": options.seeds or 0, "epochs": options.epochs or 0})

    def training_job(self, job_id: str) -> TrainingJob:
        jobs = {"job-1": self.job, "job-failed": FAILED_JOB}
        if job_id not in jobs:
            raise NotFound(f"There is no training job {job_id}.", job_id=job_id)
        return jobs[job_id]

    def models(self) -> Sequence[ModelInfo]:
        return MODELS

    async def activate_model(self, model_version: str) -> ModelInfo:
        for model in MODELS:
            if model.model_version == model_version:
                return model
        raise NotFound(f"There is no model {model_version}.", model_version=model_version)

    def ready(self) -> str | None:
        return self.not_ready


def _scored(group: Group, explain: bool) -> ScoredGroup:
    rollouts = tuple(_prediction(rollout, explain) for rollout in group.rollouts)
    return ScoredGroup(group.group_id, rollouts, tuple(_neighbors(group.query.text)))


def _prediction(rollout: Rollout, explain: bool) -> Prediction:
    explanation = RolloutExplanation("27", "27", 2 / 3, 1, 0) if explain else None
    if not rollout.response.strip():
        return Prediction(None, None, Status.INVALID, None)
    if rollout.label is not None:
        return Prediction(rollout.label, rollout.label, Status.OK, Source.LABEL, explanation)
    if rollout.response == "unsure":
        return Prediction(None, 0.5, Status.ABSTAIN, None, explanation)
    probability = (len(rollout.response) % 10) / 10
    return Prediction(float(probability >= 0.5), probability, Status.OK, Source.GNN, explanation)


def _neighbors(text: str) -> list[Neighbor]:
    return [
        Neighbor("q-a", 0.1 + len(text) % 10 / 20, "Ann has 4 bags"),
        Neighbor("q-b", -0.25, "Bob has ünïcode"),
    ]
