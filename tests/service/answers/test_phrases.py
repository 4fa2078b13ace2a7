"""Statements of an answer in the languages that models answer in."""

from __future__ import annotations

import pytest

from memreward_service.answers.places.languages import LANGUAGES, Language
from memreward_service.answers.places.phrases import statements


def stated(text: str) -> list[str]:
    return [text[found.begin : found.end] for found in statements(text)]


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_every_example_of_the_table_is_found(language: Language) -> None:
    assert stated(language.example) == [language.answer]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is 5 and 7.", "5 and 7."),
        ("Answer：B", "B"),
        ("**Final Answer:** 7", "7"),
        ("Final answer:\n\n7", "7"),
        ("ANSWER: 7", "7"),
        ("The answer to the question is 5.", "5."),
        ("The answer is clearly B", "B"),
        ("The answers are 5 and 7", "5 and 7"),
        ("The final answer must be 9", "9"),
        ("Some remark. 42 is the answer.", "42"),
        ("Therefore B is the correct answer.", "Therefore B"),
        ("故选：B", "B"),
        ("故选B", "B"),
        ("答案为（B）", "（B）"),
        ("正确答案应该是B", "B"),
        ("答：一共有12个苹果。", "一共有12个苹果。"),
        ("正確答案為 12", "12"),
        ("B是正确答案", "B"),
        ("答え：12", "12"),
        ("正解はBです", "Bです"),
        ("12が答えです。", "12"),
        ("답: 12", "12"),
        ("B가 정답입니다.", "B"),
        ("Respuesta: 12", "12"),
        ("El 12 es la respuesta correcta.", "El 12"),
        ("Réponse : 12", "12"),
        ("12 est la bonne réponse.", "12"),
        ("Antwort: 12", "12"),
        ("12 ist die richtige Antwort.", "12"),
        ("Ответ: 12", "12"),
        ("Ответом является 12.", "12."),
        ("Resposta final: 12", "12"),
        ("A solução é 12", "12"),
        ("La risposta è quindi 12", "12"),
        ("Antwoord: 12", "12"),
    ],
)
def test_a_statement_is_found(text: str, answer: str) -> None:
    assert stated(text)[0] == answer


def test_the_last_statement_comes_first() -> None:
    assert stated("The answer is 5.\nNo: the answer is 6.") == ["6.", "5."]


@pytest.mark.parametrize("text", ["The wrong answer is 7", "I will answer now", "Here is an answer", "¿respuesta?", ""])
def test_what_states_nothing_is_no_statement(text: str) -> None:
    assert stated(text) == []


def test_places_count_in_the_text_as_written() -> None:
    assert stated("İİİ The ANSWER is İ5") == ["İ5"]
