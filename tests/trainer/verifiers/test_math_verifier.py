from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memreward_service.answers import math_values
from memreward_service.answers.mathematics import pool
from memreward_trainer.verifiers.math_verifier import MathVerifier
from memreward_trainer.verifiers.verdicts import Attempt, Ruling, Verdict

FAKE_WORKER = (sys.executable, str(Path(__file__).with_name("fake_math_worker.py")))
TOWER = "9^{9^{9^{9^{9}}}}"


@pytest.fixture
def fake_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Comparisons are made by FAKE_WORKER; what it said about a text is forgotten."""
    math_values.close()
    monkeypatch.setattr(pool, "WORKER", FAKE_WORKER)
    math_values.forget()
    yield
    math_values.close()
    math_values.forget()


def attempt(response: str, truth: str | None = "1/2") -> Attempt:
    return Attempt("How much?", response, "math", ground_truth=truth)


async def ruling(answer: str, truth: str) -> Ruling:
    async with MathVerifier(seconds=20.0) as verifier:
        return (await verifier.verify(attempt(f"\\boxed{{{answer}}}", truth))).ruling


async def test_equal_keys_need_no_comparison() -> None:
    verifier = MathVerifier()
    assert (await verifier.verify(attempt("So the answer is \\boxed{0.5}."))).ruling is Ruling.RIGHT
    assert (await verifier.verify(attempt("It costs $70,000.", "70000"))).ruling is Ruling.RIGHT
    assert (await verifier.verify(attempt("", "7"))).ruling is Ruling.WRONG
    assert (await verifier.verify(attempt("\\boxed{7}", None))).ruling is Ruling.CANNOT_SAY
    assert (await verifier.verify(attempt("\\boxed{7}", " "))).ruling is Ruling.CANNOT_SAY
    assert (await verifier.verify(attempt(f"\\boxed{{{'x+' * 800}1}}"))).ruling is Ruling.CANNOT_SAY


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "truth", "expected"),
    [
        ("\\frac{\\sqrt{3}}{3}", "\\frac{1}{\\sqrt{3}}", "right"),
        ("2(x+1)", "2x+2", "right"),
        ("2x+1", "2x+2", "wrong"),
        ("\\{3, 1, 2\\}", "\\{1,2,3\\}", "right"),
        ("\\sin x", "\\cos(\\frac{\\pi}{2}-x)", "right"),
        ("7", "8", "wrong"),
        ("$81", "77", "wrong"),
        ("not enough information", "77", "cannot_say"),
        ("7", "seven pigs", "cannot_say"),
        ("\\text{even}", "\\text{odd}", "wrong"),
        ("4, 5", "AB = 4, CD = 5", "right"),
        ("5, 4", "AB = 4, CD = 5", "wrong"),
        ("0.333333", "\\frac{1}{3}", "right"),
        ("0.33", "\\frac{1}{3}", "wrong"),
        ("7", "€", "cannot_say"),
    ],
)
async def test_values_are_compared(answer: str, truth: str, expected: str) -> None:
    assert await ruling(answer, truth) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        ("\\frac{1}{1006!}", "\\frac{1}{1004!}"),
        ("\\frac{1}{3 \\cdot 2^{1500}}", "\\frac{2^{1501}+1}{3 \\cdot 2^{1500}}"),
        ("2 + \\frac{1}{\\mathrm{e}}", "2 - \\frac{1}{\\mathrm{e}}"),
        ("110_8", "110_2"),
        ("3^2", "3"),
        ("y<=4", "y>=4"),
        ("\\sqrt{2} + 10^{-40}", "\\sqrt{2}"),
        ("\\frac{22}{7}", "\\pi"),
        ("-6", "6"),
    ],
)
async def test_other_values_are_never_right(answer: str, truth: str) -> None:
    assert await ruling(answer, truth) is Ruling.WRONG


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer", [f"\\sin({TOWER})+x", "{" * 400 + "x" + "}" * 400, "(10^9)!", "x \\equiv 1 \\pmod 3"]
)
async def test_what_cannot_be_read_is_neither_right_nor_wrong(answer: str) -> None:
    assert await ruling(answer, "x+1") in (Ruling.CANNOT_SAY, Ruling.WRONG)
    assert await ruling("x+1", answer) in (Ruling.CANNOT_SAY, Ruling.WRONG)


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


@pytest.mark.usefixtures("fake_worker")
async def test_a_comparison_that_hangs_holds_up_no_other() -> None:
    ended: list[tuple[str, Ruling]] = []

    async def ask(answer: str) -> None:
        verdict = await verifier.verify(attempt(f"\\boxed{{{answer}}}", "x+1"))
        ended.append((answer, verdict.ruling))

    async with MathVerifier(seconds=3.0) as verifier:
        await asyncio.gather(ask("hang+x"), ask("y+1"), ask("wrong+x"))
        assert ended[-1] == ("hang+x", Ruling.CANNOT_SAY)
        assert set(ended[:-1]) == {("y+1", Ruling.RIGHT), ("wrong+x", Ruling.WRONG)}
        await ask("z+1")
    assert ended[-1] == ("z+1", Ruling.RIGHT)


@pytest.mark.usefixtures("fake_worker")
async def test_waiting_for_a_process_takes_nothing_from_the_time_of_a_comparison() -> None:
    async with MathVerifier(seconds=2.0) as verifier:
        asked = (verifier.verify(attempt(f"\\boxed{{x+{number}}}", "x+y")) for number in range(20))
        verdicts = await asyncio.gather(*asked)
    assert [verdict.ruling for verdict in verdicts] == [Ruling.RIGHT] * 20


@pytest.mark.usefixtures("fake_worker")
async def test_a_process_that_does_not_start_cannot_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "WORKER", ("/no/such/python",))
    async with MathVerifier() as verifier:
        told = await verifier.verify(attempt("\\boxed{2x}", "x+x"))
    assert told.ruling is Ruling.CANNOT_SAY
    assert told.reason.startswith("the process failed")


def test_a_verdict_names_both_values() -> None:
    async def told() -> list[Verdict]:
        async with MathVerifier() as verifier:
            return [await verifier.verify(attempt(f"\\boxed{{{answer}}}")) for answer in ("0.5", "0.7")]

    assert [verdict.reason for verdict in asyncio.run(told())] == ["the answer is 1/2", "the answer is 7/10, not 1/2"]
