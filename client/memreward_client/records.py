"""What goes into the client and what comes out of it: frozen records without behaviour.

The words are those of the README's table. What is None is left out of a request: the service derives it, or takes its
own setting. Results have every field of the wire; a field of a newer service that this version does not know is
passed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Domain = Literal["math", "qa", "code", "text"]
"""What kind of task a query is; it decides how answers are compared."""
Status = Literal["ok", "abstain", "invalid", "timeout", "label_requested"]
"""What became of a rollout. Only `ok` carries a reward; a failure is never a reward of 0. `label_requested` is not the
end: verify the rollout, and submit it again with its label, or with `no_label`."""
PlanReason = Literal["majority_answer", "second_answer", "uncertain", "calibration"]
"""Why a label is asked for: it tells of the most frequent answer; of the next one, after the more frequent was wrong;
of an answer in doubt; or it belongs to the random sample that tells how good the rewards are."""
Source = Literal["label", "gnn"]
"""Where a reward comes from: a true label, or the graph neural network."""
JobStatus = Literal["queued", "running", "succeeded", "failed"]
"""The life of a training job."""


@dataclass(frozen=True, slots=True)
class Query:
    """A prompt. Without `id`, one is derived; without `domain`, that of a known dataset, else text."""

    text: str
    id: str | None = None
    domain: Domain | None = None
    dataset: str | None = None


@dataclass(frozen=True, slots=True)
class Rollout:
    """One response. What is None is derived from the response; `label` is the true reward in [0, 1], where known.

    `behaviour` is what a program did: for each set of inputs, made from the query alone, one short text an input that
    tells the outcome; those of values begin with "v". The service compares it inside the group.
    """

    response: str
    thinking: str | None = None
    answer: str | None = None
    answer_key: str | None = None
    label: float | None = None
    behaviour: Sequence[Sequence[str]] | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """The rollouts of one query sampled in one step. Without `group_id`: its position in the call, "0", "1", ..."""

    query: Query
    rollouts: Sequence[Rollout]
    group_id: str | None = None


@dataclass(frozen=True, slots=True)
class LabelBudget:
    """What a run may spend on labels: a `share` of the rollouts of every training step, and at most `labels` in all
    (None: as many as that share). A label that was asked for is awaited `deadline_seconds`."""

    share: float
    labels: int | None = None
    deadline_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class LabelRequest:
    """Why a label is asked for, and how many rewards it is expected to put right, its own included."""

    reason: PlanReason
    gain: float


@dataclass(frozen=True, slots=True)
class Submission:
    """One rollout sent alone. (`run_id`, `group_id`, `group_attempt`, `rollout_index`) is its identity.

    Sent again with the same content, it is the same rollout and gets the same answer. The group is complete when the
    rollouts 0 to `group_size` - 1 are there; a group that is sampled again has the next `group_attempt`. `step` is the
    training step, by which `trust` and `label_spending` tell figures.

    Give a `label_budget` where you can verify a rollout: the answer may then be label_requested. Verify that rollout,
    and submit it again with its `rollout.label`, or with `no_label` where that cannot be had; its siblings wait.
    """

    run_id: str
    group_id: str
    rollout_index: int
    group_size: int
    query: Query
    rollout: Rollout
    group_attempt: int = 0
    step: int | None = None
    label_budget: LabelBudget | None = None
    no_label: bool = False


@dataclass(frozen=True, slots=True)
class RolloutReward:
    """The answer to a submission: its identity, and the four fields of a prediction.

    `rollouts_present` rollouts of the group were there and were scored together (or waited, where the status is
    timeout); `partial`: the answer was made without the others. The versions are None unless a model was asked.
    `label_request` says why its label is asked for, where the status is label_requested.
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
class Explanation:
    """What the group says about a rollout.

    `agreement`: the share of the group with the same answer key, in (0, 1]; the counts are the labels known for
    siblings with that key.
    """

    answer: str
    answer_key: str
    agreement: float
    same_key_right: int
    same_key_wrong: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one rollout.

    `reward` is None unless `status` is ok. `probability` is the calibrated P(rollout is correct), None for invalid
    and timeout. `source` is None where there is no reward; `explanation` where none was asked for.
    """

    reward: float | None
    probability: float | None
    status: Status
    source: Source | None
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A memory query. `similarity` is the cosine, in [-1, 1]."""

    query_id: str
    similarity: float
    text: str


@dataclass(frozen=True, slots=True)
class ScoredGroup:
    """Predictions in the order of the rollouts sent, and the memory queries they drew on, nearest first."""

    group_id: str
    rollouts: tuple[Prediction, ...]
    neighbors: tuple[Neighbor, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """The answer of `score`: reproducible from the two versions and the input."""

    model_version: str
    memory_version: int
    groups: tuple[ScoredGroup, ...]


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
    """Which rollouts to verify next, in order; where `plan` is empty, no label is expected to change a reward.

    `sample`: all rollouts drawn at random so far, their label known or planned here; figures over these alone tell
    without bias how good the rewards are. `model_version` is None where no model is trained: then agreement alone is
    believed.
    """

    model_version: str | None
    memory_version: int
    plan: tuple[PlannedLabel, ...]
    sample: tuple[SampledRollout, ...]


@dataclass(frozen=True, slots=True)
class StepSpending:
    """Labels asked for among the rollouts of one training step so far; `step` is None where submissions name none."""

    step: int | None
    rollouts: int
    labels: int


@dataclass(frozen=True, slots=True)
class LabelSpending:
    """What a run has spent, in all and by step, in order of the steps. A label counts once it is asked for."""

    run_id: str
    rollouts: int
    labels: int
    steps: tuple[StepSpending, ...]


@dataclass(frozen=True, slots=True)
class StoredRollout:
    """A rollout as memory keeps it. `label_source`: who gave the label; `policy`: the model that wrote it."""

    rollout: Rollout
    id: str | None = None
    label_source: str | None = None
    policy: str | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Experience:
    """A query with its rollouts, to store or as stored; as stored, all ids and the domain are there."""

    query: Query
    rollouts: Sequence[StoredRollout]


@dataclass(frozen=True, slots=True)
class ExperiencePage:
    """Stored queries in id order; `next` is the `after` of the next page, None on the last."""

    queries: tuple[Experience, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class ExperienceReceipt:
    """What `add_experience` did; the same content again adds nothing and gets the same ids.

    `version` is the store's version that holds it all; predictions use it once the memory has reached it.
    """

    version: int
    queries_added: int
    rollouts_added: int
    labels_changed: int
    query_ids: tuple[str, ...]
    rollout_ids: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Label:
    """The true reward, in [0, 1], of a stored rollout; `source` is who gave it, for example verifier."""

    rollout_id: str
    label: float
    source: str


@dataclass(frozen=True, slots=True)
class LabelReceipt:
    """How many labels were new or different, and the store's version that holds them."""

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
    """How far the memory that predictions use (`memory_version`) has followed the store (`stored.version`)."""

    memory_version: int
    indexed_queries: int
    stored: StoreCounts
    building: bool


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a training job failed: a code of the service, and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """A training job. `progress` is in [0, 1]; `metrics` are on held-out queries; `error` only where it failed."""

    job_id: str
    status: JobStatus
    progress: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    model_version: str | None = None
    error: JobError | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """An immutable trained model: when it was made (UTC, ISO 8601), on what it was trained, and how good it is."""

    model_version: str
    created_at: str
    active: bool
    memory_version: int
    training_queries: int
    training_labels: int
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrustFigures:
    """How the predictions of `rollouts` rollouts compare with what they are: labelled ones, each predicted without its
    own label, with their labels, often no random sample; or unlabelled ones with what the labels of others say.

    All in [0, 1]; None where not defined (the AUC of right ones only). The two rates are over the rollouts that would
    have got a reward, not abstained.
    """

    rollouts: int
    share_abstained: float | None
    auc: float | None
    false_positive_rate: float | None
    false_negative_rate: float | None
    calibration_error: float | None


@dataclass(frozen=True, slots=True)
class StandardErrors:
    """One standard deviation of how far estimated figures are from the truth, for labels and rollouts drawn anew; None
    where the figure is not defined."""

    auc: float | None
    false_positive_rate: float | None
    false_negative_rate: float | None


@dataclass(frozen=True, slots=True)
class StepTrust:
    """The figures of one training step."""

    step: int
    figures: TrustFigures


@dataclass(frozen=True, slots=True)
class DomainTrust:
    """The `figures` over the labelled rollouts of one domain, and of its last steps, in order; `predicted`: the same,
    estimated for the last rollouts whose rewards were predicted, with the `standard_error` of these estimates. Where
    not `trusted`, every prediction of the domain is answered abstain, for the `reason`, a sentence."""

    domain: Domain
    trusted: bool
    reason: str | None
    figures: TrustFigures
    predicted: TrustFigures
    standard_error: StandardErrors
    steps: tuple[StepTrust, ...]


@dataclass(frozen=True, slots=True)
class TrustReport:
    """Trust in the predictions of the last `window` labelled rollouts of each domain seen, and of all together.

    The bounds are those of the service, None where off; they hold from `min_rollouts` rollouts on.
    """

    window: int
    min_rollouts: int
    min_auc: float | None
    max_false_positive_rate: float | None
    overall: TrustFigures
    domains: tuple[DomainTrust, ...]
