from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import httpx
import pytest

from memreward_trainer.verifiers.choice_verifier import ChoiceVerifier
from memreward_trainer.verifiers.domain_verifier import DomainVerifier
from memreward_trainer.verifiers.external_verifier import CommandVerifier, UrlVerifier
from memreward_trainer.verifiers.text_verifier import TextVerifier
from memreward_trainer.verifiers.verdicts import Attempt, Ruling, Verdict

CHOICES = "Where is water kept?\nA. ocean\nB. water cooler\nC. cabinet"
TEXT = Attempt("Who?", "It is Ada.", "text", answer="Ada", ground_truth="Ada")


@pytest.mark.parametrize(
    ("response", "truth", "ruling"),
    [("The answer is \\boxed{B}", "B", "right"),
     ("(B) water cooler", "B", "right"), ("\\boxed{water cooler}", "B", "right"),
     ("\\boxed{B}", "water cooler", "right"), ("\\boxed{A}", "B", "wrong"), ("\\boxed{A, B}", "B", "wrong"),
     ("\\boxed{none of the above}", "B", "wrong"), ("", "B", "wrong"), ("\\boxed{B}", "", "cannot_say"),
     ("\\boxed{B}", None, "cannot_say")],
)  # fmt: skip
async def test_a_choice_is_compared_as_letter_or_option(response: str, truth: str | None, ruling: str) -> None:
    assert (await ChoiceVerifier().verify(Attempt(CHOICES, response, "qa", ground_truth=truth))).ruling == ruling


@pytest.mark.parametrize(
    ("answer", "truth", "exact", "normalised"),
    [("Ada Lovelace", "Ada Lovelace", "right", "right"), (" Ada\n", "Ada", "right", "right"),
     ("the ada, lovelace!", "Ada Lovelace", "wrong", "right"), ("1,000", "1000.0", "wrong", "right"),
     ("Ada", "Ada Lovelace", "wrong", "wrong"), ("", "Ada", "wrong", "wrong"), ("B", '["A", "B"]', "right", "right"),
     ("[A", "[A", "right", "right"), ("A", "  ", "cannot_say", "cannot_say"), ("A", "[]", "cannot_say", "cannot_say")],
)  # fmt: skip
async def test_a_text_is_compared_exactly_or_by_its_words(answer: str, truth: str, exact: str, normalised: str) -> None:
    attempt = Attempt("Who?", answer, "text", answer=answer, ground_truth=truth)
    assert (await TextVerifier(exact=True).verify(attempt)).ruling == exact
    assert (await TextVerifier().verify(attempt)).ruling == normalised


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
    with pytest.raises(ValueError, match="give a program and its arguments"):
        CommandVerifier([])


def url(reply: httpx.Response | Exception) -> tuple[UrlVerifier, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if isinstance(reply, Exception):
            raise reply
        return reply

    headers = {"authorization": "Bearer key"}
    return UrlVerifier("http://judge/verify", 5.0, headers, httpx.MockTransport(answer)), seen


async def test_a_url_is_posted_the_attempt_and_says_its_ruling() -> None:
    verifier, seen = url(httpx.Response(200, json={"ruling": "wrong", "reason": "an expert"}))
    assert await verifier.verify(TEXT) == Verdict(Ruling.WRONG, "an expert")
    assert seen[0].headers["authorization"] == "Bearer key"
    assert json.loads(seen[0].content) == {
        "query": "Who?", "response": "It is Ada.", "domain": "text", "answer": "Ada", "ground_truth": "Ada",
        "tests": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    "reply",
    [httpx.Response(500, json={"ruling": "right"}), httpx.Response(200, text="right"), httpx.ConnectError("refused"),
     httpx.ReadTimeout("slow"), httpx.Response(200, json={"ruling": "maybe"})],
)  # fmt: skip
async def test_a_url_that_fails_cannot_say(reply: httpx.Response | Exception) -> None:
    assert (await url(reply)[0].verify(TEXT)).ruling is Ruling.CANNOT_SAY


async def test_each_domain_has_its_verifier() -> None:
    verifier = DomainVerifier({"text": TextVerifier(), "qa": ChoiceVerifier()})
    assert (await verifier.verify(TEXT)).ruling is Ruling.RIGHT
    told = await verifier.verify(Attempt("1+1?", "2", "math", ground_truth="2"))
    assert told == Verdict(Ruling.CANNOT_SAY, "there is no verifier for the domain math")


def test_a_verdict_is_a_label_or_none() -> None:
    assert [Verdict(ruling, "").label for ruling in Ruling] == [1.0, 0.0, None]
