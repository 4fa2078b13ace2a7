"""The audit: rollouts drawn at random with a known probability, to say how good the rewards are of all the others.

Each rollout is drawn by itself, by a digest of what it is, so that the same ones are drawn whoever asks and whatever is
known. With a higher rate others are drawn too, and none less.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cachetools import LRUCache

from memreward_proto.records import Group, filled

GROUPS_KEPT = 100_000
"""Groups whose audit is kept after a plan."""


@dataclass(frozen=True, slots=True)
class GroupAudit:
    """The rollouts of a group that were `drawn`, each with probability `rate`, and those of them that the planner
    `wanted` as well."""

    rate: float
    drawn: frozenset[int] = frozenset()
    wanted: frozenset[int] = frozenset()

    @property
    def sample(self) -> frozenset[int]:
        """Those that stand for the rollouts whose labels nobody asks for."""
        return self.drawn - self.wanted


NO_AUDIT = GroupAudit(0.0)


def drawn(group: bytes, rollouts: Collection[int], rate: float) -> frozenset[int]:
    """Which of the `rollouts` of a group, named by a digest, are audited."""
    return frozenset(index for index in rollouts if int.from_bytes(digest(group, str(index).encode())) < rate * 2**64)


def content_of(group: Group) -> bytes:
    """A digest of what is asked and answered in a group, whatever its labels."""
    texts = (filled(group.query.id), *(rollout.response for rollout in group.rollouts))
    return digest(*(text.encode("utf-8", "surrogatepass") for text in texts))


class PlannedAudits:
    """What plans drew and wanted, by group: for the next plan, and to know audited labels when they come. It is of this
    process: after a restart the labels of earlier plans count as if nobody had asked for them."""

    def __init__(self) -> None:
        self._audits: LRUCache[bytes, GroupAudit] = LRUCache(GROUPS_KEPT)

    def of(self, group: Group) -> GroupAudit | None:
        """None where no plan was made for the group."""
        audit: GroupAudit | None = self._audits.get(content_of(group))
        return audit

    def keep(self, groups: Sequence[Group], audits: Sequence[GroupAudit]) -> None:
        """Remember the audits of a plan."""
        self._audits.update({content_of(group): audit for group, audit in zip(groups, audits, strict=True)})


def digest(*parts: bytes) -> bytes:
    """8 bytes that differ where the parts differ."""
    made = hashlib.blake2b(digest_size=8)
    for part in parts:
        made.update(len(part).to_bytes(8))
        made.update(part)
    return made.digest()
