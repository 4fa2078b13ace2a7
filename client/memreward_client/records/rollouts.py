"""Queries, their rollouts, and what is predicted of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Domain = Literal["math", "qa", "code", "text"]
"""What kind of task a query is; it decides how answers are compared."""
Status = Literal["ok", "abstain", "invalid", "timeout", "label_requested"]
"""What became of a rollout. Only `ok` carries a reward; a failure is never a reward of 0. `label_requested` is not the
end: verify the rollout, and submit it again with its label, or with `no_label`."""
Source = Literal["label", "gnn"]
"""Where a reward comes from: a true label, or the graph neural network."""


@dataclass(frozen=True, slots=True)
class Query:
    """A prompt. Without `id`, one is derived; without `domain`, that of a known dataset, else text."""

    text: str
    id: str | None = None
    domain: Domain | None = None
    dataset: str | None = None


@dataclass(frozen=True, slots=True)
class Rollout:
    """One response. What is None is derived from the response; `label` is the true reward in [0, 1], where known.

    `behaviour` is what a program did: for each set of inputs, made from the query alone, one short text an input that
    tells the outcome; those of values begin with "v". The service compares it inside the group.
    """

    response: str
    thinking: str | None = None
    answer: str | None = None
    answer_key: str | None = None
    label: float | None = None
    behaviour: Sequence[Sequence[str]] | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """The rollouts of one query sampled in one step. Without `group_id`: its position in the call, "0", "1", ..."""

    query: Query
    rollouts: Sequence[Rollout]
    group_id: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the group says about a rollout.

    `agreement`: the share of the group with the same answer key, in (0, 1]; the counts are the labels known for
    siblings with that key.
    """

    answer: str
    answer_key: str
    agreement: float
    same_key_right: int
    same_key_wrong: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one rollout.

    `reward` is None unless `status` is ok. `probability` is the calibrated P(rollout is correct), None for invalid
    and timeout. `source` is None where there is no reward; `explanation` where none was asked for.
    """

    reward: float | None
    probability: float | None
    status: Status
    source: Source | None
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A memory query. `similarity` is the cosine, in [-1, 1]."""

    query_id: str
    similarity: float
    text: str


@dataclass(frozen=True, slots=True)
class ScoredGroup:
    """Predictions in the order of the rollouts sent, and the memory queries they drew on, nearest first."""

    group_id: str
    rollouts: tuple[Prediction, ...]
    neighbors: tuple[Neighbor, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """The answer of `score`: reproducible from the two versions and the input."""

    model_version: str
    memory_version: int
    groups: tuple[ScoredGroup, ...]
