"""The label ledger (label_run, label_step, label_group), and what programs did: rollout.behaviour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the column, unknown for what is stored already, and create the empty tables."""
    op.add_column("rollout", sa.Column("behaviour", sa.Text))
    op.create_table(
        "label_run",
        sa.Column("run_id", KEY, primary_key=True),
        sa.Column("rollouts", sa.BigInteger, nullable=False),
        sa.Column("labels", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "label_step",
        sa.Column("run_id", KEY, primary_key=True),
        sa.Column("step", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("rollouts", sa.BigInteger, nullable=False),
        sa.Column("labels", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "label_group",
        sa.Column("run_id", KEY, primary_key=True),
        sa.Column("key", KEY, primary_key=True),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("granted", sa.Text, nullable=False),
        sa.Column("made_at", sa.Double, nullable=False),
    )
    op.create_index("label_group_by_age", "label_group", ["made_at"])
