"""An engine of made-up but fixed answers, with the methods of engine/engine.py, to test transports with."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from memreward_proto.errors import Conflict, InvalidArgument, NotFound, Unavailable
from memreward_proto.records import (
    Domain,
    DomainTrust,
    Experience,
    ExperiencePage,
    ExperienceReceipt,
    Explanation,
    Group,
    Interval,
    JobError,
    JobStatus,
    Label,
    LabelCharge,
    LabelPlan,
    LabelReceipt,
    LabelRequest,
    LabelSpending,
    MemoryStatus,
    ModelInfo,
    Neighbor,
    PlannedLabel,
    PlanReason,
    Prediction,
    PrunedRollouts,
    PruneReason,
    PruneReport,
    PruneRequest,
    Rollout,
    RolloutReward,
    SampledRollout,
    Scored,
    ScoredGroup,
    Source,
    Status,
    StepSpending,
    StepTrust,
    StoreCounts,
    Submission,
    TrainingJob,
    TrainingOptions,
    TrustFigures,
    TrustIntervals,
    TrustReport,
)  # fmt: skip
from memreward_service.requests.unreadable import with_reason

MODELS = (
    ModelInfo(
        "m-2", "2026-01-02T03:04:05+00:00", True, 9, 40, 77, {"auc": 0.9375, "false_positive_rate": 0.125},
        "Taken: it is better.", TrustIntervals(Interval(0.875, 1.0), Interval(0.0, 0.25), None),
    ),
    ModelInfo("m-1", "2026-01-01T03:04:05+00:00", False, 4, 20, 33, {}),
)  # fmt: skip
_SURE, _NONE = TrustFigures(40, 0.125, 0.75, 0.5, 0.25, 0.0625), TrustFigures(1, 0.0, None, None, 0.0, 0.5)
_FEW, _NO_INTERVALS = "not enough audited rollouts: 3 of 50", TrustIntervals(None, None, None)
_INTERVALS = TrustIntervals(Interval(0.5, 0.75), Interval(0.0, 0.125), None)
TRUST = TrustReport(
    2000, 50, 0.8, None, TrustFigures(41, 0.125, 0.75, 0.5, 0.25, 0.0625),
    (
        DomainTrust(
            Domain.MATH, False, "The AUC is too low.", _SURE, _NONE, _INTERVALS, 60, None,
            (StepTrust(2**40, _SURE, 0.625), StepTrust(41, _NONE)), 0.875, 3,
        ),
        DomainTrust(Domain.QA, True, None, _NONE, _SURE, _NO_INTERVALS, 3, _FEW, ()),
    ),
)  # fmt: skip
FAILED_JOB = TrainingJob("job-failed", JobStatus.FAILED, 0.5, {}, None, JobError("not_enough_labels", "Add 12 labels."))


class FakeEngine:
    """Keeps what it was given in `experience`, `labels` and `scored`; fails where `failures` names a method.

    A submission with a label budget is asked for its label, unless it comes with one or says that it has none.
    `score` waits for `gate` where there is one, `submit` for `siblings`; `entered` and `left` count their calls that
    began and were cancelled. `end_waiting` ends the submissions that wait.
    """

    def __init__(self) -> None:
        self.experience: dict[str, Experience] = {}
        self.labels: list[Label] = []
        self.scored: list[tuple[Group, ...]] = []
        self.submitted: list[Submission] = []
        self.charged: list[LabelCharge | None] = []
        self.failures: dict[str, Exception] = {}
        self.not_ready: str | None = None
        self.gate: asyncio.Event | None = None
        self.siblings: asyncio.Event | None = None
        self.closing = False
        self.entered = threading.Semaphore(0)
        self.left = threading.Semaphore(0)
        self.life: list[str] = []
        self.job = TrainingJob("job-1", JobStatus.RUNNING, 0.25, {"loss": 0.5})

    def forget(self) -> None:
        """Be as if it were new, for the next test of a server that several share."""
        self.__init__()

    def _may_fail(self, method: str) -> None:
        if method in self.failures:
            raise self.failures[method]

    async def start(self) -> None:
        self.life.append("start")

    async def stop(self) -> None:
        self.life.append("stop")

    def end_waiting(self) -> None:
        self.life.append("end_waiting")
        self.closing = True
        if self.siblings is not None:
            self.siblings.set()

    async def _pass(self, gate: asyncio.Event | None) -> None:
        self.entered.release()
        if gate is not None:
            try:
                await gate.wait()
            except asyncio.CancelledError:
                self.left.release()
                raise

    async def score(self, groups: Sequence[Group], explain: bool = False) -> Scored:
        self._may_fail("score")
        await self._pass(self.gate)
        self.scored.append(tuple(groups))
        return Scored("m-2", 9, tuple(_scored(group, explain) for group in groups))

    async def plan_labels(self, groups: Sequence[Group], budget: int, charge: LabelCharge | None = None) -> LabelPlan:
        """Every rollout without a label, while the budget lasts; the first group has a rollout of the sample."""
        self._may_fail("plan_labels")
        self.scored.append(tuple(groups))
        self.charged.append(charge)
        reasons, first = list(PlanReason), groups[0]
        plan = [
            PlannedLabel(group.group_id, index, reasons[index % len(reasons)], 1 / (1 + index))
            for group in groups
            for index, rollout in enumerate(group.rollouts)
            if rollout.label is None
        ]
        version = None if self.not_ready else "m-2"
        return LabelPlan(version, 9, tuple(plan[:budget]), (SampledRollout(first.group_id, 0),))

    async def submit(self, submission: Submission) -> RolloutReward:
        self._may_fail("submit")
        self.submitted.append(submission)
        await self._pass(self.siblings)
        if self.closing:
            raise Unavailable("The service is shutting down: send the rollout again when it is back.", retry_after=1.0)
        told = _prediction(submission.rollout, explain=False)
        timed_out, request = submission.deadline_ms == 0, None
        known = submission.rollout.label is not None or submission.no_label
        if submission.label_budget is not None and not known and not timed_out:
            told = Prediction(None, None, Status.LABEL_REQUESTED, None)
            request = LabelRequest(PlanReason.SECOND, 0.75)
        return RolloutReward(
            run_id=submission.key.run_id,
            group_id=submission.key.group_id,
            group_attempt=submission.key.group_attempt,
            rollout_index=submission.rollout_index,
            group_size=submission.group_size,
            rollouts_present=1,
            partial=bool(submission.allow_partial),
            reward=None if timed_out else told.reward,
            probability=None if timed_out else told.probability,
            status=Status.TIMEOUT if timed_out else told.status,
            source=None if timed_out else told.source,
            model_version=None if timed_out or request else "m-2",
            memory_version=None if timed_out or request else 9,
            label_request=request,
            reason=None if timed_out or request else told.reason,
        )

    async def label_spending(self, run_id: str) -> LabelSpending:
        self._may_fail("label_spending")
        steps = (StepSpending(None, 8, 1), StepSpending(2**40, 2**40, 2)) if run_id == "run-1" else ()
        return LabelSpending(run_id, 2**40 + 8 if steps else 0, 3 if steps else 0, steps)

    async def add_experience(self, queries: Sequence[Experience]) -> ExperienceReceipt:
        self._may_fail("add_experience")
        new = [each for each in queries if each.id not in self.experience]
        self.experience.update((each.id, each) for each in queries)
        return ExperienceReceipt(
            version=len(self.experience),
            queries_added=len(new),
            rollouts_added=sum(len(each.rollouts) for each in new),
            labels_changed=sum(stored.label is not None for each in new for stored in each.rollouts),
            query_ids=tuple(each.id for each in queries),
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

    async def list_experience(self, after: str | None, limit: int) -> ExperiencePage:
        ids = sorted(each for each in self.experience if after is None or each > after)
        page = [self.experience[each] for each in ids[:limit]]
        return ExperiencePage(page, ids[limit - 1] if len(ids) > limit else None)

    async def query(self, query_id: str) -> Experience:
        if query_id not in self.experience:
            raise NotFound(f"There is no query {query_id}.", id=query_id)
        return self.experience[query_id]

    async def similar_queries(self, text: str, k: int) -> Sequence[Neighbor]:
        return _neighbors(text)[:k]

    async def memory_status(self) -> MemoryStatus:
        self._may_fail("memory_status")
        return MemoryStatus(9, 3, StoreCounts(11, 4, 16, 5), True)

    async def start_training(self, options: TrainingOptions) -> TrainingJob:
        self._may_fail("start_training")
        if options.seeds == 7:
            raise Conflict("A training job is running: wait for job-1.", job_id="job-1")
        return TrainingJob("job-1", JobStatus.QUEUED, 0.0, {"seeds": options.seeds or 0, "epochs": options.epochs or 0})

    def training_job(self, job_id: str) -> TrainingJob:
        jobs = {"job-1": self.job, "job-failed": FAILED_JOB}
        if job_id not in jobs:
            raise NotFound(f"There is no training job {job_id}.", job_id=job_id)
        return jobs[job_id]

    async def models(self) -> Sequence[ModelInfo]:
        return MODELS

    async def activate_model(self, model_version: str) -> ModelInfo:
        for model in MODELS:
            if model.model_version == model_version:
                return model
        raise NotFound(f"There is no model {model_version}.", model_version=model_version)

    async def prune(self, request: PruneRequest) -> PruneReport:
        self._may_fail("prune")
        if request.rollouts_per_query is None:
            raise InvalidArgument("Nothing says what to keep.")
        reasons = (PrunedRollouts(PruneReason.ROLLOUTS_PER_QUERY, request.rollouts_per_query, 2_048),)
        return PruneReport(bool(request.dry_run), 3, request.rollouts_per_query, 2_048, reasons)

    async def trust(self) -> TrustReport:
        self._may_fail("trust")
        return TRUST

    def ready(self) -> str | None:
        return self.not_ready


WHY = "Labelled right at step 12; 31 of 40 earlier rollouts say the same."
EXPLAINED = Explanation("27", "27", 2 / 3, 1, 0, 1, 0, 12, 31, 40, 0.83, WHY)


def _scored(group: Group, explain: bool) -> ScoredGroup:
    rollouts = tuple(_prediction(rollout, explain) for rollout in group.rollouts)
    return ScoredGroup(group.group_id, rollouts, tuple(_neighbors(group.query.text)))


def _prediction(rollout: Rollout, explain: bool) -> Prediction:
    explanation = EXPLAINED if explain else None
    if not rollout.response.strip() and rollout.label is None:
        return with_reason(Prediction(None, None, Status.INVALID, None), rollout)
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
