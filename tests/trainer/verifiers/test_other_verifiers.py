from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from memreward_trainer.verifiers.external_verifier import CommandVerifier, UrlVerifier
from memreward_trainer.verifiers.verdicts import Attempt, Ruling, Verdict

TEXT = Attempt("Who?", "It is Ada.", "text", answer="Ada", ground_truth="Ada")


def command(body: str, seconds: float = 20.0) -> CommandVerifier:
    return CommandVerifier(
        [sys.executable, "-c", f"import json, sys, time\nasked = json.load(sys.stdin)\n{body}"], seconds
    )


async def test_a_command_reads_the_attempt_and_says_its_ruling() -> None:
    same = 'asked["answer"] == asked["ground_truth"]'
    says = f'print(json.dumps({{"ruling": "right" if {same} else "wrong", "reason": "read"}}))'
    assert await command(says).verify(TEXT) == Verdict(Ruling.RIGHT, "read")
    other = Attempt("Who?", "Bob", "text", answer="Bob", ground_truth="Ada")
    assert (await command(says).verify(other)).ruling is Ruling.WRONG
    assert await command('print(\'{"ruling": "cannot_say"}\')').verify(TEXT) == Verdict(
        Ruling.CANNOT_SAY, "the external verifier says cannot_say"
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [("sys.exit(3)", "ended with status 3"), ("print('yes')", "is not"), ("print('{\"ruling\": 1}')", "is not"),
     ("print('[]')", "is not"), ("pass", "is not"), ("print('[' * 100000)", "is not"),
     ("print('{\"ruling\": \"right\"}'); sys.exit(1)", "ended with status 1")],
)  # fmt: skip
async def test_a_command_that_fails_cannot_say(body: str, reason: str) -> None:
    told = await command(body).verify(TEXT)
    assert told.ruling is Ruling.CANNOT_SAY
    assert reason in told.reason


async def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    note = tmp_path / "child"
    body = (
        "import subprocess\n"
        f"child = subprocess.Popen(['sleep', '1000'])\nopen({str(note)!r}, 'w').write(str(child.pid))\ntime.sleep(1000)"
    )
    told = await command(body, seconds=2.0).verify(TEXT)
    assert told == Verdict(Ruling.CANNOT_SAY, "the command gave no answer in 2 s")
    child = note.read_text()
    for _ in range(200):
        if not _alive(child):
            break
        await asyncio.sleep(0.05)
    assert not _alive(child)


def _alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_a_command_that_does_not_exist_cannot_say() -> None:
    told = await CommandVerifier(["/no/such/command"]).verify(TEXT)
    assert told.ruling is Ruling.CANNOT_SAY


@contextmanager
def grader(
    status: int, reply: str, wait: float = 0.0, seconds: float = 20.0
) -> Iterator[tuple[UrlVerifier, list[bytes]]]:
    """A verifier that asks a real server with this answer, and what the server was posted."""
    seen: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.rfile.read(int(self.headers["Content-Length"])))
            time.sleep(wait)
            with suppress(BrokenPipeError):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(reply.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield UrlVerifier(f"http://127.0.0.1:{listener.server_port}/verify", seconds), seen
        listener.shutdown()


async def test_a_url_is_posted_the_attempt_and_says_its_ruling() -> None:
    with grader(200, '{"ruling": "wrong", "reason": "an expert"}') as (verifier, seen):
        assert await verifier.verify(TEXT) == Verdict(Ruling.WRONG, "an expert")
    assert json.loads(seen[0]) == {
        "query": "Who?", "response": "It is Ada.", "domain": "text", "answer": "Ada", "ground_truth": "Ada",
        "tests": [],
    }  # fmt: skip


async def test_verifications_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[httpx.AsyncClient] = []

    class Counted(httpx.AsyncClient):
        def __init__(self, **options: Any) -> None:
            opened.append(self)
            super().__init__(**options)

    monkeypatch.setattr(httpx, "AsyncClient", Counted)
    with grader(200, '{"ruling": "right"}') as (verifier, seen):
        verdicts = await asyncio.gather(*(verifier.verify(TEXT) for _ in range(8)))
    assert [verdict.ruling for verdict in verdicts] == [Ruling.RIGHT] * 8
    assert (len(seen), len(opened)) == (8, 1)


@pytest.mark.parametrize(
    ("status", "reply", "wait", "reason"),
    [(500, '{"ruling": "right"}', 0, "status 500"), (200, "right", 0, "is not"),
     (200, '{"ruling": "maybe"}', 0, "is not"), (200, '{"ruling": "right"}', 1.5, "no answer in 1 s")],
)  # fmt: skip
async def test_a_url_that_fails_cannot_say(status: int, reply: str, wait: float, reason: str) -> None:
    with grader(status, reply, wait, seconds=1.0 if wait else 20.0) as (verifier, _):
        verdict = await verifier.verify(TEXT)
    assert verdict.ruling is Ruling.CANNOT_SAY
    assert reason in verdict.reason
    assert (await verifier.verify(TEXT)).reason.startswith("the verifier's URL failed: ConnectError")


def test_a_verdict_is_a_label_or_none() -> None:
    assert [Verdict(ruling, "").label for ruling in Ruling] == [1.0, 0.0, None]
