"""The tables of the durable store, as the newest migration leaves them (tests compare the two).

clock                   one row: the last version, and the sizes of the store at it
store                   one row: a name drawn at random when the database was made
query ──< rollout       what was learned; a query carries the version of its last change
query_history           what is known of a query beside its stored rollouts: of pruned and of answered ones
embedding               vectors by content key, so that a restart need not encode again
settled_group           answers to rollouts sent one by one, for retries; they expire
label_run, label_step   the label ledger: rollouts seen and labels asked for, of a run and of its training steps
label_group             what of a group was asked for, for retries; purged after a while
"""

from __future__ import annotations

import re

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

ESCAPED = "\ufdd0"
"""A Unicode noncharacter: it opens a text that is stored escaped."""

_REFUSED = re.compile("[\\x00\\ud800-\\udfff]")


class StoredText(TypeDecorator[str]):
    """Any Python string, exactly.

    NUL (which PostgreSQL refuses) and lone surrogates (for which UTF-8 has no form) do come out of sampled
    byte tokens; a text that holds one is stored with Python's unicode escapes.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Python -> database."""
        if value is None or is_plain(value):
            return value
        return ESCAPED + value.encode("unicode_escape").decode("ascii")

    def process_result_value(self, value: str | None, _dialect: Dialect) -> str | None:
        """Database -> Python."""
        if value is None or not value.startswith(ESCAPED):
            return value
        return value[1:].encode("ascii").decode("unicode_escape")


def is_plain(text: str) -> bool:
    """Whether every database takes the text as it is."""
    return not text.startswith(ESCAPED) and _REFUSED.search(text) is None


Key = Text().with_variant(Text(collation="C"), "postgresql")
"""Ids compare byte by byte on both databases, so that pages come in one order everywhere."""

metadata = MetaData()

clock = Table(
    "clock",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="clock_one_row"), primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    Column("queries", BigInteger, nullable=False),
    Column("rollouts", BigInteger, nullable=False),
    Column("labels", BigInteger, nullable=False),
)

store = Table("store", metadata, Column("name", Text, primary_key=True))

query = Table(
    "query",
    metadata,
    Column("id", Key, primary_key=True),
    Column("text", StoredText, nullable=False),
    Column("domain", Text, nullable=False),
    Column("dataset", StoredText),
    Column("version", BigInteger, nullable=False),
    Index("query_by_version", "version", "id"),
)

rollout = Table(
    "rollout",
    metadata,
    Column("id", Key, primary_key=True),
    Column("query_id", Key, ForeignKey("query.id", name="rollout_of_query"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("response", StoredText, nullable=False),
    Column("thinking", StoredText),
    Column("answer", StoredText),
    Column("answer_key", StoredText),
    Column("label", Double, CheckConstraint("label >= 0 AND label <= 1", name="label_in_unit_interval")),
    Column("label_source", StoredText),
    Column("policy", StoredText),
    Column("step", BigInteger),
    Column("behaviour", StoredText),
    Column("behaviour_version", StoredText),
    Column("stored_at", Double, nullable=False, server_default="0"),
    UniqueConstraint("query_id", "position", name="rollout_order"),
)
Index(
    "rollout_labelled",
    rollout.c.query_id,
    sqlite_where=rollout.c.label.is_not(None),
    postgresql_where=rollout.c.label.is_not(None),
)

query_history = Table(
    "query_history",
    metadata,
    Column("query_id", Key, primary_key=True),
    Column("identity", Text, nullable=False),
    Column("dataset", StoredText),
    Column("history", StoredText, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index("query_history_by_version", "version", "query_id"),
)

embedding = Table(
    "embedding",
    metadata,
    Column("key", Key, primary_key=True),
    Column("vector", LargeBinary, nullable=False),
)

settled_group = Table(
    "settled_group",
    metadata,
    Column("key", Key, primary_key=True),
    Column("state", Text, nullable=False),
    Column("expires_at", Double, nullable=False),
    Index("settled_group_by_expiry", "expires_at"),
)

label_run = Table(
    "label_run",
    metadata,
    Column("run_id", Key, primary_key=True),
    Column("rollouts", BigInteger, nullable=False),
    Column("labels", BigInteger, nullable=False),
)

label_step = Table(
    "label_step",
    metadata,
    Column("run_id", Key, primary_key=True),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("rollouts", BigInteger, nullable=False),
    Column("labels", BigInteger, nullable=False),
)

label_group = Table(
    "label_group",
    metadata,
    Column("run_id", Key, primary_key=True),
    Column("key", Key, primary_key=True),
    Column("step", BigInteger, nullable=False),
    Column("granted", Text, nullable=False),
    Column("made_at", Double, nullable=False),
    Index("label_group_by_age", "made_at"),
)
