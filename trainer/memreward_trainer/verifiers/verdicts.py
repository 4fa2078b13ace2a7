"""What a verifier is asked and what it answers. READ FIRST."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from memreward_client import Domain


class Ruling(StrEnum):
    """The three answers of a verifier."""

    RIGHT = "right"
    WRONG = "wrong"
    CANNOT_SAY = "cannot_say"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A ruling with its reason, a phrase for people."""

    ruling: Ruling
    reason: str

    @property
    def label(self) -> float | None:
        """The true reward: 1 right, 0 wrong, None where the verifier cannot say."""
        return {Ruling.RIGHT: 1.0, Ruling.WRONG: 0.0, Ruling.CANNOT_SAY: None}[self.ruling]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A rollout beside what is known about its query: all that a verifier may look at."""

    query: str
    response: str
    domain: Domain
    """math, qa, code or text."""
    answer: str | None = None
    """The final answer where the caller has extracted it; else it is read from the response."""
    ground_truth: str | None = None
    """The reference answer."""
    tests: tuple[str, ...] = ()
    """Tests of a program, trusted: Python sources, or JSON in the formats of program_tests.py."""


class Verifier(Protocol):
    """Anything that can say whether an attempt is right."""

    async def verify(self, attempt: Attempt) -> Verdict:
        """The verdict. It does not raise for anything in the attempt, nor when a resource fails: it cannot say."""
        ...


def right(reason: str) -> Verdict:
    """A verdict of right."""
    return Verdict(Ruling.RIGHT, reason)


def wrong(reason: str) -> Verdict:
    """A verdict of wrong."""
    return Verdict(Ruling.WRONG, reason)


def cannot_say(reason: str) -> Verdict:
    """No verdict."""
    return Verdict(Ruling.CANNOT_SAY, reason)
