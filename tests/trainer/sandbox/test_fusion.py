"""Programs on a sandbox server, a fake one."""

from __future__ import annotations

import httpx
import pytest

from memreward_trainer.sandbox.answers import AnswerKind
from memreward_trainer.sandbox.fusion import FusionSandbox
from memreward_trainer.sandbox.isolation import SandboxUnavailable
from memreward_trainer.sandbox.limits import Limits
from trainer.sandbox.fusion_server import FakeServer


def sandbox_of(server: FakeServer) -> FusionSandbox:
    return FusionSandbox("http://sandbox/run_code", Limits(wall_seconds=5), transport=httpx.MockTransport(server))


async def test_functions_are_called_on_the_server() -> None:
    server = FakeServer()
    async with sandbox_of(server).program(
        "print('noise')\ndef f(x): return {x}\ndef g(): raise OSError", "import math"
    ) as program:
        assert program.functions == {"f", "g"}
        assert (await program.call("f", [3])).value == {3}
        assert (await program.call("g", [])).exception == "OSError"
        assert [answer.value for answer in await program.call_rows("f", [[1], [2]], 2)] == [{1}, {2}]
    first = server.requests[0]
    assert (first["language"], first["memory_limit_MB"], first["run_timeout"], first["files"]) == ("python", 512, 5, {})


async def test_programs_that_fail_there_have_failed() -> None:
    sandbox = sandbox_of(FakeServer(seconds=1.0))
    async with sandbox.program("def f(:") as program:
        assert program.failure is not None
        assert program.failure.exception == "SyntaxError"
    async with sandbox.program(
        "import os\ndef f(): os._exit(0)\ndef g():\n    import time\n    time.sleep(100)"
    ) as program:
        assert (await program.call("f", [])).kind is AnswerKind.ENDED
        assert (await program.call("g", [])).message == "gave no answer in time"


async def test_scripts_run_on_the_server() -> None:
    end = await sandbox_of(FakeServer()).run_script("import sys\nprint(input()[::-1])\nsys.exit(2)", "abc")
    assert (end.kind, end.output, end.status) == (AnswerKind.VALUE, "cba\n", 2)


@pytest.mark.parametrize(
    "reply",
    [httpx.Response(504), httpx.Response(200, text="no"), httpx.Response(200, json={"status": "SandboxError"}),
     httpx.Response(200, json={"status": "Failed", "run_result": {"status": "Error"}})],
)  # fmt: skip
async def test_a_server_that_fails_says_nothing_about_the_program(reply: httpx.Response) -> None:
    with pytest.raises(SandboxUnavailable, match="sandbox server"):
        await sandbox_of(FakeServer(reply)).run_script("print(1)", "")
