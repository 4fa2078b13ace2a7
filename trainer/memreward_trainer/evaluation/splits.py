"""Labelled rollouts of a file, as the engine's records, and the share of their labels that a method may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memreward_client.files.rollouts import FileQuery, FileRollout, read_rollout_file
from memreward_proto.errors import InvalidArgument
from memreward_proto.records import Domain, Experience, StoredRollout
from memreward_service.groups.datasets import domain_of
from memreward_service.store import with_ids

POLICY_SETTINGS: dict[tuple[str, int], tuple[str, ...]] = {
    ("gsm8k", 8): ("openai-*", "text-davinci-003-*"),
    ("commonsenseqa", 8): ("gpt-3.5-turbo-*", "text-davinci-003-*"),
}
"""Which policies make up a setting of n rollouts a query; other data sets take the first n."""

LABEL_SOURCE = "reference"


@dataclass(frozen=True, slots=True)
class Split:
    """What a method may know. `memory`: the experience with only the labels that were paid for. `asked`: the groups
    that are scored, known labels inline; `truth` has the labels of all their rollouts, `hidden` those that count."""

    memory: tuple[Experience, ...]
    asked: tuple[Experience, ...]
    truth: tuple[tuple[float, ...], ...]
    hidden: tuple[tuple[bool, ...], ...]
    labels_spent: float


def labelled_queries(path: Path, rollouts: int | None, policies: Sequence[str] | None) -> list[Experience]:
    """The queries of `path` with their labelled rollouts, ids filled in.

    `rollouts`: n a query, by POLICY_SETTINGS where the data set has one, else the first n. `policies`: names or
    patterns (openai-*) instead. Raises InvalidArgument where nothing labelled is left.
    """
    kept = [_experience(line, rollouts, policies) for line in read_rollout_file(path)]
    queries = [experience for experience in kept if experience.rollouts]
    if len(queries) < 2:
        raise InvalidArgument(
            f"{path} has {len(queries)} queries with labelled rollouts of the chosen policies: evaluation takes at "
            "least 2.",
            field="file",
        )
    return with_ids(queries)


def queries_split(queries: Sequence[Experience], budget: float, seed: int) -> Split:
    """Regime queries: all rollouts of a share `budget` of the queries are labelled; the other queries are asked."""
    order = np.random.default_rng(seed).permutation(len(queries))
    cut = round(budget * len(queries))
    memory = [queries[place] for place in sorted(order[:cut])]
    asked = [queries[place] for place in sorted(order[cut:])]
    return _split(memory, asked, [[False] * len(experience.rollouts) for experience in asked])


def rollouts_split(queries: Sequence[Experience], budget: float, seed: int) -> Split:
    """Regime rollouts: a share `budget` of all rollouts, drawn at random, is labelled; the others are asked."""
    sizes = np.array([len(experience.rollouts) for experience in queries])
    shown = np.zeros(sizes.sum(), dtype=bool)
    shown[np.random.default_rng(seed).permutation(len(shown))[: round(budget * len(shown))]] = True
    parts = [part.tolist() for part in np.split(shown, sizes.cumsum()[:-1])]
    memory = [only_labels(experience, part) for experience, part in zip(queries, parts, strict=True)]
    return _split(memory, queries, parts)


def _split(memory: Sequence[Experience], asked: Sequence[Experience], shown: Sequence[Sequence[bool]]) -> Split:
    pairs = list(zip(asked, shown, strict=True))
    labels = sum(stored.label is not None for experience in memory for stored in experience.rollouts)
    every = {stored.id for experience in (*memory, *asked) for stored in experience.rollouts}
    return Split(
        memory=tuple(memory),
        asked=tuple(only_labels(experience, part) for experience, part in pairs),
        truth=tuple(tuple(float(s.label or 0) for s in experience.rollouts) for experience in asked),
        hidden=tuple(tuple(not seen for seen in part) for part in shown),
        labels_spent=labels / len(every),
    )


def only_labels(experience: Experience, shown: Sequence[bool]) -> Experience:
    """The experience with the labels of the `shown` rollouts only."""
    rollouts = tuple(
        stored if seen else replace(stored, label=None, label_source=None)
        for stored, seen in zip(experience.rollouts, shown, strict=True)
    )
    return replace(experience, rollouts=rollouts)


def _experience(line: FileQuery, rollouts: int | None, policies: Sequence[str] | None) -> Experience:
    chosen = [rollout for rollout in line.rollouts if rollout.label is not None]
    patterns = policies or (POLICY_SETTINGS.get((line.dataset or "", rollouts)) if rollouts else None)
    if patterns:
        chosen = [r for r in chosen if any(fnmatchcase(r.policy or "", pattern) for pattern in patterns)]
    domain = Domain(line.domain) if line.domain else domain_of(line.dataset)
    stored = tuple(_stored(rollout) for rollout in chosen[:rollouts])
    return Experience(line.query, line.id, domain, line.dataset, rollouts=stored)


def _stored(rollout: FileRollout) -> StoredRollout:
    return StoredRollout(
        response=rollout.response,
        thinking=rollout.thinking,
        answer=rollout.answer,
        answer_key=rollout.answer_key,
        label=rollout.label,
        behaviour=rollout.behaviour,
        id=rollout.id,
        label_source=rollout.label_source or LABEL_SOURCE,
        policy=rollout.policy,
        step=rollout.step,
    )


def flat(values: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """All values of all groups, (N,)."""
    return np.array([value for part in values for value in part], dtype=np.float64)
