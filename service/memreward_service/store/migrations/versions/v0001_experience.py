"""The first tables: clock, query, rollout, embedding. Later changes of schema.py do not belong here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables and start the clock at version 0."""
    clock = op.create_table(
        "clock",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("queries", sa.BigInteger, nullable=False),
        sa.Column("rollouts", sa.BigInteger, nullable=False),
        sa.Column("labels", sa.BigInteger, nullable=False),
        sa.CheckConstraint("id = 1", name="clock_one_row"),
    )
    op.bulk_insert(clock, [{"id": 1, "version": 0, "queries": 0, "rollouts": 0, "labels": 0}])
    op.create_table(
        "query",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("dataset", sa.Text),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.create_index("query_by_version", "query", ["version", "id"])
    _create_rollout()
    op.create_table(
        "embedding",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )


def _create_rollout() -> None:
    op.create_table(
        "rollout",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("query_id", KEY, sa.ForeignKey("query.id", name="rollout_of_query"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("response", sa.Text, nullable=False),
        sa.Column("thinking", sa.Text),
        sa.Column("answer", sa.Text),
        sa.Column("answer_key", sa.Text),
        sa.Column("label", sa.Double),
        sa.Column("label_source", sa.Text),
        sa.Column("policy", sa.Text),
        sa.Column("step", sa.BigInteger),
        sa.CheckConstraint("label >= 0 AND label <= 1", name="label_in_unit_interval"),
        sa.UniqueConstraint("query_id", "position", name="rollout_order"),
    )
    labelled = sa.text("label IS NOT NULL")
    op.create_index("rollout_labelled", "rollout", ["query_id"], sqlite_where=labelled, postgresql_where=labelled)
