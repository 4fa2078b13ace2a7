"""A drifting answer (groups/drift.py) in the belief about a group: whether labels have decided on it, and what is
answered while they have not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from memreward_proto.records import Prediction, Source, Status
from memreward_service.belief.posterior import GroupBelief

WORDS = {
    "moved": "most rollouts give an answer that earlier rollouts of the query seldom or never gave",
    "spreading": "the answer of most rollouts is that of more and more unrelated queries of the run",
    "contradicted": "labels of the run found far fewer rollouts right than was believed from what they agree on",
}
"""What speaks against a consensus, in words."""


@dataclass(frozen=True, slots=True)
class Drift:
    """The answer hypothesis `key` of a group, of C, is the consensus that drifts; `cause` is one of WORDS."""

    key: int
    cause: str

    @property
    def reason(self) -> str:
        """A sentence for who gets no reward."""
        return f"consensus_drift: {WORDS[self.cause]}, and no label has decided on it."


def is_decided(belief: GroupBelief, key: int, labels: Sequence[float | None]) -> bool:
    """Whether labels, of the group or of earlier ones, speak of answer `key`, or found another one right."""
    evidence = belief.evidence(labels)
    return bool(evidence[key] != 0 or (belief.exclusive and (evidence > 0).any()))


def without_drift(
    predictions: Sequence[Prediction], belief: GroupBelief, drift: Drift, threshold: float
) -> tuple[Prediction, ...]:
    """The predictions, or ABSTAIN with the reason for each rollout that would be rewarded for the drifting answer."""
    return tuple(
        replace(each, reward=None, status=Status.ABSTAIN, source=None, reason=drift.reason)
        if key == drift.key and _is_predicted_right(each, threshold)
        else each
        for each, key in zip(predictions, belief.key.tolist(), strict=True)
    )


def _is_predicted_right(prediction: Prediction, threshold: float) -> bool:
    predicted = prediction.source in (Source.GNN, Source.AGREEMENT)
    return predicted and prediction.probability is not None and prediction.probability >= threshold
