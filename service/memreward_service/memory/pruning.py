"""Which stored rollouts go, and how: their texts are removed, what they said of their query stays in its history.

The newest rollouts of a query stay longest, those with a label longer than all others. Its last rollout never goes: by
it memory finds the query as a neighbour of others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from memreward_proto.records import Experience, PrunedRollouts, PruneReason, PruneReport, filled
from memreward_service.groups.batch import ParsedGroup, parse_groups
from memreward_service.groups.history import QueryHistory, from_json, history_of, merged, to_json
from memreward_service.store import ExperienceStore, KeptHistory, Removal, RolloutSize, text_identity

QUERIES_AT_ONCE = 64
"""Queries of one transaction."""
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class PruneRules:
    """What stays; None: no such limit. `days` is about rollouts without a label, `bytes` about the texts of all."""

    rollouts_per_query: int | None = None
    days: float | None = None
    bytes: int | None = None

    @property
    def empty(self) -> bool:
        """Whether everything stays."""
        return self.rollouts_per_query is None and self.days is None and self.bytes is None


Chosen = dict[RolloutSize, PruneReason]


def chosen_by(rules: PruneRules, stored: Iterable[RolloutSize], now: float) -> Chosen:
    """The rollouts that go, and why. `stored`: query after query, oldest first."""
    chosen: Chosen = {}
    others: list[RolloutSize] = []
    kept_bytes = 0
    for _, of_query in groupby(stored, key=lambda size: size.query_id):
        newest = list(of_query)[::-1]
        ranked = sorted(newest, key=lambda size: not size.labelled)
        for rank, size in enumerate(ranked):
            reason = _reason(rules, size, rank, now)
            if reason is not None:
                chosen[size] = reason
                continue
            kept_bytes += size.bytes
            if rank > 0 and rules.bytes is not None:
                others.append(size)
    if rules.bytes is not None:
        for size in sorted(others, key=lambda size: (size.labelled, size.stored_at)):
            if kept_bytes <= rules.bytes:
                break
            chosen[size] = PruneReason.BYTES
            kept_bytes -= size.bytes
    return chosen


def _reason(rules: PruneRules, size: RolloutSize, rank: int, now: float) -> PruneReason | None:
    """Why a rollout goes that has `rank` others of its query before it."""
    if rank == 0:
        return None
    if rules.rollouts_per_query is not None and rank >= rules.rollouts_per_query:
        return PruneReason.ROLLOUTS_PER_QUERY
    if rules.days is not None and not size.labelled and size.stored_at < now - rules.days * DAY:
        return PruneReason.DAYS
    return None


def prune(
    store: ExperienceStore, rules: PruneRules, keys_of: Callable[[Sequence[str]], Sequence[str]], dry_run: bool
) -> PruneReport:
    """Remove what the rules say, or only count it. `keys_of`: the keys under which vectors of texts are stored.

    It works in transactions of a few queries each, so that others write between them; interrupted, what is removed is
    remembered. A query that changes meanwhile stays as it is until the next time. Raises Unavailable.
    """
    chosen = chosen_by(rules, store.histories.sizes(), time.time())
    gone = chosen
    if not dry_run:
        removed = {key for part in _removed(store, chosen, keys_of) for key in part}
        gone = {size: reason for size, reason in chosen.items() if size.id in removed}
    return _report(gone, dry_run)


def _removed(
    store: ExperienceStore, chosen: Chosen, keys_of: Callable[[Sequence[str]], Sequence[str]]
) -> Iterator[tuple[str, ...]]:
    """The ids of removed rollouts, as they go."""
    by_query: dict[str, set[str]] = {}
    for size in chosen:
        by_query.setdefault(size.query_id, set()).add(size.id)
    queries = list(by_query)
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        ids = queries[start : start + QUERIES_AT_ONCE]
        versions = store.histories.versions(ids)  # before the rollouts are read: what changes then is seen
        experiences = store.load(ids)
        groups = parse_groups([(experience, experience.rollouts) for experience in experiences])
        removals = [
            _removal(experience, group, by_query[filled(experience.id)], versions[filled(experience.id)], keys_of)
            for experience, group in zip(experiences, groups, strict=True)
        ]
        for removal in store.histories.remove(removals, with_pruned):
            yield removal.rollout_ids


def _removal(
    experience: Experience, group: ParsedGroup, ids: set[str], version: int,
    keys_of: Callable[[Sequence[str]], Sequence[str]],
) -> Removal:  # fmt: skip
    places = {place for place, rollout in enumerate(experience.rollouts) if rollout.id in ids}
    readings = list(enumerate(group.parsed))
    needed = {text for place, one in readings if place not in places for text in (one.thinking, one.answer)}
    texts = {text for place, one in readings if place in places for text in (one.thinking, one.answer)}
    identity = text_identity(experience.text, experience.domain)
    line = to_json(history_without(group, places))
    kept = KeptHistory(filled(experience.id), identity, experience.dataset, line)
    rollout_ids = tuple(filled(experience.rollouts[place].id) for place in sorted(places))
    return Removal(version, rollout_ids, kept, tuple(keys_of(sorted(texts - needed - {experience.text}))))


def history_without(group: ParsedGroup, places: set[int]) -> QueryHistory:
    """What has to be remembered of a query whose rollouts at `places` go: their labels, and all votes so far, because
    the votes of one step are compared with those that are left of it."""
    rollouts = tuple(
        rollout if place in places else replace(rollout, label=None) for place, rollout in enumerate(group.rollouts)
    )
    return history_of(replace(group, rollouts=rollouts))


def with_pruned(stored: str, given: str) -> str:
    """A row of the store with what pruned rollouts said, whose labels may have been corrected since."""
    return to_json(merged(from_json(given), from_json(stored)))


def _report(gone: Chosen, dry_run: bool) -> PruneReport:
    reasons = tuple(
        PrunedRollouts(reason, len(sizes), sum(size.bytes for size in sizes))
        for reason in PruneReason
        if (sizes := [size for size, why in gone.items() if why is reason])
    )
    queries = len({size.query_id for size in gone})
    return PruneReport(
        dry_run, queries, sum(one.rollouts for one in reasons), sum(one.bytes for one in reasons), reasons
    )
