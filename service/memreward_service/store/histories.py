"""What is known of a query beside its stored rollouts: one row a query, of pruned rollouts and of answered groups.

The row is a line that others write and read (groups/history_lines.py). It is never deleted. What a query's history is,
is the row and what its stored rollouts say, as one (groups/history_merge.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)

from memreward_service.store.database import Database
from memreward_service.store.rows import chunks, lock_clock
from memreward_service.store.schema import clock, embedding, query, query_history, rollout


@dataclass(frozen=True, slots=True)
class KeptHistory:
    """A row. `identity`: that of the query's text and domain (identity.py); `line`: the history."""

    query_id: str
    identity: str
    dataset: str | None
    line: str


@dataclass(frozen=True, slots=True)
class RolloutSize:
    """What is to be known of a stored rollout to say whether it stays. `bytes`: of its texts."""

    id: str
    query_id: str
    labelled: bool
    stored_at: float
    bytes: int


@dataclass(frozen=True, slots=True)
class Removal:
    """Rollouts of one query that go, and the row that takes their place. It holds while the query is at `version`."""

    version: int
    rollout_ids: tuple[str, ...]
    history: KeptHistory
    embeddings: tuple[str, ...] = ()
    """Keys of vectors that no rollout of the query needs any more."""


class HistoryStore:
    """The rows, and the removal of rollouts. Synchronous; any thread may call it. Every method raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, query_ids: Collection[str]) -> dict[str, KeptHistory]:
        """The rows of the queries that have one, by id."""
        with self._database.read() as connection:
            return _select(connection, query_ids)

    def newer_queries(self, query_ids: Collection[str], version: int) -> set[str]:
        """Which of the queries are stored, and changed after `version` themselves, not their history alone."""
        with self._database.read() as connection:
            return {
                key
                for chunk in chunks(query_ids)
                for key in connection.scalars(
                    select(query.c.id).where(query.c.id.in_(chunk), query.c.version > version)
                )
            }

    def versions(self, query_ids: Collection[str]) -> dict[str, int]:
        """The versions of the last changes of stored queries, by id."""
        with self._database.read() as connection:
            return _versions(connection, query_ids)

    def record(self, given: Sequence[KeptHistory], merged: Callable[[str, str], str]) -> int:
        """Add to the rows, durably, all or none; a row that is there becomes `merged(stored, given)`. What changes
        nothing takes no version. Returns the version of the store."""
        with self._database.write() as connection:
            version = lock_clock(connection)
            changed = _changed(_select(connection, [one.query_id for one in given]), given, merged)
            if changed:
                version += 1
                _write(connection, changed, version)
                connection.execute(update(clock).values(version=version))
        return version

    def sizes(self) -> Iterator[RolloutSize]:
        """Every stored rollout, query after query, in the order in which they were stored."""
        columns = rollout.c.response, rollout.c.thinking, rollout.c.answer, rollout.c.answer_key, rollout.c.behaviour
        size = sum((func.coalesce(self._bytes(column), 0) for column in columns[1:]), self._bytes(columns[0]))
        wanted = select(
            rollout.c.id, rollout.c.query_id, rollout.c.label.is_not(None), rollout.c.stored_at, size
        ).order_by(rollout.c.query_id, rollout.c.position)  # fmt: skip
        with self._database.read() as connection:
            for row in connection.execution_options(yield_per=10_000).execute(wanted):
                yield RolloutSize(row[0], row[1], bool(row[2]), row[3], row[4])

    def _bytes(self, column: Column[Any]) -> ColumnElement[int]:
        """SQLite counts characters of a text, and bytes of a blob."""
        if self._database.url.get_backend_name() == "sqlite":
            return func.length(cast(column, LargeBinary))
        return func.octet_length(column)

    def remove(self, removals: Sequence[Removal], merged: Callable[[str, str], str]) -> list[Removal]:
        """Remove rollouts and write the rows that remember them, in one transaction. Returns what was removed: a query
        that changed meanwhile stays as it is."""
        with self._database.write() as connection:
            version = lock_clock(connection) + 1
            now = _versions(connection, [removal.history.query_id for removal in removals])
            valid = [removal for removal in removals if now.get(removal.history.query_id) == removal.version]
            if valid:
                _remove(connection, valid, merged, version)
        return valid


def _remove(
    connection: Connection, removals: Sequence[Removal], merged: Callable[[str, str], str], version: int
) -> None:
    query_ids = [removal.history.query_id for removal in removals]
    lines = _changed(_select(connection, query_ids), [removal.history for removal in removals], merged)
    _write(connection, lines, version)
    rollouts = labels = 0
    for chunk in chunks(key for removal in removals for key in removal.rollout_ids):
        gone = rollout.c.id.in_(chunk)
        labels += connection.scalar(select(func.count()).where(gone, rollout.c.label.is_not(None))) or 0
        rollouts += connection.execute(delete(rollout).where(gone)).rowcount
    for chunk in chunks(key for removal in removals for key in removal.embeddings):
        connection.execute(delete(embedding).where(embedding.c.key.in_(chunk)))
    for chunk in chunks(query_ids):
        connection.execute(update(query).where(query.c.id.in_(chunk)).values(version=version))
    connection.execute(
        update(clock).values(
            version=version, rollouts=clock.c.rollouts - rollouts, labels=clock.c.labels - labels
        )
    )  # fmt: skip


def _select(connection: Connection, query_ids: Collection[str]) -> dict[str, KeptHistory]:
    return {
        row.query_id: KeptHistory(row.query_id, row.identity, row.dataset, row.history)
        for chunk in chunks(query_ids)
        for row in connection.execute(select(query_history).where(query_history.c.query_id.in_(chunk)))
    }


def _versions(connection: Connection, query_ids: Collection[str]) -> dict[str, int]:
    return {
        row.id: row.version
        for chunk in chunks(query_ids)
        for row in connection.execute(select(query.c.id, query.c.version).where(query.c.id.in_(chunk)))
    }


def _changed(
    stored: Mapping[str, KeptHistory], given: Sequence[KeptHistory], merged: Callable[[str, str], str]
) -> dict[str, tuple[KeptHistory, bool]]:
    """The rows that become others, by id, and whether each is new."""
    now: dict[str, KeptHistory] = {}
    for one in given:
        before = now.get(one.query_id) or stored.get(one.query_id)
        now[one.query_id] = one if before is None else replace(before, line=merged(before.line, one.line))
    return {key: (one, key not in stored) for key, one in now.items() if key not in stored or stored[key] != one}


def _write(connection: Connection, rows: Mapping[str, tuple[KeptHistory, bool]], version: int) -> None:
    new = [one for one, is_new in rows.values() if is_new]
    changed = [one for one, is_new in rows.values() if not is_new]
    if new:
        connection.execute(
            insert(query_history),
            [
                {
                    "query_id": one.query_id, "identity": one.identity, "dataset": one.dataset, "history": one.line,
                    "version": version,
                }
                for one in new
            ],
        )  # fmt: skip
    if changed:
        known = update(query_history).where(query_history.c.query_id == bindparam("changed"))
        connection.execute(
            known.values(history=bindparam("line"), version=version),
            [{"changed": one.query_id, "line": one.line} for one in changed],
        )
