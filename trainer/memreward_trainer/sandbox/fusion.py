"""The same programs on a SandboxFusion server (the `sandbox_fusion.url` of verl), for machines that isolate nothing.

One request is one run: the server gets a source that holds inside/function_server.py, and the calls on its standard
input. A program keeps no state between two `call`s here, because each is a run of its own; `call_rows` is one run. The
hash seed is the server's, so the order of sets may differ between runs.
What the server reads and answers: verl/utils/reward_score/sandbox_fusion/utils.py of verl 0.9.1.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from memreward_trainer.adapter.kept_client import KeptClient
from memreward_trainer.sandbox.answers import Answer, AnswerKind, ScriptEnd, answer_of
from memreward_trainer.sandbox.isolation import SandboxUnavailable
from memreward_trainer.sandbox.launch import python_source
from memreward_trainer.sandbox.limits import Limits
from memreward_trainer.sandbox.program import Program, program_job

TRANSFER_SECONDS = 10.0
"""Time for a request beyond what the program may take."""
ISOLATED_BY_THE_SERVER = {"isolation": "server"}
"""The plan of function_server.py where nothing is left to confine."""


class FusionSandbox:
    """Programs on a SandboxFusion server, at most `concurrency` at once."""

    def __init__(self, url: str, limits: Limits | None = None, *, concurrency: int = 16) -> None:
        """`url`: that of `run_code`."""
        self.limits = limits or Limits()
        self._url, self._client = url, KeptClient()
        self._permits = asyncio.Semaphore(concurrency)

    @asynccontextmanager
    async def program(self, source: str, prelude: str = "", limits: Limits | None = None) -> AsyncIterator[Program]:
        """Load `source` once, to see what it defines."""
        used = limits or self.limits
        job = program_job(ISOLATED_BY_THE_SERVER, source, prelude, used)

        async def exchange(message: dict[str, Any]) -> dict[str, Any] | Answer:
            return await self._exchanged([job] if message is job else [job, message], used)

        program = Program(exchange, used)
        await program.load(job)
        yield program

    async def run_script(self, source: str, stdin: str, limits: Limits | None = None) -> ScriptEnd:
        """Run `source` as a script."""
        status, result = await self._run(source, stdin, limits or self.limits)
        seconds = float(result.get("execution_time") or 0.0)
        if status == "TimeLimitExceeded":
            return ScriptEnd(AnswerKind.ENDED, message="gave no answer in time", seconds=seconds)
        output = str(result.get("stdout") or "")
        if len(output.encode()) > self.limits.output_bytes:
            return ScriptEnd(AnswerKind.TOO_LARGE, message="printed too much", seconds=seconds)
        return ScriptEnd(AnswerKind.VALUE, output, int(result.get("return_code") or 0), seconds=seconds)

    async def _exchanged(self, messages: list[dict[str, Any]], limits: Limits) -> dict[str, Any] | Answer:
        """The reply to the last of the messages; an Answer where the process ended before it."""
        stdin = "".join(json.dumps(message) + "\n" for message in messages)
        status, result = await self._run(python_source("function_server"), stdin, limits)
        if status == "TimeLimitExceeded":
            return Answer(AnswerKind.ENDED, message="gave no answer in time")
        try:
            replies = [json.loads(line) for line in str(result.get("stdout") or "").splitlines()]
        except (ValueError, RecursionError):
            return answer_of({})
        if len(replies) != len(messages) or not isinstance(replies[-1], dict):
            return Answer(AnswerKind.ENDED, message=f"ended by itself with status {result.get('return_code')}")
        return replies[-1]

    async def _run(self, code: str, stdin: str, limits: Limits) -> tuple[str, dict[str, Any]]:
        """(status of the run, the server's `run_result`). Raises SandboxUnavailable where the server ran nothing."""
        seconds = math.ceil(limits.wall_seconds)
        request = {
            "compile_timeout": seconds, "run_timeout": seconds, "code": code, "stdin": stdin, "language": "python",
            "memory_limit_MB": limits.memory_bytes // 2**20, "files": {}, "fetch_files": [],
        }  # fmt: skip
        try:
            async with self._permits:
                content = json.dumps(request).encode()
                reply = await self._client.post(self._url, content, 2 * seconds + TRANSFER_SECONDS)
            answer = reply.raise_for_status().json()
            result = answer["run_result"]
            status = str(result["status"])
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
            raise SandboxUnavailable(f"The sandbox server {self._url} ran nothing: {type(error).__name__}.") from error
        if answer.get("status") == "SandboxError" or status == "Error":
            raise SandboxUnavailable(f"The sandbox server {self._url} reports an error of its own.")
        return status, result
