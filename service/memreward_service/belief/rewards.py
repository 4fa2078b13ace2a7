"""From probabilities to rewards: threshold or soft, and abstention."""

from __future__ import annotations

from memreward_proto.records import Explanation, Prediction, Source, Status
from memreward_service.groups.batch import ParsedGroup
from memreward_service.groups.features import FEATURES
from memreward_service.settings import Settings


def predictions(
    group: ParsedGroup, probability: list[float], features: list[list[float]] | None, settings: Settings
) -> tuple[Prediction, ...]:
    """One prediction a rollout, in order. `features` (n, F) are given where an explanation was asked for."""
    explained = [
        _explanation(group, index, features[index]) if features is not None else None
        for index in range(len(group.rollouts))
    ]
    return tuple(
        _prediction(rollout.response, rollout.label, value, explanation, settings)
        for rollout, value, explanation in zip(group.rollouts, probability, explained, strict=True)
    )


def _prediction(
    response: str, label: float | None, probability: float, explanation: Explanation | None, settings: Settings
) -> Prediction:
    """A known label is its own reward. A blank response is invalid: nothing was answered that could be right."""
    if label is not None:
        return Prediction(label, label, Status.OK, Source.LABEL, explanation)
    if not response.strip():
        return Prediction(None, None, Status.INVALID, None, explanation)
    if abs(probability - settings.threshold) < settings.abstain_margin:
        return Prediction(None, probability, Status.ABSTAIN, None, explanation)
    soft = settings.reward_mode == "soft"
    reward = probability if soft else float(probability >= settings.threshold)
    return Prediction(reward, probability, Status.OK, Source.GNN, explanation)


def _explanation(group: ParsedGroup, index: int, features: list[float]) -> Explanation:
    parsed, key = group.parsed[index], group.parsed[index].answer_key
    siblings = [
        rollout.label
        for place, (rollout, other) in enumerate(zip(group.rollouts, group.parsed, strict=True))
        if place != index and key is not None and other.answer_key == key and rollout.label is not None
    ]
    return Explanation(
        answer=parsed.answer,
        answer_key=key or "",
        agreement=features[FEATURES.index("share")],
        same_key_right=sum(label >= 0.5 for label in siblings),
        same_key_wrong=sum(label < 0.5 for label in siblings),
    )
