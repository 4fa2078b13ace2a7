"""The same programs on a SandboxFusion server (the `sandbox_fusion.url` of verl), for machines that isolate nothing.

One request is one run: the server gets a source that holds function_server.py, and the calls on its standard input. A
program keeps no state between two `call`s here, because each is a run of its own; `call_rows` is one run. The hash seed
is the server's, so the order of sets may differ between runs.
What the server reads and answers: verl/utils/reward_score/sandbox_fusion/utils.py of verl 0.9.1.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from memreward_trainer.sandbox.answers import Answer, AnswerKind, ScriptEnd, answer_of
from memreward_trainer.sandbox.isolation import SandboxUnavailable
from memreward_trainer.sandbox.launch import python_source
from memreward_trainer.sandbox.limits import Limits
from memreward_trainer.sandbox.sandbox import Program

TRANSFER_SECONDS = 10.0
"""Time for a request beyond what the program may take."""
ISOLATED_BY_THE_SERVER = {"isolation": "server"}
"""The plan of function_server.py where nothing is left to confine."""


class FusionSandbox:
    """Programs on a SandboxFusion server, at most `concurrency` at once."""

    def __init__(
        self,
        url: str,
        limits: Limits | None = None,
        *,
        concurrency: int = 16,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`url`: that of `run_code`; `transport`: for tests."""
        self.limits = limits or Limits()
        self._url, self._transport = url, transport
        self._permits = asyncio.Semaphore(concurrency)

    @asynccontextmanager
    async def program(self, source: str, prelude: str = "", limits: Limits | None = None) -> AsyncIterator[Program]:
        """Load `source` once, to see what it defines."""
        program = _FusionProgram(self, source, prelude, limits or self.limits)
        await program.load()
        yield program

    async def run_script(self, source: str, stdin: str) -> ScriptEnd:
        """Run `source` as a script."""
        status, result = await self.run(source, stdin, self.limits)
        if status == "TimeLimitExceeded":
            return ScriptEnd(AnswerKind.ENDED, message="gave no answer in time")
        output = str(result.get("stdout") or "")
        if len(output.encode()) > self.limits.output_bytes:
            return ScriptEnd(AnswerKind.TOO_LARGE, message="printed too much")
        return ScriptEnd(AnswerKind.VALUE, output, int(result.get("return_code") or 0))

    async def run(self, code: str, stdin: str, limits: Limits) -> tuple[str, dict[str, Any]]:
        """(status of the run, the server's `run_result`). Raises SandboxUnavailable where the server ran nothing."""
        seconds = math.ceil(limits.wall_seconds)
        request = {
            "compile_timeout": seconds, "run_timeout": seconds, "code": code, "stdin": stdin, "language": "python",
            "memory_limit_MB": limits.memory_bytes // 2**20, "files": {}, "fetch_files": [],
        }  # fmt: skip
        try:
            async with (
                self._permits,
                httpx.AsyncClient(transport=self._transport, timeout=2 * seconds + TRANSFER_SECONDS) as client,
            ):
                reply = await client.post(self._url, json=request)
                reply.raise_for_status()
                told = reply.json()
                result = told["run_result"]
                status = str(result["status"])
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
            raise SandboxUnavailable(f"The sandbox server {self._url} ran nothing: {type(error).__name__}.") from error
        if told.get("status") == "SandboxError" or status == "Error":
            raise SandboxUnavailable(f"The sandbox server {self._url} reports an error of its own.")
        return status, result


class _FusionProgram:
    """A program that is sent anew with every run."""

    def __init__(self, sandbox: FusionSandbox, source: str, prelude: str, limits: Limits) -> None:
        self._sandbox, self._limits = sandbox, limits
        self._job = {
            "plan": ISOLATED_BY_THE_SERVER,
            "program": source,
            "prelude": prelude,
            "call_seconds": limits.call_seconds,
        }
        self.functions: frozenset[str] = frozenset()
        self.failure: Answer | None = None

    async def load(self) -> None:
        reply = await self._replies([])
        if isinstance(reply, Answer):
            self.failure = reply
        elif isinstance(names := reply[0].get("ready"), list):
            self.functions = frozenset(name for name in names if isinstance(name, str))
        else:
            self.failure = answer_of(reply[0])

    async def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> Answer:
        reply = await self._replies([{"call": name, "args": list(args), "kwargs": dict(kwargs or {})}])
        return reply if isinstance(reply, Answer) else answer_of(reply[-1])

    async def call_rows(self, name: str, rows: Sequence[Sequence[Any]], most_late: int) -> list[Answer]:
        most_chars = self._limits.output_bytes // max(1, len(rows))
        request = {"call": name, "rows": list(rows), "most_late": most_late, "most_chars": most_chars}
        reply = await self._replies([request])
        answers = reply[-1].get("rows") if isinstance(reply, list) else None
        if isinstance(reply, list) and isinstance(answers, list) and len(answers) == len(rows):
            return [answer_of(answer) if isinstance(answer, dict) else answer_of({}) for answer in answers]
        return [reply if isinstance(reply, Answer) else answer_of({})] * len(rows)

    async def _replies(self, requests: list[dict[str, Any]]) -> list[dict[str, Any]] | Answer:
        """One line for loading and one a request; an Answer where the process ended before the last of them."""
        if self.failure is not None:
            return self.failure
        stdin = "".join(json.dumps(message) + "\n" for message in (self._job, *requests))
        status, result = await self._sandbox.run(python_source("function_server"), stdin, self._limits)
        if status == "TimeLimitExceeded":
            return Answer(AnswerKind.ENDED, message="gave no answer in time")
        try:
            replies = [json.loads(line) for line in str(result.get("stdout") or "").splitlines()]
        except (ValueError, RecursionError):
            return answer_of({})
        if len(replies) != 1 + len(requests) or not all(isinstance(reply, dict) for reply in replies):
            return Answer(AnswerKind.ENDED, message=f"ended by itself with status {result.get('return_code')}")
        return replies
