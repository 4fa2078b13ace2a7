"""Groups that were answered go into the histories of their queries, behind the answer and a few at a time.

It is for rollouts that nobody stores: their votes and their labels stay. Where they are stored too they do not count
twice (groups/history_merge.py). A group with labels is written at once, others within a second: a process that is
killed loses the votes of its last second, and labels that came inside groups while they were being written. What
/v1/experience and /v1/labels acknowledged is in the store before they answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence

from memreward_proto.errors import MemRewardError
from memreward_proto.records import Query, filled
from memreward_service.groups.batch import ParsedGroup
from memreward_service.groups.history import QueryHistory, from_json, history_of, merged, to_json
from memreward_service.store import ExperienceStore, KeptHistory, text_identity

GATHER_SECONDS = 1.0
"""How long groups without a label are gathered."""
RETRY_SECONDS = 5.0
GROUPS_AT_ONCE = 256
WAITING_GROUPS = 10_000
"""Beyond these, while the store is away, the oldest groups are not kept for later."""

_log = logging.getLogger(__name__)


class AnsweredHistories:
    """Writes in the background. Lives on one event loop. `known_as`: the ids under which memory knows a query."""

    def __init__(
        self, store: ExperienceStore, known_as: Callable[[Query], Sequence[str]], written: Callable[[], None]
    ) -> None:
        """`written` hears when there is something new in the store."""
        self._store = store
        self._known_as = known_as
        self._written = written
        self._waiting: deque[tuple[ParsedGroup, int | None]] = deque()
        self._urgent = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def add(self, group: ParsedGroup, step: int | None) -> None:
        """Take over a group of `step` that is being answered."""
        if len(self._waiting) >= WAITING_GROUPS:
            self._waiting.popleft()
            _log.warning("the history of an answered group is lost: %d others wait for the store", WAITING_GROUPS)
        self._waiting.append((group, step))
        if any(rollout.label is not None for rollout in group.rollouts):
            self._urgent.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._write(), name="answered-histories")

    async def close(self) -> None:
        """Write what is there, once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        while self._waiting:
            if not await self._written_some():
                return

    async def _write(self) -> None:
        while self._waiting:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GATHER_SECONDS):
                    await self._urgent.wait()
            self._urgent.clear()
            while self._waiting:
                if not await asyncio.shield(self._written_some()):
                    await asyncio.sleep(RETRY_SECONDS)

    async def _written_some(self) -> bool:
        """Write the oldest groups; they stay until they are written. Written twice, they count once."""
        some = [self._waiting[place] for place in range(min(len(self._waiting), GROUPS_AT_ONCE))]
        try:
            await asyncio.to_thread(self._record, some)
        except MemRewardError as error:
            _log.warning("answered groups are not in the histories of their queries yet: %s", error.message)
            return False
        except Exception:
            _log.exception("%d answered groups are lost for the histories of their queries", len(some))
        for one in some:
            if self._waiting and self._waiting[0] is one:
                self._waiting.popleft()
        self._written()
        return True

    def _record(self, groups: Sequence[tuple[ParsedGroup, int | None]]) -> None:
        histories = [(group, history_of(group, step)) for group, step in groups]
        self._store.histories.record([self._kept(group.query, said) for group, said in histories if said], with_new)

    def _kept(self, query: Query, said: QueryHistory) -> KeptHistory:
        """Under the id that the query is stored by, where memory knows one."""
        known = [*self._known_as(query), filled(query.id)][0]
        identity = text_identity(query.text, query.domain)
        return KeptHistory(known, identity, query.dataset, to_json(said))


def with_new(stored: str, given: str) -> str:
    """A row of the store with what is new."""
    return to_json(merged(from_json(stored), from_json(given)))
