"""The statements for answered groups of rollouts sent one by one: text under a key, until it expires."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from memreward_service.store.rows import chunks
from memreward_service.store.schema import settled_group


def select_answered(connection: Connection, key: str) -> str | None:
    """The state under `key`, None once it has expired."""
    wanted = select(settled_group.c.state).where(settled_group.c.key == key, settled_group.c.expires_at > time.time())
    return connection.execute(wanted).scalar_one_or_none()


def keep_answered(
    connection: Connection, groups: Mapping[str, str], keep_seconds: float, merged: Callable[[str, str], str]
) -> dict[str, str]:
    """Write `groups`, by key, and purge what has expired.

    What is there already becomes `merged(stored, given)`: of two writers the second one sees what the first one
    wrote, because an insert that loses waits for the winner. Returns what is stored now.
    """
    now = time.time()
    connection.execute(delete(settled_group).where(settled_group.c.expires_at <= now))
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    expiry = now + keep_seconds
    keys = sorted(groups)  # one order: no deadlock between writers
    connection.execute(
        dialect.insert(settled_group).on_conflict_do_nothing(),
        [{"key": key, "state": groups[key], "expires_at": expiry} for key in keys],
    )
    stored: dict[str, str] = {}
    for chunk in chunks(keys):
        found = select(settled_group.c.key, settled_group.c.state).where(settled_group.c.key.in_(chunk))
        stored |= {row.key: row.state for row in connection.execute(found.order_by("key").with_for_update())}
    kept = {key: state if state == groups[key] else merged(state, groups[key]) for key, state in stored.items()}
    if changed := [key for key in keys if kept[key] != stored[key]]:
        connection.execute(
            update(settled_group)
            .where(settled_group.c.key == bindparam("changed"))
            .values(state=bindparam("new_state"), expires_at=expiry),
            [{"changed": key, "new_state": kept[key]} for key in changed],
        )
    return kept
