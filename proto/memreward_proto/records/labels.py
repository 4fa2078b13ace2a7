"""Labels: which ones to ask for, what may be spent on them, and what they say of the predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from memreward_proto.records.record import Record
from memreward_proto.records.rollouts import Domain, Group


class PlanReason(StrEnum):
    """Why a label is worth its price: it is about the most frequent answer; about the next one, after the more frequent
    was wrong; about an answer in doubt; it belongs to the random sample that says how good the rewards are;
    or what most rollouts agree on is not what agreement was about before."""

    MAJORITY = "majority_answer"
    SECOND = "second_answer"
    UNCERTAIN = "uncertain"
    CALIBRATION = "calibration"
    CONSENSUS_DRIFT = "consensus_drift"


@dataclass(frozen=True, slots=True)
class PlannedLabel(Record):
    """One rollout to verify. `gain`: rewards expected to become right by its label, its own included."""

    group_id: str
    rollout_index: int
    reason: PlanReason
    gain: float


@dataclass(frozen=True, slots=True)
class SampledRollout(Record):
    """A rollout of the random sample."""

    group_id: str
    rollout_index: int


@dataclass(frozen=True, slots=True)
class LabelPlan(Record):
    """The answer of POST /v1/label-plan, in the order in which to verify; an empty plan: no label is expected to change
    a reward. sample: all rollouts drawn at random so far, their label known or planned here. model_version is null
    where no model is trained: then agreement alone is believed."""

    model_version: str | None
    memory_version: int
    plan: tuple[PlannedLabel, ...]
    sample: tuple[SampledRollout, ...]


@dataclass(frozen=True, slots=True)
class LabelBudget(Record):
    """What a run may spend on labels."""

    share: float
    """Of the rollouts of the run so far, the share whose label may be asked for: above 0, at most 1. What one step does
    not spend, later ones may."""
    labels: int | None = None
    """At most so many labels in the whole run; without it, as many as that share."""
    deadline_ms: int | None = None
    """How long a label that was asked for is awaited, 60000 where not given; its group is scored without it then."""


@dataclass(frozen=True, slots=True)
class LabelPlanRequest(Record):
    """POST /v1/label-plan."""

    groups: Sequence[Group]
    """As in /v1/rewards; the labels known so far stand in their rollouts."""
    budget: int
    """At most so many labels are planned."""
    run_id: str | None = None
    """With label_budget: the run that the labels are charged to, each once. Every group needs its group_id then."""
    step: int | None = None
    """The training step that the labels are charged to."""
    label_budget: LabelBudget | None = None
    """With run_id: what is beyond this budget of the run is not planned."""


@dataclass(frozen=True, slots=True)
class LabelCharge:
    """To which run and training step labels are charged, and what these may spend."""

    run_id: str
    step: int | None
    budget: LabelBudget


@dataclass(frozen=True, slots=True)
class LabelRequest(Record):
    """Why a label is asked for, and how many rewards it is expected to put right, its own included."""

    reason: PlanReason
    gain: float


@dataclass(frozen=True, slots=True)
class StepSpending(Record):
    """Labels asked for among the rollouts of one training step so far; `step` is None where callers did not say it."""

    step: int | None
    rollouts: int
    labels: int


@dataclass(frozen=True, slots=True)
class LabelSpending(Record):
    """What a run has spent, in all and by step, in order of the steps."""

    run_id: str
    rollouts: int
    labels: int
    steps: tuple[StepSpending, ...]


@dataclass(frozen=True, slots=True)
class TrustFigures(Record):
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
class Interval(Record):
    """The ends of an interval that holds the true figure 95 times of 100, for audits drawn anew."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TrustIntervals(Record):
    """The intervals of estimated figures; null where the figure is not defined."""

    auc: Interval | None
    false_positive_rate: Interval | None
    false_negative_rate: Interval | None


@dataclass(frozen=True, slots=True)
class StepTrust(Record):
    """The figures of one training step."""

    step: int
    figures: TrustFigures
    agreement: float | None = None
    """Mean share of a group that gives its most frequent answer."""


@dataclass(frozen=True, slots=True)
class DomainTrust(Record):
    """The figures over the labelled rollouts of one domain and of its last training steps, in order; predicted: the
    same, estimated for the last rollouts whose rewards were predicted, from so many audited ones, with an interval
    each; where these are too_few, a sentence, nothing is estimated. Where the domain is not trusted, all its
    predictions are answered abstain, for the reason, a sentence."""

    domain: Domain
    trusted: bool
    reason: str | None
    figures: TrustFigures
    predicted: TrustFigures
    interval: TrustIntervals
    audited: int
    too_few: str | None
    steps: tuple[StepTrust, ...]
    agreement: float | None = None
    """Mean share of a group that gives its most frequent answer, over the groups that were answered last."""
    drifting: int | None = None
    """How many of these groups agree on what drifts, so that no reward rests on it, or a label was asked for."""


@dataclass(frozen=True, slots=True)
class TrustReport(Record):
    """The answer of GET /v1/trust: over the groups that were answered last, `window` rollouts of each domain, and over
    all together. The bounds are null where off; min_rollouts is how many audited rollouts an estimate takes."""

    window: int
    min_rollouts: int
    min_auc: float | None
    max_false_positive_rate: float | None
    overall: TrustFigures
    domains: tuple[DomainTrust, ...]
