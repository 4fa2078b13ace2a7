"""Queries, rollouts and their predictions: what is asked, and what is answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from memreward_proto.records.record import Record


class Domain(StrEnum):
    """What kind of task a query is; it decides how answers are compared (answers/reading.py)."""

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
    """Where a reward comes from: a true label, the graph neural network, or, before one is trained, the agreement of
    the group with its labels and what memory knows of the query."""

    LABEL = "label"
    GNN = "gnn"
    AGREEMENT = "agreement"


@dataclass(frozen=True, slots=True)
class Query(Record):
    """A prompt."""

    text: str
    """The prompt itself."""
    id: str | None = None
    """Your own id; without it, one is derived from text, domain and dataset."""
    domain: str | None = None
    """math, qa, code or text. Without it: that of a known dataset, else text."""
    dataset: str | None = None
    """The dataset's name, for example gsm8k."""


@dataclass(frozen=True, slots=True)
class Rollout(Record):
    """One response to the query."""

    response: str
    """The whole response. One that is blank, too long or holds what is no character (half a surrogate pair, U+FFFF)
    gets the status invalid, and its siblings are scored."""
    thinking: str | None = None
    """The reasoning part, where you have it apart."""
    answer: str | None = None
    """The final answer; without it, it is extracted from the response."""
    answer_key: str | None = None
    """The form in which answers agree; without it, it is derived: for code, from the behaviour where it is given."""
    label: float | None = None
    """The true reward from 0 to 1, where you know it."""
    behaviour: tuple[tuple[str, ...], ...] | None = None
    """For programs: what it did on inputs made from the query alone. One list for each set of inputs, that of the
    likeliest types first, and in it one text an input: 1 to 32 printable ASCII characters, beginning with v for a
    value. At most 64 sets and 4096 texts."""
    behaviour_version: str | None = field(default=None, kw_only=True)
    """What made the inputs of the behaviour, in which version: only programs of one version are compared."""


@dataclass(frozen=True, slots=True)
class Group(Record):
    """The rollouts of one query sampled in one step: the unit that is scored together."""

    query: Query
    rollouts: Sequence[Rollout]
    group_id: str | None = None
    """Your own id, back in the answer; without it, the position: "0", "1", …"""


@dataclass(frozen=True, slots=True)
class ScoreRequest(Record):
    """POST /v1/rewards."""

    groups: Sequence[Group]
    explain: bool | None = None
    """Say for each rollout what speaks for its reward and against it, in numbers and in one sentence."""


@dataclass(frozen=True, slots=True)
class Neighbor(Record):
    """A memory query; similarity is the cosine, in [-1, 1]."""

    query_id: str
    similarity: float
    text: str


@dataclass(frozen=True, slots=True)
class Neighbors(Record):
    """The memory queries nearest to a text, nearest first."""

    queries: Sequence[Neighbor]


@dataclass(frozen=True, slots=True)
class Explanation(Record):
    """Why a rollout got its reward: its final answer as extracted, and what speaks for that answer and against it. The
    label of the rollout itself is none of it.

    agreement is the share of the group with the same answer key, in (0, 1]; the labels known for siblings with that key
    are same_key_right and same_key_wrong.
    """

    answer: str
    answer_key: str
    agreement: float
    same_key_right: int
    same_key_wrong: int
    earlier_right: int | None = None
    """Labels that said right of this answer when the query came earlier."""
    earlier_wrong: int | None = None
    """Labels that said wrong of it."""
    last_labelled_step: int | None = None
    """The training step of the newest of these labels, where one has a step."""
    earlier_votes: int | None = None
    """Stored rollouts of the query that gave this answer."""
    earlier_rollouts: int | None = None
    """Stored rollouts of the query that gave any answer that can be compared with it."""
    own_probability: float | None = None
    """What the network says where no label is known; before one is trained, what agreement says."""
    summary: str | None = None
    """All of it in one sentence, for people; its words may change."""


@dataclass(frozen=True, slots=True)
class Prediction(Record):
    """The answer for one rollout; reward is null unless status is ok. probability is the calibrated P(rollout is
    correct), null for invalid and timeout only; source is null where there is no reward, explanation where none was
    asked for."""

    reward: float | None
    probability: float | None
    status: Status
    source: Source | None
    explanation: Explanation | None = None
    reason: str | None = None
    """Why the status is invalid, or why it is abstain because a consensus drifts, a sentence; else null."""


@dataclass(frozen=True, slots=True)
class ScoredGroup(Record):
    """Predictions in the order of the rollouts sent, and the memory queries they drew on, nearest first."""

    group_id: str
    rollouts: tuple[Prediction, ...]
    neighbors: tuple[Neighbor, ...]


@dataclass(frozen=True, slots=True)
class Scored(Record):
    """The answer of POST /v1/rewards: reproducible from the two versions and the input."""

    model_version: str
    memory_version: int
    groups: tuple[ScoredGroup, ...]
