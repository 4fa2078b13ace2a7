"""What alembic runs: the migrations, inside the transaction that `upgrade` handed over."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
