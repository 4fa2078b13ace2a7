"""The groups that were answered last, and what their labels say: which rollouts were predicted, which are audited.

A label is beside the probability that its rollout has without it, but with the labels of its siblings (leave one out);
of a group that is labelled as a whole no label is seen, because its query has a reference answer, and the rollouts that
it stands for are predicted beside no labelled sibling. Blank responses are not predicted, and do not count.

Which labelled rollouts are audited, and with which probability, is known of every group:

    a planner spoke of it       those that it drew for its audit and did not want anyway (labels/audit.py)
    nobody spoke of it          all, as if chance had drawn them: with the share of such rollouts that is labelled

Each audited rollout stands for `weight` rollouts of its kind that were predicted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from memreward_proto.records import Domain, Group, GroupKey, filled
from memreward_service.arrays import Floats
from memreward_service.belief.posterior import GroupBelief
from memreward_service.trust.estimate import Audit

Labels = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The rollouts of a group that are audited where they have labels. `rate`: with which probability a planner drew
    each of them; None where no planner did."""

    rate: float | None
    rollouts: frozenset[int]


@dataclass(frozen=True, slots=True)
class AnsweredGroup:
    """A group as it was answered. `belief`: before any of its `labels`. `query` and `rollouts` are hashes of their
    texts; a rollout that has none is blank. `served`: whether the others were predicted for somebody. `audit`: None
    where all labels count. A group with the same `name` is the same."""

    name: int
    domain: Domain
    query: int
    rollouts: tuple[int | None, ...]
    belief: GroupBelief
    labels: Labels
    served: bool = True
    audit: Drawn | None = None
    step: int | None = None
    late: tuple[tuple[str, int], ...] = ()
    """Which stored rollout, by id, each label that came late belongs to."""
    drifts: bool = False
    """Whether its consensus drifts, and no label had decided on it."""

    @property
    def known(self) -> list[int]:
        """The rollouts whose labels are known."""
        return [i for i, text in enumerate(self.rollouts) if text is not None and self.labels[i] is not None]

    @property
    def predicted(self) -> list[int]:
        """The rollouts whose rewards were predicted."""
        return [
            i for i, text in enumerate(self.rollouts) if self.served and text is not None and self.labels[i] is None
        ]

    @property
    def audited(self) -> list[int]:
        """The rollouts that say how good predictions are."""
        return self.known if self.audit is None else [i for i in self.known if i in self.audit.rollouts]

    @property
    def agreement(self) -> float:
        """The share of its rollouts that give the most frequent answer."""
        return float(self.belief.votes.max()) / len(self.labels)

    @property
    def rate(self) -> float | None:
        """With which probability a planner drew its rollouts; None where no planner spoke of the group."""
        return None if self.audit is None else self.audit.rate

    def unseen(self) -> list[float | None]:
        """(n,) probability of each labelled rollout without its own label, None of the others."""
        return without_own_label(self.belief, self.labels, whole=self.rate is None)

    def alike(self, index: int) -> int:
        """How many rollouts give the answer of this one, itself and those without a label; in a group that is labelled
        as a whole, all of them."""
        same = [i for i in range(len(self.labels)) if self.belief.key[i] == self.belief.key[index]]
        whole = None not in self.labels
        return sum(whole or i == index or self.labels[i] is None for i in same)


def answered_group(
    group: Group,
    belief: GroupBelief,
    key: GroupKey | None = None,
    step: int | None = None,
    audit: Drawn | None = None,
    served: bool = True,
    drifts: bool = False,
) -> AnsweredGroup:
    """A group as it was answered; `key` is that of a group sent one by one."""
    query = hash((group.query.domain, group.query.text))
    texts = [rollout.response for rollout in group.rollouts]
    rollouts = tuple(hash(text) if text.strip() else None for text in texts)
    return AnsweredGroup(
        group_name(group, key), Domain(filled(group.query.domain)), query, rollouts, belief,
        tuple(rollout.label for rollout in group.rollouts), served, audit, step, drifts=drifts,
    )  # fmt: skip


def group_name(group: Group, key: GroupKey | None = None) -> int:
    """The same for a group that is sent again, whatever its labels. Hashes hold in this process."""
    texts = tuple(rollout.response for rollout in group.rollouts)
    sent = texts if key is None else (key.run_id, key.group_id, key.group_attempt)
    return hash((group.query.domain, group.query.text, sent))


def without_own_label(belief: GroupBelief, labels: Labels, whole: bool = True) -> list[float | None]:
    """(n,) probability of each labelled rollout from all `labels` (n,) of its group but its own, None of the others.
    Where all have one, from none of them if `whole`: the group was labelled as a whole."""
    if whole and None not in labels:
        return list(map(float, belief.probability([None] * len(labels))))
    seen: dict[tuple[int, float], Floats] = {}  # the same for rollouts of one key with one label
    result: list[float | None] = []
    for index, label in enumerate(labels):
        if label is None:
            result.append(None)
            continue
        alike = int(belief.key[index]), label
        if alike not in seen:
            seen[alike] = belief.probability([*labels[:index], None, *labels[index + 1 :]])
        result.append(float(seen[alike][index]))
    return result


class Window:
    """The last answered groups of one domain, with `limit` rollouts at most (or one group). The oldest are dropped."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._groups: dict[int, AnsweredGroup] = {}
        self._rollouts = 0

    def put(self, group: AnsweredGroup) -> None:
        """Keep a group as the newest. What was known of it stays known: its labels, its audit, that it was served."""
        before = self._drop(group.name)
        if before is not None:
            group = _merged(before, group)
        elif group.rate is not None and None not in group.labels:
            group = replace(group, audit=None)  # nobody asked for labels that came with it
        self._groups[group.name] = group
        self._rollouts += len(group.labels)
        while self._rollouts > self._limit and len(self._groups) > 1:
            self._drop(next(iter(self._groups)))

    def label(self, query: int, rollout: int, stored_id: str, label: float) -> bool:
        """Take a label that came late for a rollout of an answered group, which is stored under an id: of the newest
        that has it, if possible one without a label. Whether there is one. The group keeps its place. The same id again
        is the same rollout."""
        groups = [group for group in reversed(self._groups.values()) if group.query == query]
        places = [(group, i) for group in groups for i, text in enumerate(group.rollouts) if text == rollout]
        if not places:
            return False
        known = [(group, i) for group, i in places if (stored_id, i) in group.late]
        unlabelled = [(group, i) for group, i in places if group.labels[i] is None]
        group, index = next(iter([*known, *unlabelled, *places]))
        audit = group.audit
        if audit is not None and audit.rate is None:
            audit = Drawn(None, audit.rollouts | {index})
        self._groups[group.name] = replace(
            group,
            audit=audit,
            labels=(*group.labels[:index], label, *group.labels[index + 1 :]),
            late=group.late if known else (*group.late, (stored_id, index)),
        )
        return True

    def groups(self) -> list[AnsweredGroup]:
        """The oldest first."""
        return list(self._groups.values())

    def _drop(self, name: int) -> AnsweredGroup | None:
        group = self._groups.pop(name, None)
        self._rollouts -= 0 if group is None else len(group.labels)
        return group


def _merged(before: AnsweredGroup, now: AnsweredGroup) -> AnsweredGroup:
    labels = (old if new is None else new for new, old in zip(now.labels, before.labels, strict=True))
    audit = now.audit or before.audit
    if audit is not None and before.audit is not None and audit.rate is None:
        audit = Drawn(None, audit.rollouts | before.audit.rollouts)
    return replace(
        now, labels=tuple(labels), served=now.served or before.served, audit=audit,
        step=before.step if now.step is None else now.step,
        late=tuple(dict.fromkeys((*before.late, *now.late))),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compared:
    """(L,) labels beside probabilities without them, and the training step of each, -1 where it is not known."""

    label: Floats
    probability: Floats
    step: NDArray[np.int64]


def compared(groups: Iterable[AnsweredGroup]) -> Compared:
    """All labelled rollouts."""
    rows = [
        (group.labels[index], unseen[index], -1 if group.step is None else group.step)
        for group in groups
        if (known := group.known)
        for unseen in [group.unseen()]
        for index in known
    ]
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return Compared(table[:, 0], table[:, 1], table[:, 2].astype(np.int64))


def agreement(groups: Iterable[AnsweredGroup], step: int | None = None) -> float | None:
    """Mean share of a group, of a `step` where it is given, that gives its most frequent answer."""
    shares = [group.agreement for group in groups if step is None or group.step == step]
    return sum(shares) / len(shares) if shares else None


def predicted(groups: Iterable[AnsweredGroup]) -> Floats:
    """(N,) probabilities of the rollouts whose rewards were predicted, as they were answered."""
    parts = [group.belief.probability(group.labels)[rows] for group in groups if (rows := group.predicted)]
    return np.concatenate(parts) if parts else np.zeros(0)


def audit_of(groups: Sequence[AnsweredGroup]) -> tuple[Audit, int]:
    """The audited rollouts of the groups, and how many these are where every kind of group counts by its share of what
    was predicted: 0 where a kind has none."""
    kinds: list[list[tuple[float, float, float, float, float]]] = [[], []]
    stand_for = [0, 0]
    for number, group in enumerate(groups):
        kind = group.rate is not None
        stand_for[kind] += len(group.predicted)
        if audited := group.audited:
            unseen, odds = group.unseen(), 1.0 if group.rate is None else 1 / group.rate - 1
            for index in audited:
                right = float((group.labels[index] or 0.0) >= 0.5)
                kinds[kind].append((right, unseen[index] or 0.0, odds, number, group.alike(index)))
    tables = [np.array(rows, dtype=np.float64).reshape(-1, 5) for rows in kinds]
    counts = []
    for table, standing in zip(tables, stand_for, strict=True):
        if standing:
            counts.append(len(table) * sum(stand_for) // standing)
            table[:, 2] *= standing / max(table[:, 2].sum(), 1e-12)
    right, probability, weight, number, alike = np.concatenate(
        [table for table, standing in zip(tables, stand_for, strict=True) if standing] or [np.zeros((0, 5))]
    ).T
    return Audit(right, probability, weight, number.astype(np.int64), alike), min(counts, default=0)
