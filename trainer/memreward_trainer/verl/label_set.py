"""Which rows of a verl run have a reference answer: those whose query is in the label set of the run.

The label set says so by the id of the query, so that all rollouts of a group are labelled, or none is.
"""

from __future__ import annotations

import logging
import numbers
from collections import Counter
from typing import Any

from memreward_trainer.adapter.unscored import Tally
from memreward_trainer.label_sets.choose import LabelSet, LabelSetError
from memreward_trainer.verl.rows import column
from memreward_trainer.verl.settings import VerlSettings

logger = logging.getLogger(__name__)

EXPECTED_GROUPS = 12.0
"""A worker that should have met so many labelled groups and met none has the wrong ids: chance does that once in
160,000 runs."""


class LabelledQueries:
    """Says for each training row whether its query has a reference answer."""

    def __init__(self, ids: dict[str, frozenset[str]], settings: VerlSettings) -> None:
        self._ids, self._settings = ids, settings
        self._strangers: set[str] | None = set()

    @classmethod
    def of(cls, settings: VerlSettings) -> LabelledQueries | None:
        """Those of the run; None where it has no label set.

        Raises:
            LabelSetError: the file cannot be read, or has another ratio.
        """
        if settings.label_set is None or settings.label_ratio is None:
            return None
        return cls(LabelSet.read(settings.label_set).at(settings.label_ratio), settings)

    def holds(self, columns: Any) -> bool:
        """Whether the query of this row is labelled; the data set may be named as in memory or as verl names it.

        Raises:
            ValueError: the row does not say its id, or the label set does not know its data set.
        """
        source = str(columns["data_source"])
        named = (self._settings.datasets.get(source, source), source)
        ids = next((self._ids[dataset] for dataset in named if dataset in self._ids), None)
        if ids is None:
            raise LabelSetError(
                f"The label set has no data set {named[0]!r}, only {', '.join(map(repr, sorted(self._ids)))}, so "
                "nobody knows whether its rows have labels: make one with that data set, name it by "
                "reward.memreward.datasets, or give it an empty list of ids in the file."
            )
        query_id = column(columns, self._settings.id_field)
        if isinstance(query_id, bool) or not isinstance(query_id, str | numbers.Integral):
            raise ValueError(
                f"A row has no whole number or text at {self._settings.id_field}, so nobody knows whether its query "
                "is in the label set: name the column of the ids by reward.memreward.id_field."
            )
        labelled = str(query_id) in ids
        self._watch(labelled, bool(ids), str(columns["uid"]), str(query_id))
        return labelled

    def _watch(self, labelled: bool, possible: bool, group_id: str, query_id: str) -> None:
        """Warn once if the ids of the rows seem not to be those of the label set."""
        if self._strangers is None or not possible:
            return
        if labelled:
            self._strangers = None
            return
        self._strangers.add(group_id)
        if len(self._strangers) * float(self._settings.label_ratio or 0) >= EXPECTED_GROUPS:
            known = sorted(next(ids for ids in self._ids.values() if ids))[0]
            logger.warning(
                "None of the first %d groups of this worker is in the label set, of which a share of %s should be: "
                "compare the ids at %s, such as %r, with those of the label set, such as %r.",
                len(self._strangers),
                self._settings.label_ratio,
                self._settings.id_field,
                query_id,
                known,
            )
            self._strangers = None


class RewardTally(Tally):
    """How many rollouts this worker has scored, `labelled` of them by their true reward, and how many it has not.

    `asked`: labels that the service has asked for; `refused`: those of them that could not be had, by cause.
    In the log with every rollout without a reward, and, at level INFO, when a step begins.
    """

    def __init__(self, *, with_labels: bool) -> None:
        super().__init__()
        self.labelled = self.asked = 0
        self.refused: Counter[str] = Counter()
        self._with_labels = with_labels
        self._step: int | None = None

    @property
    def predicted(self) -> int:
        """Of the scored, those with the reward that the service answered."""
        return self.scored - self.labelled

    def reached(self, step: int | None) -> None:
        """A rollout of this step has come."""
        if step != self._step:
            self._step = step
            logger.info("At step %s, in this worker: %s.", step, self)

    def __str__(self) -> str:
        text = super().__str__()
        if self._with_labels:
            text += f"; {self.labelled} labelled, {self.predicted} predicted"
        if self.asked:
            text += f"; {self.asked} labels asked for, {self.refused.total()} not given"
            causes = ", ".join(f"{cause} {count}" for cause, count in sorted(self.refused.items()))
            text += f" ({causes})" if causes else ""
        return text
