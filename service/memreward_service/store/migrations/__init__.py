"""Schema migrations (alembic). A change of the schema is a file in versions/ and the same in schema.py."""

from __future__ import annotations

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from memreward_proto.errors import Unavailable

_ALEMBIC = threading.Lock()
"""Alembic keeps the running migration in module globals: one at a time in a process."""


def upgrade(connection: Connection) -> None:
    """Bring the database to the newest schema inside the open transaction of `connection`.

    The caller holds a lock that keeps other processes out. Raises Unavailable when the database was made by a
    newer version of this package.
    """
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with _ALEMBIC:
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise Unavailable(
                "The database does not fit this version of memreward: start the version that wrote it."
            ) from error
