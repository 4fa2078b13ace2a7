"""READ FIRST: the durable truth of the service. Index, memory states and models can be made again from it.

How a write goes: check the request, take the write lock of the clock (rows.py), load what is stored under the
ids of the call, compare (changes.py), write the difference under the next version, commit. Because the clock
is locked first, versions are committed in order: who has read version v has read everything before v.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from sqlalchemy import exists, select
from sqlalchemy.dialects import postgresql, sqlite

from memreward_proto.errors import InvalidArgument, NotFound
from memreward_proto.records import (
    Experience,
    ExperienceReceipt,
    Label,
    LabelCharge,
    LabelReceipt,
    LabelSpending,
    StoreCounts,
    filled,
)
from memreward_service.store.answered_groups import keep_answered, select_answered
from memreward_service.store.changes import (
    check_experience,
    check_id,
    check_labels,
    compare_experience,
    compare_labels,
)
from memreward_service.store.database import Database
from memreward_service.store.histories import HistoryStore
from memreward_service.store.label_ledger import check_charge, grant, select_spending
from memreward_service.store.rows import (
    chunks,
    lock_clock,
    select_changes,
    select_known,
    select_queries,
    select_rollouts,
    store_change,
    to_query,
    with_rollouts,
)
from memreward_service.store.schema import clock, embedding, is_plain, query, rollout, store


class ExperienceStore:
    """Queries, rollouts, labels, embeddings and the label ledger in SQLite or PostgreSQL.

    Synchronous; any thread may call it. Opening it creates the SQLite file and its folder, and brings the schema up
    to date; several processes may do so at once. `lock_timeout_s`: how long a write waits for other processes. Every
    method raises Unavailable when the database does not answer or the store is closed.
    """

    def __init__(self, url: str, *, lock_timeout_s: float = 30.0) -> None:
        """Raises InvalidArgument for a URL that is neither an SQLite file nor PostgreSQL, Unavailable."""
        self._database = Database(url, lock_timeout_s)
        self.histories = HistoryStore(self._database)
        """What is known of queries beside their stored rollouts."""

    def close(self) -> None:
        """Close all connections; later calls raise Unavailable."""
        self._database.close()

    def add_experience(self, queries: Sequence[Experience]) -> ExperienceReceipt:
        """Store all or nothing, durably. Every id is filled in (identity.with_ids does it).

        Raises InvalidArgument (an id, label or step that cannot be kept) and Conflict (an id taken by
        different content), both with `field`. A label of None never clears a stored one; changes.py has all
        rules.
        """
        check_experience(queries)
        query_ids = tuple(filled(experience.id) for experience in queries)
        rollout_ids = tuple(tuple(filled(stored.id) for stored in experience.rollouts) for experience in queries)
        with self._database.write() as connection:
            version = lock_clock(connection)
            known = select_known(connection, query_ids, [key for keys in rollout_ids for key in keys])
            change = compare_experience(queries, known)
            if not change.empty:
                version += 1
                store_change(connection, change, version)
            elif queries:
                version = max(known.versions[key] for key in query_ids)
        return ExperienceReceipt(
            version=version,
            queries_added=len(change.queries),
            rollouts_added=len(change.rollouts),
            labels_changed=change.labels_changed,
            query_ids=query_ids,
            rollout_ids=rollout_ids,
        )

    def add_labels(self, labels: Sequence[Label]) -> LabelReceipt:
        """Label stored rollouts, all or none. The same value from the same source again changes nothing.

        Raises InvalidArgument (a label outside [0, 1]) and NotFound (an unknown rollout), both with `field`.
        """
        check_labels(labels)
        rollout_ids = [label.rollout_id for label in labels]
        with self._database.write() as connection:
            version = lock_clock(connection)
            rows = list(select_rollouts(connection, rollout_ids))
            known = select_known(connection, [row.query_id for row in rows], rollout_ids)
            change = compare_labels(labels, known)
            if not change.empty:
                version += 1
                store_change(connection, change, version)
            elif labels:
                version = max(known.versions.values())
        return LabelReceipt(version, change.labels_changed)

    def name(self) -> str:
        """The name that this store was given at random when it was made: another store has another one."""
        with self._database.read() as connection:
            return str(connection.execute(select(store.c.name)).scalar_one())

    def counts(self) -> StoreCounts:
        """Sizes and version, kept beside the clock: one row is read however large the store is."""
        with self._database.read() as connection:
            row = connection.execute(select(clock)).one()
        return StoreCounts(row.version, row.queries, row.rollouts, row.labels)

    def changed_since(self, version: int, limit: int) -> list[tuple[str, int]]:
        """(query id, version of a change) of the queries changed after `version`, or whose history is; oldest first.

        About `limit` of them: a version is never split, so the last one is completed even past `limit`. To
        follow the store, call again with the last version of the page; an empty page means that `version` is
        the newest. A query that changes again meanwhile moves to its newer version and is met there.
        """
        with self._database.read() as connection:
            return select_changes(connection, version, limit)

    def load(self, query_ids: Sequence[str]) -> list[Experience]:
        """The stored queries with their rollouts, in the order asked. Raises NotFound with `query_id`."""
        with self._database.read() as connection:
            found = {row.id: to_query(row) for row in select_queries(connection, query_ids)}
            for key in query_ids:
                if key not in found:
                    raise NotFound(f"No stored query has the id {key!r}.", query_id=key)
            return with_rollouts(connection, [found[key] for key in query_ids])

    def query_ids_of(self, rollout_ids: Collection[str]) -> list[str]:
        """Of which queries the stored rollouts are, in order; unknown ids are left out."""
        with self._database.read() as connection:
            return sorted({row.query_id for row in select_rollouts(connection, rollout_ids)})

    def labelled_of(self, rollout_ids: Collection[str]) -> set[str]:
        """Which of the rollouts have a label."""
        with self._database.read() as connection:
            return {row.id for row in select_rollouts(connection, rollout_ids) if row.label is not None}

    def page(self, after: str | None, limit: int) -> list[Experience]:
        """At most `limit` queries with their rollouts, in the order of ids (by bytes), after `after`."""
        chosen = select(query).order_by(query.c.id).limit(limit)
        if after is not None:
            if not is_plain(after):
                raise InvalidArgument("The id to go on after must be plain text.", field="after")
            chosen = chosen.where(query.c.id > after)
        with self._database.read() as connection:
            return with_rollouts(connection, [to_query(row) for row in connection.execute(chosen)])

    def labelled_query_ids(self, limit: int) -> list[str]:
        """Ids of at most `limit` queries with a labelled rollout, the most recently changed first."""
        labelled = exists().where(rollout.c.query_id == query.c.id, rollout.c.label.is_not(None))
        newest = query.c.version.desc(), query.c.id
        with self._database.read() as connection:
            return list(connection.scalars(select(query.c.id).where(labelled).order_by(*newest).limit(limit)))

    def query_texts(self, query_ids: Sequence[str]) -> dict[str, str]:
        """The texts of the queries that are stored, by id; unknown ids are left out."""
        with self._database.read() as connection:
            return {
                key: text
                for chunk in chunks(query_ids)
                for key, text in connection.execute(select(query.c.id, query.c.text).where(query.c.id.in_(chunk)))
            }

    def embeddings(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The stored vectors by key, exactly the bytes that were put; unknown keys are left out."""
        with self._database.read() as connection:
            return {
                key: vector
                for chunk in chunks(keys)
                for key, vector in connection.execute(select(embedding).where(embedding.c.key.in_(chunk)))
            }

    def put_embeddings(self, items: Mapping[str, bytes]) -> None:
        """Store vectors under their content keys; a key that is there already keeps its vector. Takes no
        version.

        Raises InvalidArgument for an empty key, or one that is longer than an id or not plain text.
        """
        for key in items:
            check_id(key, "key")
        if not items:
            return
        rows = [{"key": key, "vector": items[key]} for key in sorted(items)]  # one order: no deadlock between writers
        with self._database.write() as connection:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            connection.execute(dialect.insert(embedding).on_conflict_do_nothing(), rows)

    def answered_group(self, key: str) -> str | None:
        """What `keep_answered_groups` stored under `key`, None once it has expired."""
        with self._database.read() as connection:
            return select_answered(connection, key)

    def keep_answered_groups(
        self, groups: Mapping[str, str], keep_seconds: float, merged: Callable[[str, str], str]
    ) -> dict[str, str]:
        """Store the answered groups, by key, for `keep_seconds`, all or none, durably. Takes no version.

        `merged(stored, given)` says what becomes of a group that is there already; what it raises is raised here.
        Returns what is stored now.
        """
        with self._database.write() as connection:
            return keep_answered(connection, groups, keep_seconds, merged)

    def grant_labels(
        self, charge: LabelCharge, groups: Mapping[str, int], wanted: Sequence[tuple[str, int]]
    ) -> list[bool]:
        """Which of the `wanted` labels, (group, rollout index) in order of preference, may be asked for.

        `groups`: their sizes by name; the rollouts of each count once for its run and step, that with which it came
        first. An answer is True for a label that was granted before, and for one that is granted now because its step
        and its run stay within the budget; it is charged then, durably, and is never given back. Takes no version.
        Raises InvalidArgument with `field`.
        """
        check_charge(charge, groups, wanted)
        with self._database.write() as connection:
            return grant(connection, charge, groups, wanted)

    def label_spending(self, run_id: str) -> LabelSpending:
        """The rollouts and granted labels of a run and of its steps, in order; zeros for a run that is not known."""
        with self._database.read() as connection:
            return select_spending(connection, run_id)
