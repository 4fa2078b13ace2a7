"""Groups as arrays: what a graph is made of. Everything after this file is tensor arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from memreward_proto.records import Domain, Query, Rollout, StoredRollout
from memreward_service.answers.reading import Reading, read_groups
from memreward_service.arrays import Vectors
from memreward_service.groups.behaviour import ComparedBehaviour, compared


@dataclass(frozen=True, slots=True)
class ParsedGroup:
    """A query with its rollouts split into thinking, answer and answer key. `behaviours`: how its programs compare,
    None where a rollout came without."""

    query: Query
    rollouts: tuple[Rollout, ...]
    parsed: tuple[Reading, ...]
    behaviours: tuple[ComparedBehaviour | None, ...]

    @property
    def texts(self) -> list[str]:
        """What has to be embedded: the query, then every thinking, then every answer (1 + 2n texts)."""
        return [self.query.text, *(p.thinking for p in self.parsed), *(p.answer for p in self.parsed)]

    @property
    def exclusive(self) -> bool:
        """Whether at most one answer key is right. Different answers exclude each other, but not different texts, and
        programs whose behaviour nobody sent are known by their texts only."""
        known = any(rollout.answer_key is not None or rollout.behaviour is not None for rollout in self.rollouts)
        return self.query.domain != Domain.TEXT and (self.query.domain != Domain.CODE or known)


def parse_groups(groups: Sequence[tuple[Query, Sequence[Rollout]]]) -> list[ParsedGroup]:
    """Read every rollout of queries. What programs did becomes their answer key, unless the caller gave one.

    It may wait for other processes (answers/math_values.py), so it does not run on an event loop.
    """
    return [
        _parsed_group(query, tuple(rollouts), readings)
        for (query, rollouts), readings in zip(groups, read_groups(groups), strict=True)
    ]


def parse_group(query: Query, rollouts: Sequence[Rollout]) -> ParsedGroup:
    """`parse_groups` of one query."""
    return parse_groups([(query, rollouts)])[0]


def _parsed_group(query: Query, rollouts: tuple[Rollout, ...], readings: Sequence[Reading]) -> ParsedGroup:
    behaviours = compared(
        [rollout.behaviour for rollout in rollouts], [rollout.behaviour_version for rollout in rollouts]
    )
    parsed = tuple(
        replace(reading, answer_key=behaviour.key) if behaviour is not None and rollout.answer_key is None else reading
        for rollout, reading, behaviour in zip(rollouts, readings, behaviours, strict=True)
    )
    return ParsedGroup(query, rollouts, parsed, tuple(behaviours))


@dataclass(frozen=True, slots=True)
class GroupBatch:
    """B groups with N rollouts in all, as arrays. D is the length of an embedding.

    `key` is equal for two rollouts if and only if they are in one group and agree; a rollout without an answer
    key agrees with nobody. `label` is NaN where unknown.
    """

    query_vectors: Tensor
    """(B, D)"""
    thinking_vectors: Tensor
    """(N, D)"""
    answer_vectors: Tensor
    """(N, D)"""
    group: Tensor
    """(N,) int64 in [0, B), non-decreasing"""
    key: Tensor
    """(N,) int64 in [0, K), dense"""
    label: Tensor
    """(N,) float32 in [0, 1] or NaN"""
    lengths: Tensor
    """(N, 2) float32: characters of the thinking and of the answer"""
    returned: Tensor
    """(N, I) int64: what a program returned, a number an input on which it did, padded by -1; equal for two rollouts
    if and only if they are in one group and returned the same on one input"""
    inputs: Tensor
    """(N,) float32: on how many inputs a program was compared, 0 where its behaviour is not known"""
    exclusive: Tensor
    """(B,) bool: whether at most one key of the group is right"""
    step: Tensor
    """(N,) int64: the training step that a rollout is of, -1 where it is not known"""
    past_votes: Tensor
    """(N,) float32: rollouts of earlier groups of the query that gave the same key"""
    past_rollouts: Tensor
    """(B,) float32: rollouts of earlier groups of the query"""
    past_rival: Tensor
    """(B,) float32: most earlier votes for a key that nobody gives now"""

    @property
    def groups(self) -> int:
        """B"""
        return self.query_vectors.shape[0]

    @property
    def known(self) -> Tensor:
        """(N,) bool: whose label is known"""
        return ~self.label.isnan()

    def select(self, chosen: Tensor) -> GroupBatch:
        """The groups `chosen` (int64, without repetition), in that order, as a batch of their own."""
        place = torch.full((self.groups,), -1).index_put_((chosen,), torch.arange(len(chosen)))
        rows = (place[self.group] >= 0).nonzero()[:, 0]
        rows = rows[torch.argsort(place[self.group[rows]], stable=True)]
        return self._of_rows(rows, chosen, place[self.group[rows]])

    def keep(self, rollouts: Tensor, past: Tensor | None = None) -> GroupBatch:
        """The same groups with only the `rollouts` where the mask (N,) bool is True; at least one of each group. Those
        of the mask `past` (N,) bool, none of them kept, are its past, as if they were of earlier groups."""
        kept = self._of_rows(rollouts, torch.arange(self.groups), self.group[rollouts])
        if past is None:
            return kept
        keys = int(self.key.max()) + 1 if len(self.key) else 0
        votes = torch.bincount(self.key[past], minlength=keys).float()  # (K,)
        absent = votes.index_fill(0, self.key[rollouts], 0.0)
        group_of_key = torch.zeros(keys, dtype=torch.int64).index_put_((self.key,), self.group)
        return replace(
            kept,
            past_votes=votes[self.key[rollouts]],
            past_rollouts=torch.bincount(self.group[past], minlength=self.groups).float(),
            past_rival=torch.zeros(self.groups).scatter_reduce(0, group_of_key, absent, "amax"),
        )

    def _of_rows(self, rows: Tensor, groups: Tensor, group: Tensor) -> GroupBatch:
        return GroupBatch(
            query_vectors=self.query_vectors[groups],
            thinking_vectors=self.thinking_vectors[rows],
            answer_vectors=self.answer_vectors[rows],
            group=group,
            key=torch.unique(self.key[rows], return_inverse=True)[1],
            label=self.label[rows],
            lengths=self.lengths[rows],
            returned=self.returned[rows],
            inputs=self.inputs[rows],
            exclusive=self.exclusive[groups],
            step=self.step[rows],
            past_votes=self.past_votes[rows],
            past_rollouts=self.past_rollouts[groups],
            past_rival=self.past_rival[groups],
        )


def group_batch(
    groups: Sequence[ParsedGroup], vectors: Vectors, past: Sequence[Mapping[str, int]] | None = None
) -> GroupBatch:
    """Arrays of parsed groups. `vectors` (sum of 1 + 2n, D) are those of `texts`, group after group. `past`: the votes
    that each answer key of a query got in earlier groups, by group; without it there were none."""
    earlier = past or [{}] * len(groups)
    sizes = np.array([len(group.rollouts) for group in groups])
    starts = np.concatenate([[0], np.cumsum(1 + 2 * sizes)[:-1]])
    group = np.repeat(np.arange(len(groups)), sizes)
    within = np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    thinking = starts[group] + 1 + within
    table = torch.from_numpy(vectors)
    labels = [np.nan if r.label is None else r.label for g in groups for r in g.rollouts]
    steps = [r.step if isinstance(r, StoredRollout) else None for g in groups for r in g.rollouts]
    votes = [
        0 if parsed.answer_key is None else then.get(parsed.answer_key, 0)
        for group_, then in zip(groups, earlier, strict=True)
        for parsed in group_.parsed
    ]
    lengths = [(len(p.thinking), len(p.answer)) for g in groups for p in g.parsed]
    return GroupBatch(
        query_vectors=table[torch.from_numpy(starts)],
        thinking_vectors=table[torch.from_numpy(thinking)],
        answer_vectors=table[torch.from_numpy(thinking + sizes[group])],
        group=torch.from_numpy(group),
        key=torch.tensor(_dense_keys(groups), dtype=torch.int64),
        label=torch.tensor(labels, dtype=torch.float32),
        lengths=torch.tensor(lengths, dtype=torch.float32).reshape(-1, 2),
        returned=_dense_values(groups),
        inputs=torch.tensor([0 if b is None else b.inputs for g in groups for b in g.behaviours], dtype=torch.float32),
        exclusive=torch.tensor([group.exclusive for group in groups]),
        step=torch.tensor([-1 if step is None else step for step in steps], dtype=torch.int64),
        past_votes=torch.tensor(votes, dtype=torch.float32),
        past_rollouts=torch.tensor([sum(then.values()) for then in earlier], dtype=torch.float32),
        past_rival=torch.tensor(list(map(_rival, groups, earlier)), dtype=torch.float32),
    )


def _rival(group: ParsedGroup, past: Mapping[str, int]) -> int:
    """Most of the `past` votes for a key that nobody gives now."""
    now = {parsed.answer_key for parsed in group.parsed}
    return max((votes for key, votes in past.items() if key not in now), default=0)


def _dense_keys(groups: Sequence[ParsedGroup]) -> list[int]:
    """A number for each (group, answer key); a missing key gets a number of its own."""
    numbers: dict[tuple[int, object], int] = {}
    return [
        numbers.setdefault((place, (index,) if parsed.answer_key is None else parsed.answer_key), len(numbers))
        for place, group in enumerate(groups)
        for index, parsed in enumerate(group.parsed)
    ]


def _dense_values(groups: Sequence[ParsedGroup]) -> Tensor:
    """(N, I) a number for each (group, value on an input)."""
    numbers: dict[tuple[int, str], int] = {}
    rows = [
        [] if behaviour is None else [numbers.setdefault((place, value), len(numbers)) for value in behaviour.returned]
        for place, group in enumerate(groups)
        for behaviour in group.behaviours
    ]
    width = max(map(len, rows), default=0)
    padded = [row + [-1] * (width - len(row)) for row in rows]
    return torch.tensor(padded, dtype=torch.int64).reshape(len(rows), width)
