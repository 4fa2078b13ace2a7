"""What comes back from a program: a value, or how it failed to give one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from memreward_trainer.sandbox.inside.literals import decode


class AnswerKind(StrEnum):
    """How a call ended. UNDECIDED says nothing about the program: the machine kept it from running."""

    VALUE = "value"
    RAISED = "raised"
    TIMED_OUT = "timed_out"
    TOO_LARGE = "too_large"
    ENDED = "ended"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of one call of a program's function, or of loading the program."""

    kind: AnswerKind
    encoded: Any = None
    """The value as literals.py writes it, with VALUE."""
    arguments: list[Any] | None = None
    """The arguments after the call, encoded, where a function that returned None changed them in place."""
    exception: str = ""
    """Name of the type that was raised, with RAISED."""
    detail: str = ""
    """The message of that exception."""
    message: str = ""
    """What is to be said about it, as a phrase with "the program" before it."""

    @property
    def value(self) -> Any:
        """The value as Python has it. Raises ValueError where the program sent what no value is written as."""
        return decode(self.encoded)


@dataclass(frozen=True, slots=True)
class ScriptEnd:
    """What a script printed, decoded as UTF-8 with replacements, and how it ended."""

    kind: AnswerKind
    """VALUE where it ended by itself, whatever its exit status."""
    output: str = ""
    status: int = 0
    message: str = ""
    seconds: float = 0.0
    """How long it ran, by the clock."""


def answer_of(reply: dict[str, Any]) -> Answer:
    """A reply of function_server.py; one that it never writes is the program's own doing, and ENDED."""
    if "value" in reply:
        arguments = reply.get("args")
        return Answer(AnswerKind.VALUE, reply["value"], arguments if isinstance(arguments, list) else None)
    detail = str(reply.get("message", ""))
    for key in ("raised", "failed"):
        if key in reply:
            exception = str(reply[key])
            if exception == "CallTimedOut":
                return Answer(AnswerKind.TIMED_OUT, message="used up the processor time of one call")
            return Answer(
                AnswerKind.RAISED, exception=exception, detail=detail, message=f"raised {exception}: {detail}"
            )
    if "timed_out" in reply:
        return Answer(AnswerKind.TIMED_OUT, message="used up the processor time of one call")
    if "too_large" in reply:
        return Answer(AnswerKind.TOO_LARGE, message="returned a value that is too large")
    return Answer(AnswerKind.ENDED, message="broke the protocol of the sandbox")
