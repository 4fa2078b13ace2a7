"""A verifier of the user's own: a command that reads JSON, or a URL that takes it. An expert queue, a judge, a checker.

It gets {"query", "response", "domain", "answer", "ground_truth", "tests"} and says {"ruling": "right" | "wrong" |
"cannot_say", "reason"?}. Whatever else happens (no answer in time, an exit status, a status of HTTP, another text)
means that it cannot say; only its own word makes a label.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence

import httpx

from memreward_trainer.adapter.kept_client import KeptClient
from memreward_trainer.verifiers.verdicts import Attempt, Ruling, Verdict, cannot_say

LONGEST_REPLY = 1_000_000
"""Bytes read of a reply."""


class CommandVerifier:
    """Runs a command for every attempt: JSON on its standard input, JSON on its standard output."""

    def __init__(self, command: Sequence[str], seconds: float = 60.0) -> None:
        """`command`: program and arguments, no shell; `seconds`: after them it is killed with its children."""
        self._command, self._seconds = tuple(command), seconds

    async def verify(self, attempt: Attempt) -> Verdict:
        """What the command says."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, start_new_session=True, limit=LONGEST_REPLY
            )
        except OSError as error:
            return cannot_say(f"the command could not be started: {error}")
        try:
            async with asyncio.timeout(self._seconds):
                output, _ = await process.communicate(attempt_json(attempt))
        except TimeoutError:
            return cannot_say(f"the command gave no answer in {self._seconds:g} s")
        finally:
            await asyncio.shield(_ended(process))
        if process.returncode != 0:
            return cannot_say(f"the command ended with status {process.returncode}")
        return verdict_of(output)


class UrlVerifier:
    """Posts every attempt to a URL."""

    def __init__(self, url: str, seconds: float = 60.0) -> None:
        """`seconds`: time for the whole reply."""
        self._url, self._seconds, self._client = url, seconds, KeptClient()

    async def verify(self, attempt: Attempt) -> Verdict:
        """What the URL says."""
        try:
            async with asyncio.timeout(self._seconds):
                reply = await self._client.post(self._url, attempt_json(attempt), self._seconds)
        except (TimeoutError, httpx.TimeoutException):
            return cannot_say(f"the verifier's URL gave no answer in {self._seconds:g} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return cannot_say(f"the verifier's URL failed: {type(error).__name__}: {error}")
        if reply.status_code != httpx.codes.OK:
            return cannot_say(f"the verifier's URL answered with status {reply.status_code}")
        return verdict_of(reply.content)


def attempt_json(attempt: Attempt) -> bytes:
    """What an external verifier is sent."""
    return json.dumps(dataclasses.asdict(attempt)).encode()


def verdict_of(reply: bytes) -> Verdict:
    """The verdict in a reply; a reply of another form cannot say."""
    try:
        found = json.loads(reply[:LONGEST_REPLY])
        ruling = Ruling(found["ruling"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return cannot_say('the verifier\'s reply is not {"ruling": "right", "wrong" or "cannot_say"}')
    return Verdict(ruling, str(found.get("reason") or f"the external verifier says {ruling}"))


async def _ended(process: Process) -> None:
    """Kill the process and all that it started, and wait for its end."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdout is not None:
        await process.stdout.read()
    await process.wait()
