"""The plain frozen records that travel through the engine and the store.

No framework type (pydantic, protobuf, SQLAlchemy row, tensor) appears here: a transport converts to these on the
way in and from these on the way out. The words are those of the field: see the README's glossary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Domain(StrEnum):
    """What kind of task a query is; it decides how answers are compared (engine/answer_keys.py)."""

    MATH = "math"
    QA = "qa"
    CODE = "code"
    TEXT = "text"


class Status(StrEnum):
    """What became of one rollout. Only OK carries a reward; a failure is never a reward of 0."""

    OK = "ok"
    ABSTAIN = "abstain"
    INVALID = "invalid"
    TIMEOUT = "timeout"
    LABEL_REQUESTED = "label_requested"
    """Not the end: verify the rollout, and send it again with its label (or `no_label`)."""


class Source(StrEnum):
    """Where a reward comes from: a true label, or the graph neural network."""

    LABEL = "label"
    GNN = "gnn"


@dataclass(frozen=True, slots=True)
class Query:
    """One prompt. `id` is the caller's own, or derived from the text (see `records.query_id`)."""

    text: str
    id: str
    domain: Domain = Domain.TEXT
    dataset: str | None = None


@dataclass(frozen=True, slots=True)
class Rollout:
    """One response to a query.

    `thinking`, `answer` and `answer_key` are what the caller knows better than we do; None means "derive it from the
    response" (engine/answer_keys.py). `label` is the true reward in [0, 1], None where unknown. `behaviour` is what a
    program did: for each set of inputs, made from the query alone, one short text an input that tells the outcome;
    those of values begin with "v" (engine/behaviour_keys.py).
    """

    response: str
    thinking: str | None = None
    answer: str | None = None
    answer_key: str | None = None
    label: float | None = None
    behaviour: tuple[tuple[str, ...], ...] | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """The rollouts of one query sampled in one step: the unit that is scored together."""

    group_id: str
    query: Query
    rollouts: tuple[Rollout, ...]


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A memory query whose experience the prediction used. `similarity` is the cosine, in [-1, 1]."""

    query_id: str
    similarity: float
    text: str


@dataclass(frozen=True, slots=True)
class RolloutExplanation:
    """Why a rollout got its probability: what its group says about it, before the network weighs it.

    `agreement` is the share of the group with the same answer key, in (0, 1]; the two counts are the labels known for
    siblings with the same key. `answer` is the final answer as extracted.
    """

    answer: str
    answer_key: str
    agreement: float
    same_key_right: int
    same_key_wrong: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one rollout.

    `reward` is None unless status is OK. `probability` is the calibrated P(rollout is correct) and is None only for
    INVALID and TIMEOUT. `source` is None when there is no reward to attribute.
    """

    reward: float | None
    probability: float | None
    status: Status
    source: Source | None
    explanation: RolloutExplanation | None = None


@dataclass(frozen=True, slots=True)
class ScoredGroup:
    """Predictions in the order of the group's rollouts, and the memory queries they drew on, nearest first."""

    group_id: str
    rollouts: tuple[Prediction, ...]
    neighbors: tuple[Neighbor, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """The reply to one request: a prediction is reproducible from the two versions and the input."""

    model_version: str
    memory_version: int
    groups: tuple[ScoredGroup, ...]


class PlanReason(StrEnum):
    """Why a label is worth its price: it tells of the most frequent answer; of the next one, after the more frequent
    was wrong; of an answer in doubt; or it belongs to the random sample that tells how good the rewards are."""

    MAJORITY = "majority_answer"
    SECOND = "second_answer"
    UNCERTAIN = "uncertain"
    CALIBRATION = "calibration"


@dataclass(frozen=True, slots=True)
class PlannedLabel:
    """One rollout to verify. `gain`: rewards expected to become right by its label, its own included."""

    group_id: str
    rollout_index: int
    reason: PlanReason
    gain: float


@dataclass(frozen=True, slots=True)
class SampledRollout:
    """A rollout of the random sample."""

    group_id: str
    rollout_index: int


@dataclass(frozen=True, slots=True)
class LabelPlan:
    """Which rollouts to verify next, in order. `sample`: all rollouts drawn at random so far, whether their label is
    known or planned here. `model_version` is None where no model is trained: then agreement alone is believed."""

    model_version: str | None
    memory_version: int
    plan: tuple[PlannedLabel, ...]
    sample: tuple[SampledRollout, ...]


@dataclass(frozen=True, slots=True)
class LabelBudget:
    """What a run may spend on labels: a `share` of the rollouts of every training step, and at most `labels` in all
    (None: as many as that share). A label that was asked for is awaited `deadline_seconds`."""

    share: float
    labels: int | None = None
    deadline_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class LabelCharge:
    """To which run and training step labels are charged, and what these may spend."""

    run_id: str
    step: int | None
    budget: LabelBudget


@dataclass(frozen=True, slots=True)
class LabelRequest:
    """Why a label is asked for, and how many rewards it is expected to put right, its own included."""

    reason: PlanReason
    gain: float


@dataclass(frozen=True, slots=True)
class StepSpending:
    """Labels asked for among the rollouts of one training step so far; `step` is None where callers did not say it."""

    step: int | None
    rollouts: int
    labels: int


@dataclass(frozen=True, slots=True)
class LabelSpending:
    """What a run has spent, in all and by step, in order of the steps."""

    run_id: str
    rollouts: int
    labels: int
    steps: tuple[StepSpending, ...]


@dataclass(frozen=True, slots=True)
class TrustFigures:
    """How `rollouts` labelled rollouts, each predicted without its own label, compare with their labels.

    All in [0, 1]; None where not defined (the AUC of right ones only). The two rates are over the rollouts that would
    have got a reward, not abstained. They hold for the labelled rollouts, often no random sample.
    """

    rollouts: int
    share_abstained: float | None
    auc: float | None
    false_positive_rate: float | None
    false_negative_rate: float | None
    calibration_error: float | None


@dataclass(frozen=True, slots=True)
class StepTrust:
    """The figures of one training step."""

    step: int
    figures: TrustFigures


@dataclass(frozen=True, slots=True)
class DomainTrust:
    """The figures of one domain, and of its last steps, in order. Where not `trusted`, all its predictions are ABSTAIN,
    for the `reason`, a sentence."""

    domain: Domain
    trusted: bool
    reason: str | None
    figures: TrustFigures
    steps: tuple[StepTrust, ...]


@dataclass(frozen=True, slots=True)
class TrustReport:
    """Trust in the predictions of the last `window` labelled rollouts of each domain seen, and of all together.

    The bounds are those of the settings, None where off; they hold from `min_rollouts` rollouts on.
    """

    window: int
    min_rollouts: int
    min_auc: float | None
    max_false_positive_rate: float | None
    overall: TrustFigures
    domains: tuple[DomainTrust, ...]


@dataclass(frozen=True, slots=True)
class GroupKey:
    """Which group a rollout sent alone belongs to; a re-sampled group has the next `group_attempt`."""

    run_id: str
    group_id: str
    group_attempt: int = 0


@dataclass(frozen=True, slots=True)
class Submission:
    """One rollout sent alone; (`key`, `rollout_index`) is its identity: sent again, it is the same rollout.

    The group is complete when `group_size` rollouts, of index 0 to group_size - 1, are there. The call waits for that
    at most `deadline_seconds`; then the rollouts that are there are scored if `allow_partial`, else the answer is
    TIMEOUT. `step` is the training step, by which trust is told.

    With a `label_budget` the caller can verify: the answer may be LABEL_REQUESTED, upon which it sends the rollout
    again with its label, or with `no_label` where it cannot be had. Siblings wait meanwhile.
    """

    key: GroupKey
    rollout_index: int
    group_size: int
    query: Query
    rollout: Rollout
    deadline_seconds: float
    allow_partial: bool = False
    step: int | None = None
    label_budget: LabelBudget | None = None
    no_label: bool = False


@dataclass(frozen=True, slots=True)
class RolloutReward:
    """The answer to one rollout sent alone. `reward`, `probability`, `status`, `source`: as in Prediction.

    `rollouts_present` rollouts of the group were there and were scored together (or waited, where TIMEOUT); `partial`
    says that the answer was made without the others. The versions are None unless a model was asked.
    """

    run_id: str
    group_id: str
    group_attempt: int
    rollout_index: int
    group_size: int
    rollouts_present: int
    partial: bool
    reward: float | None
    probability: float | None
    status: Status
    source: Source | None
    model_version: str | None
    memory_version: int | None
    label_request: LabelRequest | None = None


@dataclass(frozen=True, slots=True)
class StoredRollout:
    """A rollout as memory keeps it. `label_source` says who gave the label (for example `verifier` or `expert`)."""

    id: str
    rollout: Rollout
    label_source: str | None = None
    policy: str | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Experience:
    """A stored query with all its rollouts, in the order in which they were first stored."""

    query: Query
    rollouts: tuple[StoredRollout, ...]


@dataclass(frozen=True, slots=True)
class Label:
    """A true reward in [0, 1] that arrives after its rollout was stored."""

    rollout_id: str
    label: float
    source: str


@dataclass(frozen=True, slots=True)
class ExperienceReceipt:
    """What POST /v1/experience did. Same content again: zero added, zero updated, the same ids and version.

    `version` is the store's version that holds the content; it counts in predictions once the memory has reached it.
    """

    version: int
    queries_added: int
    rollouts_added: int
    labels_changed: int
    query_ids: tuple[str, ...]
    rollout_ids: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class LabelReceipt:
    """What POST /v1/labels did: how many labels were new or different, and the version that holds them."""

    version: int
    labels_changed: int


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """Sizes of the durable store."""

    version: int
    queries: int
    rollouts: int
    labels: int


@dataclass(frozen=True, slots=True)
class MemoryStatus:
    """How far the memory that predictions use has followed the durable store (`memory_version` of `stored.version`)."""

    memory_version: int
    indexed_queries: int
    stored: StoreCounts
    building: bool


class JobStatus(StrEnum):
    """The life of a training job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """`seeds`: independent runs, the best kept by false-positive rate; `epochs`: at most so many each.

    None takes the value of Settings.
    """

    seeds: int | None = None
    epochs: int | None = None


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """A snapshot of one training job. `progress` is in [0, 1]; `metrics` are on held-out queries; `error` is an
    ErrorCode value and a person's sentence, only when failed."""

    job_id: str
    status: JobStatus
    progress: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    model_version: str | None = None
    error: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """An immutable trained model: its version, when it was made (UTC, ISO 8601), what it was trained on, how good."""

    model_version: str
    created_at: str
    active: bool
    memory_version: int
    training_queries: int
    training_labels: int
    metrics: dict[str, float] = field(default_factory=dict)
