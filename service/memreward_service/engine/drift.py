"""The guard against agreeing on nonsense: which groups have a drifting consensus, by their history and by their run.

groups/drift.py has the tests, trust/consensus.py what a run agreed on so far, belief/drift.py what is answered. Labels
decide, so the planner asks for one first (labels/planner.py); where none may be had, the rollouts that would be
rewarded for the drifting answer are abstained from.
"""

from __future__ import annotations

import logging

from prometheus_client import Counter

from memreward_proto.records import Domain, Group, Prediction, filled
from memreward_service.belief.drift import WORDS, Drift, is_decided, without_drift
from memreward_service.belief.posterior import GroupBelief
from memreward_service.groups.drift import Consensus
from memreward_service.rendezvous import Claim
from memreward_service.settings import Settings
from memreward_service.trust.consensus import RunConsensus
from memreward_service.trust.window import AnsweredGroup

DRIFTING = Counter(
    "memreward_drift_groups",
    'Groups with a drifting consensus, by cause and by what came of it: "label" was asked for, or "abstain".',
    ["domain", "cause", "outcome"],
)
_log = logging.getLogger(__name__)


class DriftGuard:
    """Judges groups. Lives on one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._on = settings.drift_guard
        self._threshold = settings.threshold
        self._runs = RunConsensus()
        self._warned: set[tuple[str, str]] = set()

    def of(
        self, group: Group, consensus: Consensus | None, belief: GroupBelief, run_id: str | None = None
    ) -> Drift | None:
        """The drift of a group that no label has decided; `run_id`: of which run it is."""
        if not self._on or consensus is None:
            return None
        key = int(belief.key[consensus.rollout])
        cause = self._cause(group, consensus, run_id)
        if cause is None or is_decided(belief, key, [rollout.label for rollout in group.rollouts]):
            return None
        return Drift(key, cause)

    def answered(self, claim: Claim, group: Group, consensus: Consensus | None, answered: AnsweredGroup) -> None:
        """A group of a run has its answer."""
        pairs = zip(answered.unseen(), answered.labels, strict=True)
        labels = [(believed, label) for believed, label in pairs if believed is not None and label is not None]
        self._runs.of(claim.key.run_id).add(_query(group), consensus, labels)

    def guarded(
        self, group: Group, predictions: tuple[Prediction, ...], belief: GroupBelief, drift: Drift | None
    ) -> tuple[Prediction, ...]:
        """The predictions, abstained from where they would reward a drifting answer."""
        if drift is None:
            return predictions
        kept = without_drift(predictions, belief, drift, self._threshold)
        if kept != predictions:
            self.count(group, drift, "abstain")
        return kept

    def count(self, group: Group, drift: Drift, outcome: str) -> None:
        """Tell of a drifting group: in the metrics, and the first of its kind in the log."""
        domain = Domain(filled(group.query.domain))
        DRIFTING.labels(domain, drift.cause, outcome).inc()
        if (domain, drift.cause) not in self._warned:
            self._warned.add((domain, drift.cause))
            _log.warning(
                "Groups of %s have a drifting consensus: %s. Labels decide on them; until then such answers are not "
                "rewarded (memreward_drift_groups counts them, MEMREWARD_DRIFT_GUARD=false turns this off).",
                domain, WORDS[drift.cause],
            )  # fmt: skip

    def _cause(self, group: Group, consensus: Consensus, run_id: str | None) -> str | None:
        if consensus.moved:
            return "moved"
        if run_id is None:
            return None
        run = self._runs.of(run_id)
        if run.spreads(consensus.key, _query(group)):
            return "spreading"
        return "contradicted" if run.contradicted else None


def _query(group: Group) -> int:
    """Hashes hold in this process."""
    return hash((group.query.domain, group.query.text))
