"""The records of a query's history: what became of each answer that rollouts of the query gave."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

MOST_ANSWERS = 32
"""Answers of one query that are kept: those with labels first, then those with most votes."""
MOST_LABELS = 64
"""Labels of one query that are kept: the newest of every answer."""
MOST_BEHAVIOURS = 8
"""Answers of one query of which more is kept: what their program did, to be compared with new programs, and a digest of
their newest response."""
KEY_CHARACTERS = 48
BEGINNING = 20
"""Answer keys of more characters are kept as so many of their first ones and a digest."""


@dataclass(frozen=True, slots=True)
class PastLabel:
    """A label that an answer got. `response`: a digest of the response it was given to; `source`: who gave it."""

    label: float
    response: str
    step: int | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class PastVotes:
    """Rollouts of one training step and one policy that gave an answer.

    `summed`: the votes of all steps up to this one, of every policy; the oldest steps of a long history are kept so.
    """

    step: int | None
    policy: str | None
    votes: int
    summed: bool = False


@dataclass(frozen=True, slots=True)
class PastBehaviour:
    """What a program did on the set of inputs on which its group was compared (groups/behaviour.py).

    `place` is that of the set, `version` names the inputs and outcomes as the caller did.
    """

    place: int
    outcomes: tuple[str, ...]
    version: str | None = None


@dataclass(frozen=True, slots=True)
class PastAnswer:
    """One answer key of a query, as its rollouts gave it: `votes` in all, and by step and policy. `newest`: a digest of
    the response that gave it last, for the first MOST_BEHAVIOURS answers."""

    key: str
    votes: int
    first_step: int | None = None
    last_step: int | None = None
    labels: tuple[PastLabel, ...] = ()
    behaviour: PastBehaviour | None = None
    by_step: tuple[PastVotes, ...] = ()
    newest: str | None = None


QueryHistory = tuple[PastAnswer, ...]


def kept_key(key: str) -> str:
    """An answer key as a history holds it: whole, or its beginning with a digest where it is long."""
    if len(key) <= KEY_CHARACTERS:
        return key
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{key[:BEGINNING]}…{digest}"


def kept_outcome(outcome: str) -> str:
    """An outcome of a program as a history holds it, at most four characters: its first letter says what happened, and
    12 bits of a digest tell values apart."""
    letter = "_" if outcome[:1] in ("", " ") else outcome[0]
    if len(outcome) == 1:
        return letter
    return letter + hashlib.sha256(outcome.encode()).hexdigest()[:3]
