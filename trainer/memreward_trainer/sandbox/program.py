"""A program that was loaded, wherever it runs: its functions are called with plain values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from memreward_trainer.sandbox.answers import Answer, answer_of
from memreward_trainer.sandbox.isolation import SandboxUnavailable
from memreward_trainer.sandbox.limits import Limits

Exchange = Callable[[dict[str, Any]], Awaitable[dict[str, Any] | Answer]]
"""Sends a request of function_server.py; its reply, or an Answer where the process can give none."""


class Program:
    """A program of which nothing is known before `load`. After an end of its process every call ends so."""

    def __init__(self, exchange: Exchange, limits: Limits) -> None:
        self._exchange, self._limits = exchange, limits
        self.functions: frozenset[str] = frozenset()
        """Names that can be called; empty where loading failed."""
        self.methods: dict[str, tuple[str, ...]] = {}
        """The methods of its classes."""
        self.failure: Answer | None = None
        """How loading failed, or the process ended; then there is nothing to call."""

    async def load(self, job: dict[str, Any]) -> None:
        """Send the program. Raises SandboxUnavailable where its process could not be confined."""
        reply = await self._exchange(job)
        if isinstance(reply, Answer):
            self.failure = reply
        elif "unconfined" in reply:
            raise SandboxUnavailable(f"The isolation does not work here: {reply['unconfined']}.")
        elif isinstance(names := reply.get("ready"), list):
            self.functions = frozenset(name for name in names if isinstance(name, str))
            self.methods = _methods(reply.get("methods"))
        else:
            self.failure = answer_of(reply)

    async def call(
        self,
        name: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any] | None = None,
        made: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Call a function with encoded arguments (literals.py), or the method `Solution().f`.

        `made`: the object that the method is called on, as function_server.py takes it; else a new one.
        """
        request = {"call": name, "args": list(args), "kwargs": dict(kwargs or {})}
        reply = await self._reply(request | ({"object": dict(made)} if made is not None else {}))
        return reply if isinstance(reply, Answer) else answer_of(reply)

    async def call_rows(self, name: str, rows: Sequence[Sequence[Any]], most_late: int) -> list[Answer]:
        """Call one function with many rows of arguments; after `most_late` time-outs the others count as timed out."""
        most_chars = self._limits.output_bytes // max(1, len(rows))
        request = {"call": name, "rows": list(rows), "most_late": most_late, "most_chars": most_chars}
        reply = await self._reply(request) if rows else {"rows": []}
        if isinstance(reply, dict):
            answers = reply.get("rows")
            if isinstance(answers, list) and len(answers) == len(rows):
                return [answer_of(answer) if isinstance(answer, dict) else answer_of({}) for answer in answers]
            self.failure = reply = answer_of({})
        return [reply] * len(rows)

    async def _reply(self, request: dict[str, Any]) -> dict[str, Any] | Answer:
        if self.failure is not None:
            return self.failure
        reply = await self._exchange(request)
        if isinstance(reply, Answer):
            self.failure = reply
        return reply


def _methods(told: Any) -> dict[str, tuple[str, ...]]:
    """The methods of classes, as far as what the process says is understood."""
    classes = told.items() if isinstance(told, dict) else ()
    return {
        kind: tuple(name for name in names if isinstance(name, str))
        for kind, names in classes
        if isinstance(names, list)
    }


def program_job(plan: dict[str, Any], source: str, prelude: str, limits: Limits) -> dict[str, Any]:
    """The first line of function_server.py: the program `source`, after the code `prelude` in the same namespace."""
    return {"plan": plan, "program": source, "prelude": prelude, "call_seconds": limits.call_seconds}
