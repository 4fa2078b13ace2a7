"""What the programs of a rollout file do, so that they are compared as a trainer's reward workers let them be compared.

Programs run in the sandbox of memreward_trainer on inputs made from the query alone: no label and no hidden test is
read. What was found is kept in a small database beside the embeddings.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from memreward_proto.errors import InvalidArgument
from memreward_proto.records import Domain, Experience, Rollout, StoredRollout
from memreward_trainer.behaviour.run import behaviour_revision, rollout_behaviour
from memreward_trainer.sandbox.isolation import SandboxUnavailable
from memreward_trainer.sandbox.sandbox import LocalSandbox

Behaviour = tuple[tuple[str, ...], ...]
DATABASE = "behaviours.sqlite3"
AT_ONCE = 64
"""Programs between two writes to the database; the sandbox lets only some of them run at the same time."""


class Runner(Protocol):
    """Finds out what the program of a response does. `revision`: behaviours of one revision may be compared."""

    revision: str

    async def behaviour(self, query: str, rollout: Rollout) -> Behaviour | None:
        """None where nothing could be found out."""
        ...


def needs_behaviour(experience: Experience, rollout: Rollout) -> bool:
    """Whether a rollout is a program that would be compared by its text."""
    return experience.domain == Domain.CODE and rollout.answer_key is None and rollout.behaviour is None


def with_behaviour(
    queries: Sequence[Experience], runner: Runner, folder: Path, advance: Callable[[int], object]
) -> list[Experience]:
    """The queries with the behaviour of their programs; `folder` keeps it. `advance` hears how many more are done."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {
        _content(runner.revision, experience.text, stored): (experience.text, stored)
        for experience in queries
        for stored in experience.rollouts
        if needs_behaviour(experience, stored)
    }
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        database.execute("CREATE TABLE IF NOT EXISTS behaviour (content TEXT PRIMARY KEY, outcomes TEXT NOT NULL)")
        found = {content: known for content in wanted if (known := _known(database, content)) is not None}
        advance(len(found))
        missing = {content: program for content, program in wanted.items() if content not in found}
        found |= asyncio.run(_run(runner, missing, database, advance))
    return [_told(experience, found, runner.revision) for experience in queries]


class SandboxRunner:
    """Runs programs in the sandbox of this machine."""

    def __init__(self) -> None:
        self.revision = behaviour_revision()
        self._sandbox = LocalSandbox()

    async def behaviour(self, query: str, rollout: Rollout) -> Behaviour | None:
        """Raises InvalidArgument where this machine has no sandbox."""
        try:
            return await rollout_behaviour(query, rollout.response, self._sandbox, answer=rollout.answer)
        except SandboxUnavailable as error:
            raise InvalidArgument(
                "The programs of this file are to be compared by what they do, and they cannot run here: "
                f"{error} Use a machine with a sandbox, or compare them by their text with --no-behaviour."
            ) from error


async def _run(
    runner: Runner, programs: Mapping[str, tuple[str, Rollout]], database: sqlite3.Connection,
    advance: Callable[[int], object],
) -> dict[str, Behaviour]:  # fmt: skip
    """The behaviours found, kept at once. What could not be found out is tried again by the next evaluation, because
    the machine may have been busy."""
    found: dict[str, Behaviour] = {}
    names = list(programs)
    for start in range(0, len(names), AT_ONCE):
        part = names[start : start + AT_ONCE]
        made = await asyncio.gather(*(runner.behaviour(*programs[name]) for name in part))
        new = {name: one for name, one in zip(part, made, strict=True) if one is not None}
        with database:
            rows = [(name, json.dumps(one)) for name, one in new.items()]
            database.executemany("INSERT OR REPLACE INTO behaviour VALUES (?, ?)", rows)
        found |= new
        advance(len(part))
    return found


def _told(experience: Experience, found: dict[str, Behaviour], revision: str) -> Experience:
    rollouts = [replace(stored, behaviour=_of(experience, stored, found, revision)) for stored in experience.rollouts]
    return replace(experience, rollouts=tuple(rollouts))


def _of(experience: Experience, stored: StoredRollout, found: dict[str, Behaviour], revision: str) -> Behaviour | None:
    if not needs_behaviour(experience, stored):
        return stored.behaviour
    return found.get(_content(revision, experience.text, stored))


def _known(database: sqlite3.Connection, content: str) -> Behaviour | None:
    row = database.execute("SELECT outcomes FROM behaviour WHERE content = ?", (content,)).fetchone()
    return None if row is None else tuple(map(tuple, json.loads(row[0])))


def _content(revision: str, query: str, rollout: Rollout) -> str:
    """A digest of all that a behaviour depends on."""
    return hashlib.sha256(json.dumps([revision, query, rollout.response, rollout.answer]).encode()).hexdigest()
