import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from memreward_proto.errors import InvalidArgument, Unavailable
from memreward_proto.records import StoreCounts
from memreward_service.store import ExperienceStore
from memreward_service.store.database import Database
from memreward_service.store.schema import metadata

OPEN_AND_ADD = """
import sys
from memreward_proto.records import Domain, Experience, Query, Rollout, StoredRollout
from memreward_service.store import ExperienceStore
sys.stdin.readline()
store = ExperienceStore(sys.argv[1])
rollout = StoredRollout("1", id="r" + sys.argv[2])
print(store.add_experience([Experience("?", "q" + sys.argv[2], Domain.TEXT, rollouts=[rollout])]).version)
store.close()
"""


def test_the_migrations_make_the_schema(store_url: str) -> None:
    database = Database(store_url, 5.0)
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_processes_that_open_a_new_store_at_once_all_succeed(store_url: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", OPEN_AND_ADD, store_url, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    versions = {process.communicate()[0] for process in processes}
    assert versions == {"1\n", "2\n", "3\n", "4\n"}
    store = ExperienceStore(store_url)
    assert store.counts() == StoreCounts(version=4, queries=4, rollouts=4, labels=0)
    store.close()


def test_threads_that_open_a_new_store_at_once_all_succeed(store_url: str, experience: Any) -> None:
    start = threading.Barrier(4)

    def open_and_add(number: int) -> int:
        start.wait()
        store = ExperienceStore(store_url)
        version = store.add_experience([experience(f"q{number}", "1")]).version
        store.close()
        return version

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(open_and_add, range(4))) == [1, 2, 3, 4]


def test_what_was_stored_is_there_after_reopening(store_url: str, experience: Any) -> None:
    given = [experience("a", "1", label=1.0), experience("b", "2")]
    store = ExperienceStore(store_url)
    store.add_experience(given)
    store.close()
    again = ExperienceStore(store_url)
    assert again.page(None, 10) == given
    assert again.counts() == StoreCounts(version=1, queries=2, rollouts=2, labels=1)
    again.close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    ExperienceStore(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(Unavailable, match="does not fit this version"):
        ExperienceStore(f"sqlite:///{path}")


def test_sqlite_commits_survive_a_power_loss_and_keep_references(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/store.sqlite3", 1.5)
    for context in (database.read, database.write):
        with context() as connection:
            pragmas = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            ]
        assert pragmas == ["wal", 2, 1, 1500]
    database.close()


def test_a_lock_held_elsewhere_is_unavailable_until_it_is_released(
    tmp_path: Path, experience: Any, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "store.sqlite3"
    store = ExperienceStore(f"sqlite:///{path}", lock_timeout_s=0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as refused:
        store.add_experience([experience("secret-id", "secret response")])
    assert "send the request again later" in refused.value.message
    assert "BEGIN" not in refused.value.message
    assert "database is locked" in caplog.text
    assert "secret" not in caplog.text
    assert store.counts().version == 0
    other.execute("ROLLBACK")
    other.close()
    assert store.add_experience([experience("secret-id", "secret response")]).version == 1
    store.close()


def test_a_lock_held_elsewhere_on_postgresql_is_unavailable_too(postgres: Any, experience: Any) -> None:
    url = postgres.new_database()
    holder = Database(url, 5.0)
    store = ExperienceStore(url, lock_timeout_s=0.05)
    with holder.write() as connection:
        connection.exec_driver_sql("SELECT version FROM clock FOR UPDATE")
        with pytest.raises(Unavailable):
            store.add_experience([experience("q", "1")])
        assert store.counts().version == 0
    assert store.add_experience([experience("q", "1")]).version == 1
    store.close()
    holder.close()


def test_postgresql_may_go_and_come_back(postgres: Any, experience: Any) -> None:
    store = ExperienceStore(postgres.new_database())
    store.add_experience([experience("q", "1")])
    postgres.stop()
    try:
        for call in (store.counts, lambda: store.add_experience([experience("p", "1")])):
            with pytest.raises(Unavailable) as refused:
                call()
            assert "SELECT" not in refused.value.message
    finally:
        postgres.start()
    assert store.add_experience([experience("p", "1")]).version == 2
    store.close()


def test_every_spelling_of_postgresql_uses_the_installed_driver(postgres: Any) -> None:
    url = postgres.new_database()
    for spelled in (
        url,
        url.replace("postgresql:", "postgresql+psycopg:"),
        url.replace("postgresql:", "postgres:"),
    ):
        store = ExperienceStore(spelled)
        assert store.counts().queries == 0
        store.close()


def test_a_reader_sees_one_version_throughout(store_url: str, experience: Any) -> None:
    store = ExperienceStore(store_url)
    database = Database(store_url, 5.0)
    with database.read() as connection:
        before = connection.exec_driver_sql("SELECT version FROM clock").scalar_one()
        store.add_experience([experience("q", "1")])
        after = connection.exec_driver_sql("SELECT version FROM clock").scalar_one()
        queries = connection.exec_driver_sql("SELECT count(*) FROM query").scalar_one()
    assert (before, after, queries) == (0, 0, 0)
    database.close()
    store.close()


@pytest.mark.parametrize(
    "url", ["", "sqlite://", "sqlite:///:memory:", "mysql://host/db", "no url", "postgresql://host:port/db"]
)
def test_urls_that_name_no_durable_store_are_refused(url: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        ExperienceStore(url)
    assert refused.value.details["field"] == "database_url"


def test_what_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    path.write_text("These are notes, not a database. " * 40)
    with pytest.raises(Unavailable):
        ExperienceStore(f"sqlite:///{path}")
    with pytest.raises(Unavailable, match="folder"):
        ExperienceStore(f"sqlite:///{path}/below-a-file/store.sqlite3")
    with pytest.raises(Unavailable):
        ExperienceStore("postgresql://owner@127.0.0.1:1/db")
