"""A real SQLite file and a real PostgreSQL server for every test that takes `store` or `store_url`."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest

from memreward_proto.records import Domain, Experience, StoredRollout
from memreward_service.store import ExperienceStore

MakeExperience = Callable[..., Experience]


@dataclass
class PostgresServer:
    """A server in a folder of its own, reached by a Unix socket. It refuses to run as root."""

    programs: Path
    folder: Path
    account: pwd.struct_passwd
    databases: Iterator[int] = field(default_factory=count)

    def run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self.programs / program, "-D", self.folder / "data", *arguments],
            check=True,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            user=self.account.pw_uid,
            group=self.account.pw_gid,
            extra_groups=[] if os.geteuid() == 0 else None,
        )

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off"
        self.run("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-w", "-m", "immediate", "stop")

    def new_database(self) -> str:
        name = f"test{next(self.databases)}"
        with psycopg.connect(f"postgresql://owner@/postgres?host={self.folder}", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://owner@/{name}?host={self.folder}"


def find_programs() -> Path | None:
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed[-1].parent if installed else None


def server_account() -> pwd.struct_passwd:
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    known = {account.pw_name: account for account in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL's initdb is neither on PATH nor under /usr/lib/postgresql")
    with tempfile.TemporaryDirectory(prefix="memreward-pg-") as folder:
        server = PostgresServer(programs, Path(folder), server_account())
        os.chown(folder, server.account.pw_uid, server.account.pw_gid)
        server.run("initdb", "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-sync")
        server.start()
        yield server
        server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/not-there-yet/store.sqlite3"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def store(store_url: str) -> Iterator[ExperienceStore]:
    opened = ExperienceStore(store_url)
    yield opened
    opened.close()


@pytest.fixture
def experience() -> MakeExperience:
    """experience("q", "right", "wrong", label=1.0): the query q with rollouts q/0 and q/1."""

    def make(query_id: str, *responses: str, text: str = "How many?", label: float | None = None) -> Experience:
        rollouts = (StoredRollout(response, label=label, id=f"{query_id}/{i}") for i, response in enumerate(responses))
        return Experience(text, query_id, Domain.MATH, rollouts=tuple(rollouts))

    return make
