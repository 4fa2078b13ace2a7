"""The plain frozen records that travel through the engine and the store.

No framework type (pydantic, protobuf, SQLAlchemy row, tensor) appears here: a transport converts to these on the
way in and from these on the way out. The words are those of the field: see the README's glossary.
"""

from __future__ import annotations

from memreward_proto.records.experience import (
    Experience,
    ExperienceReceipt,
    JobStatus,
    Label,
    LabelReceipt,
    MemoryStatus,
    ModelInfo,
    StoreCounts,
    StoredRollout,
    TrainingJob,
    TrainingOptions,
)
from memreward_proto.records.labels import (
    DomainTrust,
    Interval,
    LabelBudget,
    LabelCharge,
    LabelPlan,
    LabelRequest,
    LabelSpending,
    PlannedLabel,
    PlanReason,
    SampledRollout,
    StepSpending,
    StepTrust,
    TrustFigures,
    TrustIntervals,
    TrustReport,
)
from memreward_proto.records.rollouts import (
    Domain,
    Group,
    Neighbor,
    Prediction,
    Query,
    Rollout,
    RolloutExplanation,
    Scored,
    ScoredGroup,
    Source,
    Status,
)
from memreward_proto.records.submissions import (
    GroupKey,
    RolloutReward,
    Submission,
)

__all__ = [
    "Domain",
    "DomainTrust",
    "Experience",
    "ExperienceReceipt",
    "Group",
    "GroupKey",
    "Interval",
    "JobStatus",
    "Label",
    "LabelBudget",
    "LabelCharge",
    "LabelPlan",
    "LabelReceipt",
    "LabelRequest",
    "LabelSpending",
    "MemoryStatus",
    "ModelInfo",
    "Neighbor",
    "PlanReason",
    "PlannedLabel",
    "Prediction",
    "Query",
    "Rollout",
    "RolloutExplanation",
    "RolloutReward",
    "SampledRollout",
    "Scored",
    "ScoredGroup",
    "Source",
    "Status",
    "StepSpending",
    "StepTrust",
    "StoreCounts",
    "StoredRollout",
    "Submission",
    "TrainingJob",
    "TrainingOptions",
    "TrustFigures",
    "TrustIntervals",
    "TrustReport",
]
