"""One database behind two contexts, `read` and `write`: SQLite in WAL mode by default, PostgreSQL by URL.

read     a snapshot: all statements of one context see the same version of the store
write    one transaction, all or nothing, durable when the context ends without an exception

The driver's own errors end here: what a person can wait out becomes errors.Unavailable, once.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy import exc as sql_errors

from memreward_proto.errors import InvalidArgument, Unavailable
from memreward_service.store.migrations import upgrade

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10
MIGRATION_LOCK = 0x6D656D72
"""Key of PostgreSQL's advisory lock while one process migrates: the bytes of "memr"."""

OUR_FAULT = (
    sql_errors.IntegrityError,
    sql_errors.DataError,
    sql_errors.ProgrammingError,
    sql_errors.NotSupportedError,
)
"""A statement that the database rejects will be rejected again: a defect, not an outage."""


class Database:
    """A pool of connections to a migrated database; any thread may use it.

    `lock_timeout_s`: how long a write waits for the writes of other processes. Raises InvalidArgument for a
    URL that is neither SQLite with a file nor PostgreSQL, Unavailable when the database cannot be opened.
    """

    def __init__(self, url: str, lock_timeout_s: float) -> None:
        self.url = _supported(url)
        self._writing = threading.Lock()
        self._closed = False
        milliseconds = math.ceil(lock_timeout_s * 1000)
        if self.url.get_backend_name() == "sqlite":
            engine = _sqlite_engine(self.url, milliseconds)
            self._reader = engine
            self._writer = engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")
        else:
            engine = _postgresql_engine(self.url, milliseconds)
            self._reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            self._writer = engine.execution_options(isolation_level="READ COMMITTED")
        try:
            self._migrate(lock_timeout_s)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only snapshot."""
        with self._translated(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at the end, rolled back on an exception. Writers take turns."""
        with self._translated(), self._writing, self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close the connections; calls after this raise Unavailable."""
        self._closed = True
        self._writer.dispose()

    def _migrate(self, lock_timeout_s: float) -> None:
        if self.url.get_backend_name() == "postgresql":
            with self.write() as connection:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
                upgrade(connection)
            return
        # Two first connections that both turn a new file to WAL would fail at once instead of waiting.
        with self._file_lock(lock_timeout_s), self.write() as connection:
            upgrade(connection)

    def _file_lock(self, timeout_s: float) -> AbstractContextManager[object]:
        path = Path(str(self.url.database))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return FileLock(f"{path}.lock", timeout=timeout_s).acquire()
        except (OSError, Timeout) as error:
            log.error("experience store at %s: %s", path, error)
            raise Unavailable(
                "The folder of the experience store cannot be used: see that it is writable and not locked."
            ) from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        if self._closed:
            raise Unavailable("The experience store is closed: the service is shutting down.")
        try:
            yield
        except OUR_FAULT:
            raise
        except (sql_errors.DBAPIError, sql_errors.TimeoutError) as error:
            reason = error.orig if isinstance(error, sql_errors.DBAPIError) else "no free connection"
            log.error("experience store: %s", reason)
            raise Unavailable(
                "The experience store does not answer: send the request again later, nothing is stored twice."
            ) from error


def _supported(url: str) -> URL:
    """The parsed URL with the drivers that this package installs, whatever SQLAlchemy would choose."""
    try:
        parsed = make_url(url)
    except (sql_errors.ArgumentError, ValueError) as error:
        raise InvalidArgument("DATABASE_URL is not a database URL.", field="database_url") from error
    backend = parsed.get_backend_name()
    if backend == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed.set(drivername="sqlite+pysqlite")
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise InvalidArgument(
        "DATABASE_URL must name an SQLite file (sqlite:///folder/file) or PostgreSQL (postgresql://…).",
        field="database_url",
    )


def _sqlite_engine(url: URL, busy_timeout_ms: int) -> Engine:
    engine = create_engine(url, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin below, not where the driver guesses
        for pragma in (
            f"busy_timeout = {busy_timeout_ms}",
            "journal_mode = WAL",
            "synchronous = FULL",  # WAL alone would let the last commits go in a power loss
            "foreign_keys = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))

    return engine


def _postgresql_engine(url: URL, lock_timeout_ms: int) -> Engine:
    waiting = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_TIMEOUT_S}
    engine = create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=waiting)

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        connection.execute("SELECT set_config('lock_timeout', %s, false)", [f"{lock_timeout_ms}ms"])
        connection.commit()

    return engine
