"""The statements of the store: rows to records and back. Many ids travel in one statement."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, insert, select, update

from memreward_proto.records import Domain, Experience, Query, StoredRollout, filled
from memreward_service.store.changes import Change, Known, Placed
from memreward_service.store.schema import clock, is_plain, query, query_history, rollout

CHANGES = ((query.c.id, query.c.version), (query_history.c.query_id, query_history.c.version))
"""What a version stamps."""
CHUNK = 500
"""Ids in one IN list: any SQLite build takes that many, and a longer one gains nothing."""


def chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """The distinct ids, at most CHUNK at a time, without those that no database can hold."""
    distinct = [key for key in dict.fromkeys(ids) if is_plain(key)]
    for start in range(0, len(distinct), CHUNK):
        yield distinct[start : start + CHUNK]


def select_queries(connection: Connection, ids: Iterable[str]) -> Iterator[Row[Any]]:
    """The rows of the query table with these ids, in no order."""
    for chunk in chunks(ids):
        yield from connection.execute(select(query).where(query.c.id.in_(chunk)))


def select_rollouts(connection: Connection, ids: Iterable[str]) -> Iterator[Row[Any]]:
    """The rows of the rollout table with these rollout ids, in no order."""
    for chunk in chunks(ids):
        yield from connection.execute(select(rollout).where(rollout.c.id.in_(chunk)))


def to_query(row: Row[Any]) -> Query:
    """A row of the query table as a record."""
    return Query(text=row.text, id=row.id, domain=Domain(row.domain), dataset=row.dataset)


def to_stored_rollout(row: Row[Any]) -> StoredRollout:
    """A row of the rollout table as a record."""
    behaviour = None if row.behaviour is None else tuple(map(tuple, json.loads(row.behaviour)))
    return StoredRollout(
        row.response,
        row.thinking,
        row.answer,
        row.answer_key,
        row.label,
        behaviour,
        row.id,
        row.label_source,
        row.policy,
        row.step,
        behaviour_version=row.behaviour_version,
    )


def with_rollouts(connection: Connection, queries: Collection[Query]) -> list[Experience]:
    """The queries, in their order, with all their rollouts in the order in which they were first stored."""
    rollouts: defaultdict[str, list[StoredRollout]] = defaultdict(list)
    for chunk in chunks(filled(given.id) for given in queries):
        of_queries: Select[Any] = select(rollout).where(rollout.c.query_id.in_(chunk))
        for row in connection.execute(of_queries.order_by(rollout.c.query_id, rollout.c.position)):
            rollouts[row.query_id].append(to_stored_rollout(row))
    return [
        Experience(given.text, given.id, given.domain, given.dataset, rollouts=tuple(rollouts[filled(given.id)]))
        for given in queries
    ]


def select_known(connection: Connection, query_ids: Collection[str], rollout_ids: Collection[str]) -> Known:
    """What is stored under the ids of a call, with the size of each of its queries."""
    known = Known()
    for row in select_queries(connection, query_ids):
        known.queries[row.id] = to_query(row)
        known.versions[row.id] = row.version
    known.sizes = dict.fromkeys(known.queries, 0)
    for chunk in chunks(known.queries):
        last = select(rollout.c.query_id, func.max(rollout.c.position)).where(rollout.c.query_id.in_(chunk))
        for query_id, position in connection.execute(last.group_by(rollout.c.query_id)):
            known.sizes[query_id] = position + 1
    for row in select_rollouts(connection, rollout_ids):
        known.rollouts[row.id] = Placed(row.query_id, row.position, to_stored_rollout(row))
    return known


def select_changes(connection: Connection, version: int, limit: int) -> list[tuple[str, int]]:
    """Changes of queries and of histories after `version`, as ExperienceStore.changed_since has them."""
    found: set[tuple[str, int]] = set()
    for key, at in CHANGES:
        newer = select(key, at).where(at > version).order_by(at, key).limit(limit)
        found |= {(row[0], row[1]) for row in connection.execute(newer)}
    page = sorted(found, key=lambda change: (change[1], change[0]))[:limit]
    if page and len(page) == limit:
        last_id, last = page[-1]
        rest = {
            row[0] for key, at in CHANGES for row in connection.execute(select(key).where(at == last, key > last_id))
        }
        page += [(key, last) for key in sorted(rest)]
    return page


def lock_clock(connection: Connection) -> int:
    """The current version; until the transaction ends nobody else can take the next one."""
    return int(connection.execute(select(clock.c.version).with_for_update()).scalar_one())


def store_change(connection: Connection, change: Change, version: int) -> None:
    """Write a change that is not empty under `version`, the one after that of `lock_clock`."""
    if change.queries:
        connection.execute(insert(query), [_query_row(given, version) for given in change.queries.values()])
    if change.rollouts:
        now = time.time()
        connection.execute(insert(rollout), [_rollout_row(placed, now) for placed in change.rollouts.values()])
    if change.labels:
        relabel = update(rollout).where(rollout.c.id == bindparam("rollout_id"))
        connection.execute(
            relabel.values(label=bindparam("new_label"), label_source=bindparam("new_source")),
            [
                {"rollout_id": key, "new_label": label, "new_source": source}
                for key, (label, source) in change.labels.items()
            ],
        )
    for chunk in chunks(change.stamped):
        connection.execute(update(query).where(query.c.id.in_(chunk)).values(version=version))
    connection.execute(
        update(clock).values(
            version=version,
            queries=clock.c.queries + len(change.queries),
            rollouts=clock.c.rollouts + len(change.rollouts),
            labels=clock.c.labels + change.labels_added,
        )
    )


def _query_row(given: Query, version: int) -> dict[str, object]:
    return {
        "id": given.id,
        "text": given.text,
        "domain": str(given.domain),
        "dataset": given.dataset,
        "version": version,
    }


def _rollout_row(placed: Placed, now: float) -> dict[str, object]:
    stored = placed.stored
    # Not in ASCII: JSON's escapes of two lone surrogates would be read back as one letter.
    behaviour = None if stored.behaviour is None else json.dumps(stored.behaviour, ensure_ascii=False)
    return {
        "id": stored.id,
        "query_id": placed.query_id,
        "position": placed.position,
        "response": stored.response,
        "thinking": stored.thinking,
        "answer": stored.answer,
        "answer_key": stored.answer_key,
        "label": stored.label,
        "label_source": None if stored.label is None else stored.label_source,
        "policy": stored.policy,
        "step": stored.step,
        "behaviour": behaviour,
        "behaviour_version": stored.behaviour_version,
        "stored_at": now,
    }
