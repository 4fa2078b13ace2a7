"""The meeting place inside this process. What was answered is in the durable store before the answers leave.

Everything happens on one event loop, so a group changes between two awaits only. A process that is killed forgets the
groups without answers: their callers lose their connections and send again. Groups with an answer are found again in
the store, so that retries get that answer, and siblings that come later are scored with what was there.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from memreward_proto.records import LabelRequest, RolloutReward
from memreward_service.batching import Batcher
from memreward_service.rendezvous.gauges import FREED, show
from memreward_service.rendezvous.group import HeldGroup, first_written
from memreward_service.rendezvous.protocol import SHARE_OF_NEW_GROUPS, Arrival, Claim, Held, Standing, full

SWEEP_SECONDS = 1.0
"""How often groups that nobody called for long are looked for, where no arrival does it."""
GROUPS_OF_A_COMMIT = 1024
"""Groups that are written in one transaction at most."""


class SettledGroups(Protocol):
    """Groups with answers that outlive the process, as JSON. Called on threads."""

    def settled_group(self, key: str) -> str | None:
        """The group, until it expires."""
        ...

    def settle_groups(
        self, groups: Mapping[str, str], keep_seconds: float, merged: Callable[[str, str], str]
    ) -> dict[str, str]:
        """Store groups in one transaction; `merged(stored, given)` for one that is there. What is stored now."""
        ...


class ProcessPlace:
    """Groups in memory. Lives on one event loop."""

    poll_seconds: float | None = None

    def __init__(self, settled: SettledGroups, keep_seconds: float, max_bytes: int) -> None:
        self._settled = settled
        self._keep_seconds = keep_seconds
        self._max_bytes = max_bytes
        self._groups: dict[str, HeldGroup] = {}
        self._quiet: dict[bool, OrderedDict[str, float]] = {False: OrderedDict(), True: OrderedDict()}
        """Groups that nobody waits for, by whether they are finished: when the last call ended, oldest first."""
        self._finished = self._rollouts = self._bytes = 0
        self._lookups: dict[str, asyncio.Task[str | None]] = {}
        self._commits: Batcher[tuple[str, str], str] = Batcher(self._commit, GROUPS_OF_A_COMMIT, lambda _: 1)
        self._sweeper: asyncio.Task[None] | None = None

    async def open(self, wake: Callable[[str], None]) -> None:  # noqa: ARG002  (nobody else settles our groups)
        """Begin to free groups."""
        self._sweeper = asyncio.create_task(self._sweep(), name="rendezvous-sweeper")

    async def close(self) -> None:
        """Finish the commit that runs."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        await self._commits.close()

    async def arrive(self, arrival: Arrival, overdue: bool) -> Standing:
        """Hold the rollout if it is new. Raises Conflict, Overloaded, Unavailable."""
        self._free_expired()
        if arrival.group not in self._groups:
            stored = await self._looked_up(arrival.group)
            if stored is not None and arrival.group not in self._groups:
                self._put(arrival.group, HeldGroup.from_json(stored))
        group = self._groups.get(arrival.group)
        known = group is not None and group.holds(arrival)
        if group is None or not known:
            self._make_room(arrival, new_group=group is None)
            group = group or self._put(arrival.group, HeldGroup.opened_by(arrival))
            with self._recounted(group):
                group.add(arrival)
        group.hear(arrival)
        self._quiet[group.finished].pop(arrival.group, None)
        group.calls += 1
        return group.standing(arrival, overdue, known)

    async def look(self, arrival: Arrival, overdue: bool) -> Standing:
        """How things are now; a group that somebody waits for is never freed."""
        return self._groups[arrival.group].standing(arrival, overdue, known=True)

    def leave(self, arrival: Arrival) -> None:
        """A call that arrived has ended; after the last one the group has `keep_seconds` left."""
        group = self._groups[arrival.group]
        group.calls -= 1
        if group.calls == 0 and not group.claimed:
            self._quiet[group.finished][arrival.group] = time.monotonic()

    async def claim(self, group: str) -> Claim | None:
        """The right to score what is due; None where nothing is, or it is being scored."""
        held = self._groups.get(group)
        if held is None or held.claimed or not (due := held.due()):
            return None
        held.claimed = True
        held.drop_lapsed()
        self._quiet[False].pop(group, None)
        assert held.query is not None, "a group with something due has its texts"
        return Claim(
            group=group,
            token="",
            key=held.key,
            query=held.query,
            group_size=held.size,
            rollouts={i: one.rollout for i, one in sorted(held.rollouts.items()) if one.rollout is not None},
            settles=due,
            late=any(one.answer is not None for one in held.rollouts.values()),
            overdue=held.overdue,
            unlabelled=frozenset(i for i, one in held.rollouts.items() if one.unlabelled or not one.verifies),
        )

    async def settle(self, claim: Claim, answers: Sequence[RolloutReward]) -> Mapping[int, RolloutReward]:
        """Commit, then keep. Raises Unavailable where the store does not answer."""
        group = self._groups[claim.group]
        answered = group.with_answers(dict(zip(claim.settles, answers, strict=True)))
        stored = await self._commits.submit((claim.group, answered.to_json()))
        with self._recounted(group):
            group.take(HeldGroup.from_json(stored))
        self._end_claim(claim.group)
        return {index: held.answer for index, held in group.rollouts.items() if held.answer is not None}

    async def ask(self, claim: Claim, index: int, request: LabelRequest, seconds: float) -> None:
        """End the claim without answers, and await a label, unless it came meanwhile."""
        group = self._groups[claim.group]
        held = group.rollouts[index]
        if not held.unlabelled and held.rollout is not None and held.rollout.label is None:
            group.await_label(index, request, seconds)
        self._end_claim(claim.group)

    async def release(self, claim: Claim) -> None:
        """End a claim without answers."""
        self._end_claim(claim.group)

    def held(self) -> Held:
        """How much is held now."""
        return Held(len(self._groups) - self._finished, self._finished, self._rollouts, self._bytes)

    async def _looked_up(self, group: str) -> str | None:
        """What the store has of a group; siblings that arrive together ask once."""
        lookup = self._lookups.get(group)
        if lookup is None:
            lookup = asyncio.create_task(asyncio.to_thread(self._settled.settled_group, group))
            self._lookups[group] = lookup
            lookup.add_done_callback(lambda _: self._lookups.pop(group, None))
        return await asyncio.shield(lookup)

    def _put(self, name: str, group: HeldGroup) -> HeldGroup:
        self._groups[name] = group
        self._count(group, 1)
        self._quiet[group.finished][name] = time.monotonic()
        return group

    def _make_room(self, arrival: Arrival, new_group: bool) -> None:
        """Free finished groups that nobody waits for, oldest first, if need be. Raises Overloaded."""
        wanted = arrival.rollout_bytes + (arrival.query_bytes if new_group else 0)
        limit = self._max_bytes * (SHARE_OF_NEW_GROUPS if new_group else 1)
        finished = self._quiet[True]
        while self._bytes + wanted > limit and finished:
            self._free(next(iter(finished)))
        if self._bytes + wanted > limit:
            raise full(self._max_bytes)

    def _free_expired(self) -> None:
        oldest = time.monotonic() - self._keep_seconds
        for quiet in self._quiet.values():
            while quiet and next(iter(quiet.values())) <= oldest:
                self._free(next(iter(quiet)))

    def _free(self, name: str) -> None:
        group = self._groups.pop(name)
        self._quiet[group.finished].pop(name)
        self._count(group, -1)
        FREED.inc()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(self._keep_seconds, SWEEP_SECONDS))
            self._free_expired()
            show(self.held())

    def _end_claim(self, name: str) -> None:
        group = self._groups[name]
        group.claimed = False
        if group.calls == 0:
            self._quiet[group.finished][name] = time.monotonic()

    @contextlib.contextmanager
    def _recounted(self, group: HeldGroup) -> Iterator[None]:
        """Keep the totals right over a change of `group`."""
        self._count(group, -1)
        try:
            yield
        finally:
            self._count(group, 1)

    def _count(self, group: HeldGroup, sign: int) -> None:
        self._finished += sign * group.finished
        self._rollouts += sign * len(group.rollouts)
        self._bytes += sign * group.bytes

    async def _commit(self, groups: Sequence[tuple[str, str]]) -> Sequence[str]:
        stored = await asyncio.to_thread(self._settled.settle_groups, dict(groups), self._keep_seconds, first_written)
        return [stored[name] for name, _ in groups]
