"""From probabilities to rewards: threshold or soft, and abstention."""

from __future__ import annotations

from memreward_proto.records import Prediction, Rollout, Source, Status
from memreward_service.belief.posterior import GroupBelief
from memreward_service.groups.batch import ParsedGroup
from memreward_service.settings import Settings


def rewards_of(
    group: ParsedGroup, belief: GroupBelief, source: Source, known: bool, settings: Settings
) -> tuple[Prediction, ...]:
    """One prediction a rollout, in order; `source` says what predicted.

    `known`: the group is like something that was seen, or has siblings that agree or not. Else, and without a label,
    there is nothing to go by, and the predictions are abstentions.
    """
    labels = [rollout.label for rollout in group.rollouts]
    unknown = not known and not belief.evidence(labels).any()
    return tuple(
        _prediction(rollout, value, source, unknown, settings)
        for rollout, value in zip(group.rollouts, belief.probability(labels).tolist(), strict=True)
    )


def _prediction(rollout: Rollout, probability: float, source: Source, unknown: bool, settings: Settings) -> Prediction:
    """A known label is its own reward. A blank response is invalid: nothing was answered that could be right."""
    if rollout.label is not None:
        return Prediction(rollout.label, rollout.label, Status.OK, Source.LABEL)
    if not rollout.response.strip():
        return Prediction(None, None, Status.INVALID, None)
    if unknown or abs(probability - settings.threshold) < settings.abstain_margin:
        return Prediction(None, probability, Status.ABSTAIN, None)
    soft = settings.reward_mode == "soft"
    reward = probability if soft else float(probability >= settings.threshold)
    return Prediction(reward, probability, Status.OK, source)
