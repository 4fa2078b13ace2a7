from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from memreward_trainer.verifiers import math_verifier
from memreward_trainer.verifiers.math_verifier import MathVerifier
from memreward_trainer.verifiers.math_worker import compare
from memreward_trainer.verifiers.verdicts import Attempt, Ruling, Verdict

FAKE_WORKER = (sys.executable, str(Path(__file__).with_name("fake_math_worker.py")))
TOWER = "9^{9^{9^{9^{9}}}}"


@pytest.fixture
async def verifier() -> AsyncIterator[MathVerifier]:
    async with MathVerifier(seconds=20.0) as made:
        yield made


def attempt(response: str, truth: str | None = "1/2") -> Attempt:
    return Attempt("How much?", response, "math", ground_truth=truth)


async def test_equal_keys_need_no_library(verifier: MathVerifier) -> None:
    assert (await verifier.verify(attempt("So the answer is \\boxed{0.5}."))).ruling is Ruling.RIGHT
    assert (await verifier.verify(attempt("It costs $70,000.", "70000"))).ruling is Ruling.RIGHT
    assert (await verifier.verify(attempt("", "7"))).ruling is Ruling.WRONG
    assert (await verifier.verify(attempt("\\boxed{7}", None))).ruling is Ruling.CANNOT_SAY
    assert (await verifier.verify(attempt("\\boxed{7}", " "))).ruling is Ruling.CANNOT_SAY
    assert (await verifier.verify(attempt(f"\\boxed{{{'x+' * 800}1}}"))).ruling is Ruling.CANNOT_SAY


@pytest.mark.slow
async def test_values_are_compared_by_math_verify(verifier: MathVerifier) -> None:
    for answer, truth, ruling in [
        ("\\frac{\\sqrt{3}}{3}", "\\frac{1}{\\sqrt{3}}", "right"), ("2(x+1)", "2x+2", "right"),
        ("2x+1", "2x+2", "wrong"),
        ("\\{3, 1, 2\\}", "\\{1,2,3\\}", "right"), ("7", "8", "wrong"), ("$81", "77", "wrong"), ("€81", "77", "wrong"),
        ("not enough information", "77", "cannot_say"), ("7", "seven pigs", "cannot_say"),
    ]:  # fmt: skip
        told = await verifier.verify(attempt(f"\\boxed{{{answer}}}", truth))
        assert (answer, told.ruling) == (answer, ruling)


@pytest.mark.slow
async def test_a_comparison_that_hangs_is_killed_and_the_next_one_works() -> None:
    async with MathVerifier(seconds=3.0) as verifier:
        assert (await verifier.verify(attempt("\\boxed{2x}", "x+x"))).ruling is Ruling.RIGHT
        told = await asyncio.gather(
            verifier.verify(attempt(f"\\boxed{{\\sin({TOWER})+x}}", "x+1")),
            verifier.verify(attempt("\\boxed{2x+1}", "1+x+x")),
        )
    assert told[0].ruling in (Ruling.CANNOT_SAY, Ruling.WRONG)
    assert told[1].ruling is Ruling.RIGHT


@pytest.mark.slow
async def test_a_cancelled_question_does_not_answer_the_next_one() -> None:
    async with MathVerifier(seconds=30.0) as verifier:
        assert (await verifier.verify(attempt("\\boxed{2x}", "x+x"))).ruling is Ruling.RIGHT
        task = asyncio.create_task(verifier.verify(attempt("\\boxed{x+y+2}", "y+x+2")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await verifier.verify(attempt("\\boxed{x+y+3}", "y+x+2"))).ruling is Ruling.WRONG


async def test_a_comparison_that_hangs_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(math_verifier, "WORKER", FAKE_WORKER)
    ended: list[tuple[str, Ruling]] = []

    async def ask(answer: str) -> None:
        verdict = await verifier.verify(attempt(f"\\boxed{{{answer}}}", "x+1"))
        ended.append((answer, verdict.ruling))

    async with MathVerifier(seconds=3.0) as verifier:
        await asyncio.gather(ask("hang+x"), ask("y+1"), ask("wrong+x"))
        assert ended == [("y+1", Ruling.RIGHT), ("wrong+x", Ruling.WRONG), ("hang+x", Ruling.CANNOT_SAY)]
        await ask("z+1")
    assert ended[-1] == ("z+1", Ruling.RIGHT)


async def test_waiting_for_a_process_takes_nothing_from_the_time_of_a_comparison(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(math_verifier, "WORKER", FAKE_WORKER)
    async with MathVerifier(seconds=2.0, processes=1) as verifier:
        asked = (verifier.verify(attempt(f"\\boxed{{x+{number}}}", "x+y")) for number in range(10))
        verdicts = await asyncio.gather(*asked)
    assert [verdict.ruling for verdict in verdicts] == [Ruling.RIGHT] * 10


async def test_a_process_that_does_not_start_cannot_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(math_verifier, "WORKER", ("/no/such/python",))
    async with MathVerifier() as verifier:
        told = await verifier.verify(attempt("\\boxed{2x}", "x+x"))
    assert told.ruling is Ruling.CANNOT_SAY
    assert told.reason.startswith("the process of math-verify failed")


def test_the_worker_never_takes_a_failure_for_a_difference() -> None:
    assert compare("x+x", "2x") == {"equal": True}
    assert compare("x+x", "3x") == {"equal": False}
    assert compare("seven", "7") == {"unclear": "the reference is written in words"}
    assert compare("7", "\\text{seven}") == {"unclear": "the answer is written in words"}
    assert compare("\\text{even}", "\\text{odd}") == {"equal": False}
    assert compare("\\sin x", "\\cos(\\frac{\\pi}{2}-x)") == {"equal": True}
    assert compare("7", "€") == {"unclear": "the answer is no mathematical value"}


def test_a_verdict_names_both_values() -> None:
    async def told() -> Verdict:
        async with MathVerifier() as verifier:
            return await verifier.verify(attempt("\\boxed{0.5}"))

    assert asyncio.run(told()).reason == "the answer is 1/2"
