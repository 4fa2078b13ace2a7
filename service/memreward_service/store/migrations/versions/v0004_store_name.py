"""The name of this store, drawn at random: what is derived from it can be recognised as its own."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table and draw the name."""
    table = op.create_table("store", sa.Column("name", sa.Text, primary_key=True))
    op.bulk_insert(table, [{"name": uuid.uuid4().hex}])
