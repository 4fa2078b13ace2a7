"""Queries, rollouts and their predictions: what is asked, and what is answered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Domain(StrEnum):
    """What kind of task a query is; it decides how answers are compared (engine/answer_keys.py)."""

    MATH = "math"
    QA = "qa"
    CODE = "code"
    TEXT = "text"


class Status(StrEnum):
    """What became of one rollout. Only OK carries a reward; a failure is never a reward of 0."""

    OK = "ok"
    ABSTAIN = "abstain"
    INVALID = "invalid"
    TIMEOUT = "timeout"
    LABEL_REQUESTED = "label_requested"
    """Not the end: verify the rollout, and send it again with its label (or `no_label`)."""


class Source(StrEnum):
    """Where a reward comes from: a true label, or the graph neural network."""

    LABEL = "label"
    GNN = "gnn"


@dataclass(frozen=True, slots=True)
class Query:
    """One prompt. `id` is the caller's own, or derived from the text (see `records.query_id`)."""

    text: str
    id: str
    domain: Domain = Domain.TEXT
    dataset: str | None = None


@dataclass(frozen=True, slots=True)
class Rollout:
    """One response to a query.

    `thinking`, `answer` and `answer_key` are what the caller knows better than we do; None means "derive it from the
    response" (engine/answer_keys.py). `label` is the true reward in [0, 1], None where unknown. `behaviour` is what a
    program did: for each set of inputs, made from the query alone, one short text an input that tells the outcome;
    those of values begin with "v" (engine/behaviour_keys.py).
    """

    response: str
    thinking: str | None = None
    answer: str | None = None
    answer_key: str | None = None
    label: float | None = None
    behaviour: tuple[tuple[str, ...], ...] | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """The rollouts of one query sampled in one step: the unit that is scored together."""

    group_id: str
    query: Query
    rollouts: tuple[Rollout, ...]


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A memory query whose experience the prediction used. `similarity` is the cosine, in [-1, 1]."""

    query_id: str
    similarity: float
    text: str


@dataclass(frozen=True, slots=True)
class RolloutExplanation:
    """Why a rollout got its probability: what its group says about it, before the network weighs it.

    `agreement` is the share of the group with the same answer key, in (0, 1]; the two counts are the labels known for
    siblings with the same key. `answer` is the final answer as extracted.
    """

    answer: str
    answer_key: str
    agreement: float
    same_key_right: int
    same_key_wrong: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one rollout.

    `reward` is None unless status is OK. `probability` is the calibrated P(rollout is correct) and is None only for
    INVALID and TIMEOUT. `source` is None when there is no reward to attribute.
    """

    reward: float | None
    probability: float | None
    status: Status
    source: Source | None
    explanation: RolloutExplanation | None = None


@dataclass(frozen=True, slots=True)
class ScoredGroup:
    """Predictions in the order of the group's rollouts, and the memory queries they drew on, nearest first."""

    group_id: str
    rollouts: tuple[Prediction, ...]
    neighbors: tuple[Neighbor, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """The reply to one request: a prediction is reproducible from the two versions and the input."""

    model_version: str
    memory_version: int
    groups: tuple[ScoredGroup, ...]
