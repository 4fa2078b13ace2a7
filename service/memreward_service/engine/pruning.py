"""Texts of old rollouts go when somebody says so, and every hour where the settings do (memory/pruning.py: which)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from memreward_proto.errors import InvalidArgument, MemRewardError
from memreward_proto.records import PruneReport
from memreward_service.memory.pruning import PruneRules, prune
from memreward_service.settings import Settings
from memreward_service.store import ExperienceStore

EVERY_SECONDS = 3600.0

_log = logging.getLogger(__name__)


class Pruning:
    """One run at a time. Lives on one event loop."""

    def __init__(
        self, store: ExperienceStore, keys_of: Callable[[Sequence[str]], Sequence[str]], settings: Settings,
        pruned: Callable[[], None],
    ) -> None:  # fmt: skip
        """`keys_of`: the keys under which vectors of texts are stored. `pruned` hears when the store has changed."""
        self._store = store
        self._keys_of = keys_of
        self._rules = PruneRules(settings.keep_rollouts_per_query, settings.keep_days, settings.keep_bytes)
        self._pruned = pruned
        self._one = asyncio.Lock()
        self._task = None if self._rules.empty else asyncio.create_task(self._by_the_hour(), name="pruning")

    async def prune(self, rules: PruneRules, dry_run: bool) -> PruneReport:
        """By `rules`, or those of the settings where these are empty. Raises InvalidArgument where both are, and
        Unavailable."""
        rules = self._rules if rules.empty else rules
        if rules.empty:
            raise InvalidArgument(
                "Nothing says what to keep: give a limit of rollouts a query, of days or of bytes, or set "
                "MEMREWARD_KEEP_* of the service."
            )
        async with self._one:
            report = await asyncio.to_thread(prune, self._store, rules, self._keys_of, dry_run)
        if report.rollouts and not dry_run:
            self._pruned()
        return report

    async def close(self) -> None:
        """Prune no more by the hour; what runs ends by itself, within a transaction of the store."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _by_the_hour(self) -> None:
        while True:
            try:
                report = await self.prune(self._rules, dry_run=False)
                if report.rollouts:
                    _log.info("pruned %d rollouts of %d queries", report.rollouts, report.queries)
            except MemRewardError as error:
                _log.warning("nothing is pruned for now: %s", error.message)
            except Exception:
                _log.exception("nothing is pruned for now")
            await asyncio.sleep(EVERY_SECONDS)
