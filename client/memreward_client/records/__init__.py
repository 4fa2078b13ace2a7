"""What goes into the client and what comes out of it: frozen records without behaviour.

The words are those of the README's table. What is None is left out of a request: the service derives it, or takes its
own setting. Results have every field of the wire; a field of a newer service that this version does not know is
passed over.
"""

from __future__ import annotations

from memreward_client.records.experience import (
    Experience,
    ExperiencePage,
    ExperienceReceipt,
    JobError,
    JobStatus,
    Label,
    LabelReceipt,
    MemoryStatus,
    ModelInfo,
    StoreCounts,
    StoredRollout,
    TrainingJob,
)
from memreward_client.records.labels import (
    DomainTrust,
    Interval,
    LabelBudget,
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
from memreward_client.records.rollouts import (
    Domain,
    Explanation,
    Group,
    Neighbor,
    Prediction,
    Query,
    Rollout,
    Scored,
    ScoredGroup,
    Source,
    Status,
)
from memreward_client.records.submissions import (
    RolloutReward,
    Submission,
)

__all__ = [
    "Domain",
    "DomainTrust",
    "Experience",
    "ExperiencePage",
    "ExperienceReceipt",
    "Explanation",
    "Group",
    "Interval",
    "JobError",
    "JobStatus",
    "Label",
    "LabelBudget",
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
    "TrustFigures",
    "TrustIntervals",
    "TrustReport",
]
