"""Protobuf messages to drafts, records to protobuf messages: field by field, with nothing decided here.

An absent `optional` field is None; everything a request may get wrong is left to requests/validation.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import Message

from memreward_proto import reward_pb2 as pb
from memreward_proto.records import (
    Experience,
    ExperienceReceipt,
    Interval,
    LabelPlan,
    LabelReceipt,
    LabelSpending,
    MemoryStatus,
    ModelInfo,
    Neighbor,
    Prediction,
    Rollout,
    RolloutReward,
    Scored,
    StoredRollout,
    TrainingJob,
    TrustFigures,
    TrustReport,
)  # fmt: skip
from memreward_service.requests.drafts import (
    ExperienceDraft,
    GroupDraft,
    LabelBudgetDraft,
    LabelDraft,
    LabelPlanDraft,
    QueryDraft,
    StoredRolloutDraft,
    SubmissionDraft,
)  # fmt: skip


def _number(message: Message, field: str) -> float | None:
    value: float = getattr(message, field)
    return value if message.HasField(field) else None


def whole(message: Message, field: str) -> int | None:
    """An optional whole number; None where absent."""
    value: int = getattr(message, field)
    return value if message.HasField(field) else None


def text(message: Message, field: str) -> str | None:
    """An optional text; None where absent, "" where sent empty."""
    value: str = getattr(message, field)
    return value if value or message.HasField(field) else None


def query_draft(message: pb.Query | pb.Experience) -> QueryDraft:
    """A query as sent."""
    return QueryDraft(message.text, text(message, "id"), text(message, "domain"), text(message, "dataset"))


def rollout(message: pb.Rollout | pb.StoredRollout) -> Rollout:
    """A rollout as sent, its label not yet checked."""
    return Rollout(
        message.response,
        text(message, "thinking"),
        text(message, "answer"),
        text(message, "answer_key"),
        _number(message, "label"),
        tuple(tuple(each.outcomes) for each in message.behaviour.sets) if message.HasField("behaviour") else None,
    )


def group_draft(message: pb.Group) -> GroupDraft:
    """A group as sent."""
    query = query_draft(message.query) if message.HasField("query") else None
    return GroupDraft(query, tuple(rollout(each) for each in message.rollouts), text(message, "group_id"))


def label_budget_draft(message: pb.SubmitRolloutRequest | pb.PlanLabelsRequest) -> LabelBudgetDraft | None:
    """What a run may spend on labels, as sent."""
    if not message.HasField("label_budget"):
        return None
    budget = message.label_budget
    return LabelBudgetDraft(_number(budget, "share"), whole(budget, "labels"), whole(budget, "deadline_ms"))


def label_plan_draft(message: pb.PlanLabelsRequest) -> LabelPlanDraft:
    """The groups of a label plan, as sent."""
    return LabelPlanDraft(
        tuple(map(group_draft, message.groups)),
        whole(message, "budget"),
        text(message, "run_id"),
        whole(message, "step"),
        label_budget_draft(message),
    )


def submission_draft(message: pb.SubmitRolloutRequest) -> SubmissionDraft:
    """One rollout sent alone, as sent."""
    return SubmissionDraft(
        message.run_id,
        message.group_id,
        whole(message, "group_attempt"),
        whole(message, "rollout_index"),
        whole(message, "group_size"),
        query_draft(message.query) if message.HasField("query") else None,
        rollout(message.rollout) if message.HasField("rollout") else None,
        whole(message, "deadline_ms"),
        message.allow_partial,
        whole(message, "step"),
        label_budget_draft(message),
        message.no_label,
    )


def experience_draft(message: pb.Experience) -> ExperienceDraft:
    """A query to store, as sent."""
    rollouts = tuple(
        StoredRolloutDraft(
            rollout(each),
            text(each, "id"),
            text(each, "label_source"),
            text(each, "policy"),
            whole(each, "step"),
        )
        for each in message.rollouts
    )
    return ExperienceDraft(query_draft(message), rollouts)


def label_draft(message: pb.Label) -> LabelDraft:
    """A late label as sent."""
    return LabelDraft(message.rollout_id, _number(message, "label"), message.source)


def scored_message(scored: Scored) -> pb.ScoreRewardsResponse:
    """The answer of ScoreRewards."""
    return pb.ScoreRewardsResponse(
        model_version=scored.model_version,
        memory_version=scored.memory_version,
        groups=[
            pb.ScoredGroup(
                group_id=group.group_id,
                rollouts=[_prediction(prediction) for prediction in group.rollouts],
                neighbors=neighbor_messages(group.neighbors),
            )
            for group in scored.groups
        ],
    )


def label_plan_message(plan: LabelPlan) -> pb.PlanLabelsResponse:
    """The answer of PlanLabels."""
    return pb.PlanLabelsResponse(
        model_version=plan.model_version,
        memory_version=plan.memory_version,
        plan=[
            pb.PlannedLabel(
                group_id=label.group_id, rollout_index=label.rollout_index, reason=label.reason, gain=label.gain
            )
            for label in plan.plan
        ],
        sample=[pb.SampledRollout(group_id=each.group_id, rollout_index=each.rollout_index) for each in plan.sample],
    )


def reward_message(reward: RolloutReward) -> pb.SubmitRolloutResponse:
    """The answer of SubmitRollout. None leaves an optional field absent."""
    asked = reward.label_request
    return pb.SubmitRolloutResponse(
        run_id=reward.run_id,
        group_id=reward.group_id,
        group_attempt=reward.group_attempt,
        rollout_index=reward.rollout_index,
        group_size=reward.group_size,
        rollouts_present=reward.rollouts_present,
        partial=reward.partial,
        reward=reward.reward,
        probability=reward.probability,
        status=reward.status,
        source=reward.source,
        model_version=reward.model_version,
        memory_version=reward.memory_version,
        label_request=None if asked is None else pb.LabelRequest(reason=asked.reason, gain=asked.gain),
    )


def _prediction(prediction: Prediction) -> pb.Prediction:
    """None leaves an optional field absent."""
    said = prediction.explanation
    return pb.Prediction(
        reward=prediction.reward,
        probability=prediction.probability,
        status=prediction.status,
        source=prediction.source,
        explanation=None
        if said is None
        else pb.Explanation(
            answer=said.answer,
            answer_key=said.answer_key,
            agreement=said.agreement,
            same_key_right=said.same_key_right,
            same_key_wrong=said.same_key_wrong,
        ),
    )


def neighbor_messages(neighbors: Sequence[Neighbor]) -> list[pb.Neighbor]:
    """Memory queries, in their order."""
    return [pb.Neighbor(query_id=each.query_id, similarity=each.similarity, text=each.text) for each in neighbors]


def experience_message(experience: Experience) -> pb.Experience:
    """A stored query with its rollouts."""
    query = experience.query
    return pb.Experience(
        id=query.id,
        text=query.text,
        domain=query.domain,
        dataset=query.dataset,
        rollouts=[_stored(stored) for stored in experience.rollouts],
    )


def _stored(stored: StoredRollout) -> pb.StoredRollout:
    behaviour = stored.rollout.behaviour
    return pb.StoredRollout(
        id=stored.id,
        response=stored.rollout.response,
        thinking=stored.rollout.thinking,
        answer=stored.rollout.answer,
        answer_key=stored.rollout.answer_key,
        label=stored.rollout.label,
        behaviour=None
        if behaviour is None
        else pb.Behaviour(sets=[pb.Outcomes(outcomes=outcomes) for outcomes in behaviour]),
        label_source=stored.label_source,
        policy=stored.policy,
        step=stored.step,
    )


def page_message(queries: Sequence[Experience], limit: int) -> pb.ListExperienceResponse:
    """One page of an export; `queries` holds one more than `limit` where there is a next page."""
    page = queries[:limit]
    return pb.ListExperienceResponse(
        queries=[experience_message(experience) for experience in page],
        next=page[-1].query.id if len(queries) > limit else None,
    )


def experience_receipt_message(receipt: ExperienceReceipt) -> pb.AddExperienceResponse:
    """The answer of AddExperience."""
    return pb.AddExperienceResponse(
        version=receipt.version,
        queries_added=receipt.queries_added,
        rollouts_added=receipt.rollouts_added,
        labels_changed=receipt.labels_changed,
        query_ids=receipt.query_ids,
        rollout_ids=[pb.RolloutIds(ids=ids) for ids in receipt.rollout_ids],
    )


def label_receipt_message(receipt: LabelReceipt) -> pb.AddLabelsResponse:
    """The answer of AddLabels."""
    return pb.AddLabelsResponse(version=receipt.version, labels_changed=receipt.labels_changed)


def memory_message(status: MemoryStatus) -> pb.MemoryStatus:
    """How far the memory has followed the store."""
    stored = status.stored
    return pb.MemoryStatus(
        memory_version=status.memory_version,
        indexed_queries=status.indexed_queries,
        stored=pb.StoreCounts(
            version=stored.version, queries=stored.queries, rollouts=stored.rollouts, labels=stored.labels
        ),
        building=status.building,
    )


def job_message(job: TrainingJob) -> pb.TrainingJob:
    """A training job."""
    return pb.TrainingJob(
        job_id=job.job_id,
        status=job.status,
        progress=job.progress,
        metrics=job.metrics,
        model_version=job.model_version,
        error=None if job.error is None else pb.JobError(code=job.error[0], message=job.error[1]),
    )


def model_message(model: ModelInfo) -> pb.ModelInfo:
    """A trained model."""
    return pb.ModelInfo(
        model_version=model.model_version,
        created_at=model.created_at,
        active=model.active,
        memory_version=model.memory_version,
        training_queries=model.training_queries,
        training_labels=model.training_labels,
        metrics=model.metrics,
    )


def trust_message(report: TrustReport) -> pb.TrustReport:
    """The answer of GetTrust. None leaves an optional field absent."""
    return pb.TrustReport(
        window=report.window,
        min_rollouts=report.min_rollouts,
        min_auc=report.min_auc,
        max_false_positive_rate=report.max_false_positive_rate,
        overall=_trust_figures(report.overall),
        domains=[
            pb.DomainTrust(
                domain=each.domain,
                trusted=each.trusted,
                reason=each.reason,
                figures=_trust_figures(each.figures),
                predicted=_trust_figures(each.predicted),
                interval=pb.TrustIntervals(
                    auc=_interval(each.interval.auc),
                    false_positive_rate=_interval(each.interval.false_positive_rate),
                    false_negative_rate=_interval(each.interval.false_negative_rate),
                ),
                audited=each.audited,
                too_few=each.too_few,
                steps=[pb.StepTrust(step=one.step, figures=_trust_figures(one.figures)) for one in each.steps],
            )
            for each in report.domains
        ],
    )


def _interval(interval: Interval | None) -> pb.Interval | None:
    return None if interval is None else pb.Interval(low=interval.low, high=interval.high)


def _trust_figures(figures: TrustFigures) -> pb.TrustFigures:
    return pb.TrustFigures(
        rollouts=figures.rollouts,
        share_abstained=figures.share_abstained,
        auc=figures.auc,
        false_positive_rate=figures.false_positive_rate,
        false_negative_rate=figures.false_negative_rate,
        calibration_error=figures.calibration_error,
    )


def label_spending_message(spending: LabelSpending) -> pb.LabelSpending:
    """The answer of GetLabelSpending. None leaves an optional field absent."""
    return pb.LabelSpending(
        run_id=spending.run_id,
        rollouts=spending.rollouts,
        labels=spending.labels,
        steps=[pb.StepSpending(step=each.step, rollouts=each.rollouts, labels=each.labels) for each in spending.steps],
    )
