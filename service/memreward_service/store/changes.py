"""What a call would change: the incoming content compared with what is stored. No database in here.

    id unknown                        -> added
    id known, same content            -> nothing, or a label that is new or different
    id known, different content       -> Conflict, and the whole call changes nothing

The same rules hold for an id that occurs twice in one call: the first occurrence counts as stored. What
identifies no content (a query's dataset, a rollout's policy and step) stays as it was first stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from memreward_proto.errors import Conflict, InvalidArgument, NotFound
from memreward_proto.records import Experience, Label, Query, Rollout, StoredRollout, filled
from memreward_service.store.schema import is_plain

MAX_ID_CHARS = 512
"""Longest id: PostgreSQL indexes keys up to 2.7 kB."""
MAX_STEP = 2**63 - 1
"""Largest step that a database column holds."""


@dataclass(slots=True)
class Placed:
    """A rollout with its place: `position` counts from 0 the rollouts of its query as first stored, pruned ones too."""

    query_id: str
    position: int
    stored: StoredRollout


@dataclass(slots=True)
class Known:
    """The part of the store that a call touches. `sizes`: the next position by query; `versions`: last changes."""

    queries: dict[str, Query] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    rollouts: dict[str, Placed] = field(default_factory=dict)


@dataclass(slots=True)
class Change:
    """The difference. `labels` are new values of stored rollouts, `stamped` the stored queries that change.

    `labels_changed` is what the caller hears; `labels_added` is by how much the labelled rollouts grow.
    """

    queries: dict[str, Query] = field(default_factory=dict)
    rollouts: dict[str, Placed] = field(default_factory=dict)
    labels: dict[str, tuple[float, str | None]] = field(default_factory=dict)
    stamped: set[str] = field(default_factory=set)
    labels_changed: int = 0
    labels_added: int = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to store."""
        return not (self.queries or self.rollouts or self.labels)


def compare_experience(queries: Sequence[Experience], known: Known) -> Change:
    """The change that storing `queries` makes; `known` grows by it. Raises Conflict naming the field."""
    change = Change()
    for i, experience in enumerate(queries):
        _compare_query(experience, known, change, f"queries[{i}].id")
        for j, stored in enumerate(experience.rollouts):
            _compare_rollout(filled(experience.id), stored, known, change, f"queries[{i}].rollouts[{j}].id")
    return change


def compare_labels(labels: Sequence[Label], known: Known) -> Change:
    """The change that storing `labels` makes. Raises NotFound naming the first unknown rollout."""
    change = Change()
    for i, label in enumerate(labels):
        placed = known.rollouts.get(label.rollout_id)
        if placed is None:
            raise NotFound(
                f"No stored rollout has the id {label.rollout_id!r}: store its experience first.",
                field=f"labels[{i}].rollout_id",
                rollout_id=label.rollout_id,
            )
        _compare_label(placed, label.label, label.source, change)
    return change


def _compare_query(query: Query, known: Known, change: Change, name: str) -> None:
    query_id = filled(query.id)
    stored = known.queries.get(query_id)
    if stored is None:
        known.queries[query_id] = change.queries[query_id] = query
        known.sizes[query_id] = 0
    elif (stored.text, stored.domain) != (query.text, query.domain):
        raise Conflict(
            f"The query id {query_id!r} is taken by another text or domain: choose another id.",
            field=name,
            query_id=query_id,
        )


def _compare_rollout(query_id: str, stored: StoredRollout, known: Known, change: Change, name: str) -> None:
    rollout_id = filled(stored.id)
    placed = known.rollouts.get(rollout_id)
    if placed is None:
        placed = Placed(query_id, known.sizes[query_id], stored)
        known.rollouts[rollout_id] = change.rollouts[rollout_id] = placed
        known.sizes[query_id] += 1
        change.labels_added += stored.label is not None
        if query_id not in change.queries:
            change.stamped.add(query_id)
        return
    if placed.query_id != query_id or _content(placed.stored) != _content(stored):
        raise Conflict(
            f"The rollout id {stored.id!r} is taken by another response or query: choose another id.",
            field=name,
            rollout_id=stored.id,
        )
    if stored.label is not None:
        _compare_label(placed, stored.label, stored.label_source, change)


def _compare_label(placed: Placed, label: float, source: str | None, change: Change) -> None:
    """A label is its value and its source; no source given means the source of an equal value stays."""
    before = placed.stored
    if before.label == label and source in (None, before.label_source):
        return
    change.labels_changed += 1
    change.labels_added += before.label is None
    placed.stored = replace(before, label=label, label_source=source)
    rollout_id = filled(before.id)
    if rollout_id not in change.rollouts:
        change.labels[rollout_id] = (label, source)
        change.stamped.add(placed.query_id)


def _content(rollout: Rollout) -> tuple[object, ...]:
    return rollout.response, rollout.thinking, rollout.answer, rollout.answer_key, rollout.behaviour


def check_experience(queries: Sequence[Experience]) -> None:
    """Raise InvalidArgument for an id, label or step that no database column can keep."""
    for i, experience in enumerate(queries):
        check_id(experience.id, f"queries[{i}].id")
        for j, stored in enumerate(experience.rollouts):
            name = f"queries[{i}].rollouts[{j}]"
            check_id(stored.id, f"{name}.id")
            if stored.label is not None:
                _check_label(stored.label, f"{name}.label")
            if stored.step is not None and abs(stored.step) > MAX_STEP:
                raise InvalidArgument("A step must fit in 64 bits.", field=f"{name}.step")


def check_labels(labels: Sequence[Label]) -> None:
    """Raise InvalidArgument for a label outside [0, 1]."""
    for i, label in enumerate(labels):
        _check_label(label.label, f"labels[{i}].label")


def check_id(given: str | None, name: str) -> None:
    """Raise InvalidArgument for an id or key that no database can index."""
    if given is None or not 0 < len(given) <= MAX_ID_CHARS or not is_plain(given):
        raise InvalidArgument(f"An id must be 1 to {MAX_ID_CHARS} characters of plain text.", field=name)


def _check_label(label: float, name: str) -> None:
    if not 0 <= label <= 1:
        raise InvalidArgument("A label must be a number from 0 to 1.", field=name)
