"""The key of a free text."""

from __future__ import annotations

import pytest

from memreward_service.answers.words import text_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("−5", "-5"),
        ("–5", "-5"),
        ("- 5".replace(" ", ""), "-5.0"),
        ("\\boxed{\\text{Paris}}"[7:-1], "Paris"),
        ("The  Answer: 1,000.0 people!", "answer 1000 People"),
        ("don't", "dont"),
        ("**Paris**", "paris."),
        ("巴黎。", "巴黎"),
        ("「東京」", "東京"),
        ("ｆｕｌｌ width", "full width"),
        ("½ cup", "1/2 cup"),
        ("0.50", ".5"),
        ("❤️", "❤"),
        ("well-known", "well known"),
        ("$5", "5"),
        ("Москва", "москва!"),
    ],
)
def test_the_same_answer(one: str, other: str) -> None:
    assert text_key(one) == text_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("C#", "C"),
        ("C++", "C"),
        ("A+", "A"),
        ("A-", "A"),
        ("A+", "A-"),
        (".5", "5"),
        ("-5", "5"),
        ("-$5", "$5"),
        ("-5 degrees", "5 degrees"),
        ("1.5", "15"),
        (".NET", "net"),
        ("vitamin A", "vitamin"),
        ("10⁵", "105"),
        ("1½", "11/2"),
        ("007", "7"),
        ("कि", "की"),
        ("👍", "👎"),
        ("+", "-"),
        ("5/2", "52"),
    ],
)
def test_different_answers(one: str, other: str) -> None:
    assert text_key(one) != text_key(other)


def test_a_long_text_has_a_key_too() -> None:
    assert text_key("A " * 100_000) == ("a " * 100_000).strip()
