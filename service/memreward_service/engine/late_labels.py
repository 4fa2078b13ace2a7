"""Labels that come after the answer (POST /v1/labels): compared with predictions as a label inside a group is.

Where the rollout was predicted a while ago, its group in the window of trust gets the label. Else the stored rollouts
of its query and training step are the group: the model is asked about them as if they came now, with the labels that
are known; a rollout that was labelled before is left out then, because the model may have learned from its label. All
this goes on behind the answer to the caller.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass, replace

from memreward_proto.errors import MemRewardError
from memreward_proto.records import Domain, Experience, Group, Label, filled
from memreward_service.belief.posterior import GroupBelief
from memreward_service.store import ExperienceStore
from memreward_service.trust.trust import Trust
from memreward_service.trust.window import Drawn, answered_group

GROUPS_AT_ONCE = 16
"""Stored groups that one forward pass is asked about, so that callers do not wait behind many."""

MOST_ROLLOUTS = 256
"""Of a stored group, the last ones."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredGroup:
    """The stored rollouts of one query and training step, and the places of those labelled `late`, by id."""

    group: Group
    step: int | None
    late: dict[str, int]


class LateLabels:
    """Compares in the background. Lives on one event loop. `believe` is what the model says of groups before any of
    their labels, None where no model is served."""

    def __init__(
        self,
        store: ExperienceStore,
        trust: Trust,
        believe: Callable[[Sequence[Group]], Awaitable[Sequence[GroupBelief] | None]],
    ) -> None:
        self._store = store
        self._trust = trust
        self._believe = believe
        self._comparing: set[asyncio.Task[None]] = set()

    def add(self, labels: Sequence[Label], labelled: Set[str]) -> None:
        """Take labels over that are stored. `labelled`: the rollouts that had a label before, by id."""
        task = asyncio.get_running_loop().create_task(self._compare(labels, labelled), name="late-labels")
        self._comparing.add(task)
        task.add_done_callback(self._comparing.discard)

    async def compared(self) -> None:
        """Wait until all that was taken over is compared."""
        while self._comparing:
            await asyncio.wait(set(self._comparing))

    async def close(self) -> None:
        """Give up what is not compared yet."""
        for task in self._comparing:
            task.cancel()
        await self.compared()

    async def _compare(self, labels: Sequence[Label], labelled: Set[str]) -> None:
        ids = {label.rollout_id for label in labels}
        try:
            queries = await asyncio.to_thread(lambda: self._store.load(self._store.query_ids_of(ids)))
            answered = [found for experience in queries for found in self._unanswered(experience, ids, labelled)]
            for begin in range(0, len(answered), GROUPS_AT_ONCE):
                part = answered[begin : begin + GROUPS_AT_ONCE]
                beliefs = await self._believe([stored.group for stored in part])
                if beliefs is None:
                    return
                self._trust.record(
                    replace(
                        answered_group(stored.group, belief, None, stored.step, served=False),
                        audit=Drawn(None, frozenset(stored.late.values())),
                        late=tuple(stored.late.items()),
                    )
                    for stored, belief in zip(part, beliefs, strict=True)
                )
        except MemRewardError as error:
            _log.warning("late labels were not compared with predictions: %s", error.message)
        except Exception:
            _log.exception("late labels were not compared with predictions")

    def _unanswered(self, experience: Experience, ids: Set[str], labelled: Set[str]) -> list[StoredGroup]:
        """The stored groups of those rollouts, labelled for the first time, that no answered group has."""
        domain, late = Domain(filled(experience.domain)), dict[str, int | None]()
        for stored in experience.rollouts:
            rollout_id = filled(stored.id)
            if rollout_id not in ids or stored.label is None:
                continue
            found = self._trust.label(domain, experience.text, stored.response, rollout_id, stored.label)
            if not found and rollout_id not in labelled:
                late[rollout_id] = stored.step
        groups = []
        for step in dict.fromkeys(late.values()):
            rollouts = [stored for stored in experience.rollouts if stored.step == step][-MOST_ROLLOUTS:]
            places = {filled(stored.id): place for place, stored in enumerate(rollouts) if stored.id in late}
            group = Group(experience, tuple(rollouts), experience.id)
            groups.append(StoredGroup(group, step, places))
        return groups
