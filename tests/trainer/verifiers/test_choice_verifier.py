"""Right and wrong for what can be compared; everything else it cannot say."""

from __future__ import annotations

import pytest

from memreward_client import Domain
from memreward_trainer.verifiers.choice_verifier import ChoiceVerifier
from memreward_trainer.verifiers.verdicts import Attempt, Ruling

FLIES = "Which of these flies?\nA. stone\nB. paper kite\nC. anchor"
NUMBERS = "Which colour?\n1. red\n2. green\n3. blue"
CHINESE = "哪一种颜色？\nA. 红色\nB. 绿色\nC. 蓝色"


@pytest.mark.parametrize(
    ("query", "truth", "response"),
    [
        (FLIES, "B", "The answer is \\boxed{B}"), (FLIES, "B", "(B) paper kite"), (FLIES, "B", "\\boxed{paper kite}"),
        (FLIES, "B", "The right option is B."), (FLIES, "B", "So I pick B - it flies."), (FLIES, "B", "答案为（B）"),
        (FLIES, "B", "The answer is (B), not (C)."), (FLIES, "B", "B. paper kite\n\nFor the stone (A) falls."),
        (FLIES, "(B)", "b"), (FLIES, "B.", "La respuesta es B."), (FLIES, "paper kite", "\\boxed{B}"),
        (FLIES, "B. paper kite", "The paper kite"), (FLIES, "A, C", "A and C"), (FLIES, "The answer is B", "B"),
        (NUMBERS, "2", "2. green"), (NUMBERS, "green", "The answer is 2"), (NUMBERS, "2", "green"),
        (CHINESE, "B", "答案是绿色"), (CHINESE, "绿色", "故选：B"),
        ("Which?", "B", "The correct option is B."), ("Which?", "B", "故选：B"), ("Which?", "kite", "Kite."),
    ],
)  # fmt: skip
async def test_the_option_of_the_reference_is_right(query: str, truth: str, response: str) -> None:
    verdict = await ChoiceVerifier().verify(Attempt(query, response, Domain.QA, ground_truth=truth))
    assert verdict.ruling is Ruling.RIGHT, verdict.reason


@pytest.mark.parametrize(
    ("query", "truth", "response"),
    [
        (FLIES, "B", "\\boxed{A}"), (FLIES, "B", "The answer is C, not B."), (FLIES, "B", "stone"),
        (FLIES, "B", "B is wrong, so A"),
        (FLIES, "B", "\\boxed{A, B}"), (FLIES, "B", "both A and B"), (FLIES, "B", "either A or B"), (FLIES, "A", "AB"),
        (FLIES, "B", "\\boxed{none of the above}"), (FLIES, "B", "None of these."), (FLIES, "B", "All of the above"),
        (FLIES, "A, C", "A"), (FLIES, "B", "(E) a bird"), (FLIES, "B", ""), (FLIES, "B", " \n"),
        (NUMBERS, "2", "3. blue"),
        (FLIES, "B", "The correct answer cannot be determined."), ("Which?", "B", "The answer is C"),
    ],
)  # fmt: skip
async def test_another_option_several_or_none_are_wrong(query: str, truth: str, response: str) -> None:
    verdict = await ChoiceVerifier().verify(Attempt(query, response, Domain.QA, ground_truth=truth))
    assert verdict.ruling is Ruling.WRONG, verdict.reason


@pytest.mark.parametrize(
    ("query", "truth", "response", "reason"),
    [
        (FLIES, None, "\\boxed{B}", "no reference"), (FLIES, " ", "\\boxed{B}", "no reference"),
        (FLIES, "a bird", "\\boxed{B}", "the reference answer names none of the options: a bird"),
        (FLIES, "1", "B", "the reference answer names none"), (FLIES, "E", "F", "the reference answer names none"),
        (FLIES, "B", "\\boxed{something with wings}", "the answer names none of the options: something with wings"),
        (FLIES, "B", "I have no idea about this.", "the answer names none"),
        ("Which?", "kite", "A toy of paper", "reference"),
        ("Which?", "B", "A toy of paper", "the answer names none"),
    ],
)  # fmt: skip
async def test_what_cannot_be_compared_it_cannot_say(query: str, truth: str | None, response: str, reason: str) -> None:
    verdict = await ChoiceVerifier().verify(Attempt(query, response, Domain.QA, ground_truth=truth))
    assert verdict.ruling is Ruling.CANNOT_SAY
    assert reason in verdict.reason


async def test_the_given_answer_counts_and_not_the_response() -> None:
    attempt = Attempt(FLIES, "\\boxed{A}", Domain.QA, answer="the paper kite", ground_truth="B")
    assert (await ChoiceVerifier().verify(attempt)).ruling is Ruling.RIGHT
