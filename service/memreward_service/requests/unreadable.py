"""Rollouts that cannot be read: each keeps its place in its group, has no answer there, and gets the status invalid.

A response that is too long, or holds what is no character, says nothing about its siblings. So it is no error of the
request: validation.py puts an UnreadableRollout in its place, the engine scores the group as it does with a blank
response, and gives the reason with the answer. The rollouts of a query that cannot be read are unreadable too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from memreward_proto.records import (
    Experience,
    ExperienceReceipt,
    Group,
    Prediction,
    Query,
    RefusedRollout,
    Rollout,
    RolloutReward,
    Scored,
    Status,
)  # fmt: skip

Answer = TypeVar("Answer", Prediction, RolloutReward)

BLANK = "response is blank: there is no answer in it."
NO_CHARACTER = re.compile("[\ud800-\udfff\uffff]")
"""Half a surrogate pair, and the noncharacter U+FFFF, which stands for one where no text can hold it."""
BLANK_QUERY = "query is blank: there is no text in the prompt."
ROLLOUT_TEXTS = ("response", "thinking", "answer", "answer_key")


@dataclass(frozen=True, slots=True)
class UnreadableRollout(Rollout):
    """A rollout without its texts. Its label, where there is one, stays: it is the reward."""

    reason: str = ""
    """Why, a sentence."""


@dataclass(frozen=True, slots=True)
class CheckedExperience:
    """What is to be stored of one request, and what is not; `sizes` are the numbers of rollouts that came."""

    queries: tuple[Experience, ...]
    refused: tuple[RefusedRollout, ...]
    sizes: tuple[int, ...]

    def receipt(self, stored: ExperienceReceipt) -> ExperienceReceipt:
        """The answer to the request: the ids of what was stored at its places in the request, "" at all others."""
        if not self.refused:
            return stored
        out = {(each.query_index, each.rollout_index) for each in self.refused}
        places = [[index for index in range(size) if (at, index) not in out] for at, size in enumerate(self.sizes)]
        query_ids, rollout_ids = [""] * len(self.sizes), [[""] * size for size in self.sizes]
        kept = [at for at, indices in enumerate(places) if indices]
        for at, query_key, keys in zip(kept, stored.query_ids, stored.rollout_ids, strict=True):
            query_ids[at] = query_key
            for index, key in zip(places[at], keys, strict=True):
                rollout_ids[at][index] = key
        ids = tuple(map(tuple, rollout_ids))
        return replace(stored, query_ids=tuple(query_ids), rollout_ids=ids, refused=self.refused)


def readable(rollout: Rollout, limit: int) -> Rollout:
    """The rollout, or an UnreadableRollout where one of its texts cannot be read."""
    reason = fault_of_rollout(rollout, limit)
    return rollout if reason is None else UnreadableRollout("", label=rollout.label, reason=reason)


def readable_group(query: Query, rollouts: Iterable[Rollout], limit: int) -> tuple[Query, tuple[Rollout, ...]]:
    """A query with its rollouts; where the query cannot be read, its text is blank and every rollout unreadable."""
    reason = fault_of("query", query.text, limit) or (None if query.text.strip() else BLANK_QUERY)
    if reason is None:
        return query, tuple(readable(rollout, limit) for rollout in rollouts)
    unread = tuple(UnreadableRollout("", label=rollout.label, reason=reason) for rollout in rollouts)
    return replace(query, text=""), unread


def fault_of_rollout(rollout: Rollout, limit: int) -> str | None:
    """Why the rollout cannot be read, a sentence; None where it can."""
    faults = (fault_of(name, getattr(rollout, name), limit) for name in ROLLOUT_TEXTS)
    return next((fault for fault in faults if fault is not None), None)


def fault_of(name: str, text: str | None, limit: int) -> str | None:
    """Why a text cannot be read, a sentence; None where it can. The length comes first: it costs nothing."""
    if text is None:
        return None
    if len(text) > limit:
        return (
            f"{name} has {len(text)} characters: shorten it to {limit}, or raise MEMREWARD_MAX_TEXT_CHARS of the "
            "service."
        )
    if not text.isascii() and NO_CHARACTER.search(text) is not None:
        return f"{name} holds half a surrogate pair, or U+FFFF, which are no characters: leave them out."
    return None


def storable(query: Experience, position: int, limit: int) -> tuple[Experience, list[RefusedRollout]]:
    """The query with the rollouts that can be read, and those that cannot."""
    whole = fault_of("query", query.text, limit)
    faults = [whole or fault_of_rollout(rollout, limit) for rollout in query.rollouts]
    refused = [RefusedRollout(position, index, fault) for index, fault in enumerate(faults) if fault is not None]
    kept = [rollout for rollout, fault in zip(query.rollouts, faults, strict=True) if fault is None]
    return replace(query, rollouts=tuple(kept)), refused


def with_reasons(scored: Scored, groups: Sequence[Group]) -> Scored:
    """What was scored, with the reason of every invalid rollout of `groups`."""
    if not any(each.status is Status.INVALID for group in scored.groups for each in group.rollouts):
        return scored
    told = (
        replace(answer, rollouts=tuple(map(with_reason, answer.rollouts, group.rollouts)))
        for answer, group in zip(scored.groups, groups, strict=True)
    )
    return replace(scored, groups=tuple(told))


def with_reason(answer: Answer, rollout: Rollout) -> Answer:
    """The answer for one rollout, with the reason where it is invalid."""
    if answer.status is not Status.INVALID:
        return answer
    return replace(answer, reason=rollout.reason if isinstance(rollout, UnreadableRollout) else BLANK)
