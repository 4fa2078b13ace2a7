"""Labels: which ones to ask for, what may be spent on them, and what they say of the predictions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from memreward_proto.records.rollouts import Domain


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
class Interval:
    """The ends of an interval that holds the true figure 95 times of 100, for audits drawn anew."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TrustIntervals:
    """The intervals of estimated figures; None where the figure is not defined."""

    auc: Interval | None
    false_positive_rate: Interval | None
    false_negative_rate: Interval | None


@dataclass(frozen=True, slots=True)
class StepTrust:
    """The figures of one training step."""

    step: int
    figures: TrustFigures


@dataclass(frozen=True, slots=True)
class DomainTrust:
    """The `figures` over the labelled rollouts of one domain, and of its last steps, in order; `predicted`: the same,
    estimated for the last rollouts whose rewards were predicted, from so many `audited` ones, with an `interval` each;
    where these are `too_few`, a sentence, nothing is estimated. Where not `trusted`, every prediction of the domain is
    answered abstain, for the `reason`, a sentence."""

    domain: Domain
    trusted: bool
    reason: str | None
    figures: TrustFigures
    predicted: TrustFigures
    interval: TrustIntervals
    audited: int
    too_few: str | None
    steps: tuple[StepTrust, ...]


@dataclass(frozen=True, slots=True)
class TrustReport:
    """Trust in the predictions of the groups that were answered last, `window` rollouts of each domain, and of all
    together.

    The bounds are those of the settings, None where off; `min_rollouts` is how many audited rollouts an estimate takes.
    """

    window: int
    min_rollouts: int
    min_auc: float | None
    max_false_positive_rate: float | None
    overall: TrustFigures
    domains: tuple[DomainTrust, ...]
