"""Histories that outlive rollouts (query_history); when a rollout was stored, and the version of a program's inputs."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the empty table, and add the columns: what is stored already counts as stored now."""
    op.create_table(
        "query_history",
        sa.Column("query_id", KEY, primary_key=True),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("dataset", sa.Text),
        sa.Column("history", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.create_index("query_history_by_version", "query_history", ["version", "query_id"])
    op.add_column("rollout", sa.Column("behaviour_version", sa.Text))
    op.add_column("rollout", sa.Column("stored_at", sa.Double, nullable=False, server_default=str(time.time())))
