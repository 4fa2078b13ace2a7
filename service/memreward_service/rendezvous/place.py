"""The place where groups meet: it brings the rules (group.py) to a storage, in this process or in Redis.

A storage keeps groups and their texts, and changes one group at a time, so that no event is lost between two. Room,
the end of groups that nobody reads, and claims that are kept alive are the same for both.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from memreward_proto.errors import MemRewardError, Overloaded
from memreward_proto.records import LabelRequest
from memreward_service.rendezvous.answers import full
from memreward_service.rendezvous.gauges import FREED, show
from memreward_service.rendezvous.group import (
    HeldGroup,
    arrived,
    asked,
    claim_of,
    claimed,
    read,
    released,
    renewed,
    settled,
)
from memreward_service.rendezvous.protocol import Answer, Arrival, Claim, RolloutState, Usage
from memreward_service.rendezvous.texts import Texts

SHARE_OF_NEW_GROUPS = 0.9
"""How full a place may be for a new group: the rest is for the siblings of groups that are there already, because
only a group that can become complete will go."""
POLL_SECONDS = 2.0
"""How often a waiting call looks without being woken."""
LOOKS = 4
"""So many looks of a waiting call in a row may fail or be late before its group is taken for one that nobody reads."""
CLAIM_SECONDS = 6.0
"""How long a claim outlives the replica that held it; it is renewed three times in that."""
SWEEP_SECONDS = 1.0
"""How often groups that nobody reads are looked for."""
FREED_AT_ONCE = 100
"""Groups that are freed between two looks at how many there are."""

Event = Callable[[HeldGroup | None, float], HeldGroup | None]
"""What happens to a group: the group before (None where there is none) and the time -> the group after (None: freed).
A storage may call it again with a newer group. It may raise, and then nothing happens."""


class Change(NamedTuple):
    """What an event made of a group, and when."""

    before: HeldGroup | None
    after: HeldGroup | None
    now: float


class Storage(Protocol):
    """Keeps groups. Every method may raise Unavailable."""

    async def open(self, wake: Callable[[str], None]) -> None:
        """Begin. `wake(group)` is called when another process ended a claim."""

    async def close(self) -> None:
        """End; what is held stays where it is durable."""

    async def change(self, name: str, event: Event, texts: Texts | None = None) -> Change:
        """Let the event happen, alone, and add `texts` to those of the group. Answers are durable before it returns;
        texts of a finished group are dropped. Raises what the event raises."""
        ...

    async def texts(self, name: str) -> Texts | None:
        """The texts of a group; None once it is finished or freed."""
        ...

    async def unread(self, finished: bool, seconds: float, count: int) -> Sequence[str]:
        """Groups of one kind that nobody has read for so long, those of the longest first."""
        ...

    def usage(self) -> Usage:
        """How much is held, as last seen."""
        ...


class MeetingPlace:
    """Where the rollouts of a group come together. Lives on one event loop; every method may raise Unavailable."""

    def __init__(
        self, storage: Storage, keep_seconds: float, max_bytes: int,
        poll_seconds: float = POLL_SECONDS, claim_seconds: float = CLAIM_SECONDS,
    ) -> None:  # fmt: skip
        """`keep_seconds`: how long a group is kept that nobody reads; `max_bytes`: what all groups may take."""
        self.poll_seconds = poll_seconds
        self._storage = storage
        self._unread_seconds = LOOKS * poll_seconds
        self._keep_seconds = keep_seconds
        self._max_bytes = max_bytes
        self._claim_seconds = claim_seconds
        self._claims: dict[str, str] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    async def open(self, wake: Callable[[str], None]) -> None:
        """Begin to free groups and to renew claims."""
        await self._storage.open(wake)
        self._tasks = [
            asyncio.create_task(self._every(min(self._keep_seconds, SWEEP_SECONDS), self._sweep)),
            asyncio.create_task(self._every(self._claim_seconds / 3, self._renew_claims)),
        ]

    async def close(self) -> None:
        """End; groups stay for the other replicas, and answers for the next process."""
        self._closed = True  # a cancellation that meets the end of a connect is lost (asyncio before Python 3.12)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._storage.close()

    async def arrive(self, arrival: Arrival, overdue: bool) -> RolloutState:
        """Hold the rollout if it is new, and its label; called again it looks, and puts back what was lost. `overdue`:
        the call has waited long enough and allows a partial answer.

        Raises Conflict (the identity has other content or another label, or a sibling said otherwise), Overloaded.
        """
        index = arrival.submission.rollout_index

        def event(group: HeldGroup | None, now: float) -> HeldGroup:
            after = read(arrived(group, arrival, overdue, now), now, self.poll_seconds)
            if group is None or index not in group.rollouts:
                self._check_room(arrival, group is None)
            return after

        try:
            change = await self._storage.change(arrival.group, event, arrival.texts)
        except Overloaded:
            await self._make_room(arrival)
            change = await self._storage.change(arrival.group, event, arrival.texts)
        assert change.after is not None, "a rollout is held, or refused"
        known = change.before is not None and index in change.before.rollouts
        return change.after.state(index, change.now, known)

    async def claim(self, group: str) -> Claim | None:
        """The right to score what is due in the group; None where nothing is, or somebody else has it."""
        token = uuid.uuid4().hex
        change = await self._storage.change(
            group, lambda held, now: held and claimed(held, token, self._claim_seconds, now)
        )
        if change.after is None or change.after.claim != token:
            return None
        texts = await self._storage.texts(group)
        if texts is None:
            return None  # the claim ran out at once, and another replica has settled the group
        self._claims[token] = group
        return claim_of(group, change.after, texts, change.now)

    async def settle(self, claim: Claim, answers: Mapping[int, Answer]) -> Mapping[int, Answer]:
        """Keep the answers and end the claim. What was written first stays, and is returned."""
        change = await self._storage.change(claim.group, lambda held, _: held and settled(held, claim.token, answers))
        self._claims.pop(claim.token, None)
        rollouts = {} if change.after is None else change.after.rollouts
        return {index: held.answer for index, held in rollouts.items() if held.answer is not None}

    async def ask(self, claim: Claim, index: int, request: LabelRequest, seconds: float) -> None:
        """End the claim without answers, and await the label of rollout `index` for `seconds`."""
        await self._storage.change(
            claim.group, lambda held, now: held and asked(held, claim.token, index, request, now + seconds)
        )
        self._claims.pop(claim.token, None)

    async def release(self, claim: Claim) -> None:
        """End a claim without answers; others may try."""
        self._claims.pop(claim.token, None)
        await self._storage.change(claim.group, lambda held, _: held and released(held, claim.token))

    def usage(self) -> Usage:
        """How much is held, as last seen."""
        return self._storage.usage()

    def _check_room(self, arrival: Arrival, new_group: bool) -> None:
        if self._excess(arrival, new_group) > 0:
            raise full(self._max_bytes)

    def _excess(self, arrival: Arrival, new_group: bool) -> float:
        """The bytes that are not there for a rollout."""
        wanted = arrival.rollout_bytes + (arrival.query_bytes if new_group else 0)
        return self.usage().bytes + wanted - self._max_bytes * (SHARE_OF_NEW_GROUPS if new_group else 1)

    async def _make_room(self, arrival: Arrival) -> None:
        """Free finished groups that no call waits to read, oldest first, until there is room for a new group."""
        while self._excess(arrival, new_group=True) > 0:
            if not await self._free(True, self._unread_seconds, 1):
                return

    async def _free(self, finished: bool, seconds: float, count: int) -> int:
        """Free groups that nobody has read for so long; how many there were."""
        names = await self._storage.unread(finished, seconds, count)
        for name in names:
            change = await self._storage.change(
                name, lambda held, now: None if held is None or held.expired(now, seconds) else held
            )
            FREED.inc(change.before is not None and change.after is None)
        return len(names)

    async def _sweep(self) -> None:
        for finished in (False, True):
            await self._free(finished, self._keep_seconds + self._unread_seconds, FREED_AT_ONCE)
        show(self.usage())

    async def _renew_claims(self) -> None:
        """Keep the claims of this replica alive. One that is lost all the same is scored twice, and settled once."""
        for token, group in list(self._claims.items()):
            await self._storage.change(group, self._renewal(token))

    def _renewal(self, token: str) -> Event:
        return lambda held, now: held and renewed(held, token, self._claim_seconds, now)

    async def _every(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        while not self._closed:
            await asyncio.sleep(seconds)
            with contextlib.suppress(MemRewardError):  # it is tried again
                await act()
