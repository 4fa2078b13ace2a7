"""Programs on a sandbox server, a fake one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from memreward_trainer.sandbox.answers import AnswerKind
from memreward_trainer.sandbox.fusion import FusionSandbox
from memreward_trainer.sandbox.isolation import SandboxUnavailable
from memreward_trainer.sandbox.limits import Limits
from trainer.sandbox.fusion_server import FakeServer, listening


@contextmanager
def sandbox_of(server: FakeServer) -> Iterator[FusionSandbox]:
    with listening(server) as url:
        yield FusionSandbox(url, Limits(wall_seconds=5))


async def test_functions_are_called_on_the_server() -> None:
    server = FakeServer()
    source = "print('noise')\ndef f(x): return {x}\ndef g(): raise OSError"
    with sandbox_of(server) as sandbox:
        async with sandbox.program(source, "import math") as program:
            assert program.functions == {"f", "g"}
            assert (await program.call("f", [3])).value == {3}
            assert (await program.call("g", [])).exception == "OSError"
            assert [answer.value for answer in await program.call_rows("f", [[1], [2]], 2)] == [{1}, {2}]
    first = server.requests[0]
    assert (first["language"], first["memory_limit_MB"], first["run_timeout"], first["files"]) == ("python", 512, 5, {})


async def test_programs_that_fail_there_have_failed() -> None:
    with sandbox_of(FakeServer(seconds=1.0)) as sandbox:
        async with sandbox.program("def f(:") as program:
            assert program.failure is not None
            assert program.failure.exception == "SyntaxError"
        source = "import os, time\ndef f(): os._exit(0)\ndef g(): time.sleep(100)"
        async with sandbox.program(source) as program:
            ended = await program.call("f", [])
            assert (ended.kind, ended.message) == (AnswerKind.ENDED, "ended by itself with status 0")
            assert await program.call("g", []) == ended
        async with sandbox.program(source) as program:
            assert (await program.call("g", [])).message == "gave no answer in time"


async def test_scripts_run_on_the_server() -> None:
    with sandbox_of(FakeServer()) as sandbox:
        end = await sandbox.run_script("import sys\nprint(input()[::-1])\nsys.exit(2)", "abc")
    assert (end.kind, end.output, end.status) == (AnswerKind.VALUE, "cba\n", 2)


@pytest.mark.parametrize(
    "reply",
    [httpx.Response(504), httpx.Response(200, text="no"), httpx.Response(200, json={"status": "SandboxError"}),
     httpx.Response(200, json={"status": "Failed", "run_result": {"status": "Error"}})],
)  # fmt: skip
async def test_a_server_that_fails_says_nothing_about_the_program(reply: httpx.Response) -> None:
    with sandbox_of(FakeServer(reply)) as sandbox, pytest.raises(SandboxUnavailable, match="sandbox server"):
        await sandbox.run_script("print(1)", "")


async def test_all_programs_of_a_worker_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[httpx.AsyncClient] = []

    class Counted(httpx.AsyncClient):
        def __init__(self, **options: Any) -> None:
            opened.append(self)
            super().__init__(**options)

    monkeypatch.setattr(httpx, "AsyncClient", Counted)
    with sandbox_of(FakeServer()) as sandbox:
        ends = await asyncio.gather(*(sandbox.run_script(f"print({number})", "") for number in range(6)))
    assert [end.output for end in ends] == [f"{number}\n" for number in range(6)]
    assert len(opened) == 1


def test_the_client_is_of_its_event_loop_and_is_closed_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[httpx.AsyncClient] = []

    class Kept(httpx.AsyncClient):
        def __init__(self, **options: Any) -> None:
            opened.append(self)
            super().__init__(**options)

    monkeypatch.setattr(httpx, "AsyncClient", Kept)
    with sandbox_of(FakeServer()) as sandbox:
        for loops in (1, 2):
            assert asyncio.run(sandbox.run_script("print(7)", "")).output == "7\n"
            assert [client.is_closed for client in opened] == [True] * loops
