"""Groups in this process. What was answered is in the durable store before the answers leave.

A process that is killed forgets the groups without answers: their callers lose their connections and send again.
Groups with an answer are found again in the store, so that retries get that answer, and siblings that come later are
scored with what was there.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from itertools import islice, takewhile
from typing import NamedTuple, Protocol

from memreward_service.batching import Batcher
from memreward_service.rendezvous.group import HeldGroup, first_written, from_json, to_json, usage_of
from memreward_service.rendezvous.place import Change, Event
from memreward_service.rendezvous.protocol import Usage
from memreward_service.rendezvous.texts import Texts, from_fields, to_fields

GROUPS_OF_A_COMMIT = 1024
"""Groups that are written in one transaction at most."""


class AnsweredGroups(Protocol):
    """Groups with answers that outlive the process, as JSON. Called on threads."""

    def answered_group(self, key: str) -> str | None:
        """The group, until it expires."""
        ...

    def keep_answered_groups(
        self, groups: Mapping[str, str], keep_seconds: float, merged: Callable[[str, str], str]
    ) -> dict[str, str]:
        """Store groups in one transaction; `merged(stored, given)` for one that is there. What is stored now."""
        ...


class _Kept(NamedTuple):
    """A group, and its texts until it is finished."""

    group: HeldGroup
    texts: Texts | None


class ProcessStorage:
    """Groups in memory. Lives on one event loop."""

    def __init__(self, answered: AnsweredGroups, keep_seconds: float) -> None:
        self._answered = answered
        self._keep_seconds = keep_seconds
        self._kept: dict[bool, OrderedDict[str, _Kept]] = {False: OrderedDict(), True: OrderedDict()}
        """By whether the group is finished; read longest ago first."""
        self._usage = Usage()
        self._lookups: dict[str, asyncio.Task[None]] = {}
        self._commits: Batcher[tuple[str, str], str] = Batcher(self._commit, GROUPS_OF_A_COMMIT, lambda _: 1)

    async def open(self, wake: Callable[[str], None]) -> None:
        """Nothing: nobody else changes our groups."""

    async def close(self) -> None:
        """Finish the commit that runs."""
        await self._commits.close()

    async def change(self, name: str, event: Event, texts: Texts | None = None) -> Change:
        """Change a group; one that is not in memory may be in the store."""
        if self._find(name) is None:
            await self._look_up(name)
        while True:
            kept, now = self._find(name), time.time()
            before, known = kept or (None, None)
            after = event(before, now)
            if after == before:
                return Change(before, before, now)
            changed = None if after is None else _kept(after, known, texts)
            if changed is not None and _answers(after) > _answers(before):
                given = _json(changed)
                stored = await self._commits.submit((name, given))
                if self._find(name) is not kept:
                    continue  # something happened to the group meanwhile
                changed = changed if stored == given else _parsed(stored)
            self._put(name, changed)
            return Change(before, None if changed is None else changed.group, now)

    async def texts(self, name: str) -> Texts | None:
        """The texts of a group."""
        kept = self._find(name)
        return None if kept is None else kept.texts

    async def unread(self, finished: bool, seconds: float, count: int) -> Sequence[str]:
        """Groups that nobody has read for so long."""
        before = time.time() - seconds
        old = takewhile(lambda item: item[1].group.read_at <= before, self._kept[finished].items())
        return [name for name, _ in islice(old, count)]

    def usage(self) -> Usage:
        """How much is held now."""
        return self._usage

    def _find(self, name: str) -> _Kept | None:
        return self._kept[False].get(name) or self._kept[True].get(name)

    def _put(self, name: str, kept: _Kept | None) -> None:
        before = self._find(name)
        self._usage = self._usage.changed(usage_of(before and before.group), usage_of(kept and kept.group))
        for groups in self._kept.values():
            groups.pop(name, None)
        if kept is not None:
            self._kept[kept.group.finished][name] = kept

    async def _look_up(self, name: str) -> None:
        """Take what the store has of a group; siblings that arrive together ask once."""

        async def look_up() -> None:
            stored = await asyncio.to_thread(self._answered.answered_group, name)
            if stored is not None and self._find(name) is None:
                self._put(name, _parsed(stored))

        lookup = self._lookups.get(name)
        if lookup is None:
            lookup = self._lookups[name] = asyncio.create_task(look_up())
            lookup.add_done_callback(lambda _: self._lookups.pop(name, None))
        await asyncio.shield(lookup)

    async def _commit(self, groups: Sequence[tuple[str, str]]) -> Sequence[str]:
        stored = await asyncio.to_thread(self._answered.keep_answered_groups, dict(groups), self._keep_seconds, _merged)
        return [stored[name] for name, _ in groups]


def _answers(group: HeldGroup | None) -> int:
    return 0 if group is None else sum(held.answer is not None for held in group.rollouts.values())


def _kept(group: HeldGroup, *parts: Texts | None) -> _Kept:
    """A group with the texts that it needs."""
    known = [] if group.finished else [texts for texts in parts if texts is not None]
    return _Kept(group, reduce(Texts.and_more, known) if known else None)


def _json(kept: _Kept) -> str:
    texts = None if kept.texts is None else to_fields(kept.texts)
    return json.dumps({"group": to_json(kept.group).decode(), "texts": texts})


def _parsed(text: str) -> _Kept | None:
    """What `_json` wrote; None for what an earlier release wrote."""
    facts = json.loads(text)
    if "group" not in facts:
        return None
    return _Kept(from_json(facts["group"]), None if facts["texts"] is None else from_fields(facts["texts"]))


def _merged(stored: str, given: str) -> str:
    """What two processes answered, each without the other."""
    before, now = _parsed(stored), _parsed(given)
    if before is None or now is None:
        return given
    return _json(_kept(first_written(before.group, now.group), before.texts, now.texts))
