"""Where the final answer stands: every rule's example, and the answer of responses of every kind."""

from __future__ import annotations

import time

import pytest

from memreward_proto.records import Domain
from memreward_service.answers.places.rules import PLACE_RULES, FinalAnswer, PlaceRule, placed_answer


def answer(response: str, domain: Domain = Domain.MATH) -> str:
    return placed_answer(domain, response).answer


@pytest.mark.parametrize("rule", PLACE_RULES, ids=lambda rule: f"{rule.name} {'+'.join(sorted(rule.domains))}")
def test_every_rule_finds_the_answer_of_its_example(rule: PlaceRule) -> None:
    place = rule.find(rule.example)
    assert place is not None
    assert place.answer == rule.answer
    for domain in rule.domains:
        assert placed_answer(domain, rule.example).rule == rule.name


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("<answer>42</answer>", "42"),
        ("<reasoning>40?</reasoning>\n<answer>42</answer>", "42"),
        ("<answer>\n2x + 1\n</answer>", "2x + 1"),
        ("<answer>12</answer>\n<confidence>90</confidence>", "12"),
        ("I put it in <answer></answer> tags.\n<answer>7</answer>", "7"),
        ("<answer>7", "7"),
        ("<answer>She has 12 apples left.</answer>", "12"),
        ("<answer>\\boxed{\\frac{1}{2}}</answer>", "\\frac{1}{2}"),
        ("<answer>The answer is $x = 4$.</answer>", "4"),
        ("<ANSWER>9</ANSWER>", "9"),
        ("<answer>5</answer> no, <answer>6</answer>", "6"),
        ("6</answer>", "6"),
    ],
)
def test_answer_tags(response: str, expected: str) -> None:
    assert answer(response) == expected


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("$\\boxed{2}, \\boxed{4}, \\boxed{6}$", "2, 4, 6"),
        ("\\boxed{10} and \\boxed{20}", "10, 20"),
        ("$x = \\boxed{3}$, $y = \\boxed{4}$", "x = 3, y = 4"),
        ("\\boxed{1} or $\\boxed{2}$", "1, 2"),
        ("It is \\boxed{84}. Let me explain.\n\n**Final Answer**\n\\boxed{84}", "84"),
        ("\\boxed{8}\n\n\\boxed{8}", "8"),
        ("I will write it in \\boxed{}.\nSo 4 + 5 = 9", "9"),
        ("Put the answer in \\boxed{your answer}.\nThe answer is 4.", "4"),
        ("Mark it with \\boxed\nThe answer is 4.", "4"),
        ("\\boxed{{17}}", "17"),
        ("\\boxed 5", "5"),
        ("\\boxed{\\boxed{6}}", "6"),
        ("\\fbox{\\frac{3}{5}}", "\\frac{3}{5}"),
        ("\\boxed{\\{1, 2\\}}", "\\{1, 2\\}"),
        ("the answer is \\boxed{2}. wait, actually \\boxed{3}", "3"),
        ("\\boxed{\\text{The answer is 460}}", "460"),
        ("\\boxed{3} and an unfinished \\boxed{4", "3"),
        ("\\boxed{\\frac{1}{2}} is more than \\boxed{\\frac{1}{3}}", "\\frac{1}{3}"),
    ],
)
def test_boxes(response: str, expected: str) -> None:
    assert answer(response) == expected


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("2 + 3 = 5\n#### 5", "5"),
        ("#### 5\n\n" + "One more remark on step 7. " * 200, "5"),
        ("#### 1,200 dollars", "1,200 dollars"),
        ("#### \\frac{1}{2}", "\\frac{1}{2}"),
        ("#### Step 1: add 2 and 3\nWe get 5.", "5"),
        ("#### 1. Add\n2 + 3 = 5", "5"),
        ("##### 7 more\nSo it is 4.", "4"),
        ("It is early.\n#### Tuesday", "Tuesday"),
    ],
)
def test_hashes(response: str, expected: str) -> None:
    assert answer(response) == expected


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("The answer is 14, not 18.", "14"),
        ("The answer is 6 because 9 was taken from 15.", "6"),
        ("The answer is 6. Note that 8 is a common mistake.", "6"),
        ("The answer is 6. A common mistake is to think that the answer is 8.", "6"),
        ("I think the answer: 6 is wrong\nAnswer: 11", "11"),
        ("The answer is not 6 but 8.", "8"),
        ("The answer is 6 and 8.", "6 and 8"),
        ("The answer is 4x.", "4x"),
        ("The answer is 2 hours and 15 minutes in all.", "2 hours and 15 minutes"),
        ("The answer is 2 hours and 15 minutes.", "2 hours and 15 minutes"),
        ("The answer is:\n\\[\n\\frac{5}{6}\n\\]", "\\frac{5}{6}"),
        ("The answer is:\n$$x^2 + 1$$\nwhich is positive.", "x^2 + 1"),
        ("✅ Final Answer: **73**", "73"),
        ("## Final Answer\n\n73", "73"),
        ("**Final Answer:**\n\n$73$", "73"),
        ("The final answer is $\\frac{5}{6}$. I hope it is correct.", "\\frac{5}{6}"),
        ("The answer is −8.", "−8"),
        ("The answer is –8.", "–8"),
        ("The answer is negative 8.", "-8"),
        ("The answer is at least 8.", "at least 8"),
        ("The answer is Tuesday.", "Tuesday"),
        ("The answer is all real numbers except 3.", "all real numbers except 3"),
        ("The answer is (3, 5).", "(3, 5)"),
        ("The answer is $[3, 5)$.", "[3, 5)"),
        ("Answer: 3:5", "3:5"),
        ("42 is the answer.", "42"),
        ("The answer is the square root of 6.", "the square root of 6"),
        ("The answer is 6 or more.", "6 or more"),
        ("The answer is less than 6.", "less than 6"),
        ("The answer is 6 squared.", "6 squared"),
        ("The answer is 6!.", "6!"),
        ("The answer is 6 y.", "6 y"),
        ("The answer is 10 mod 3.", "10 mod 3"),
        ("The answer is March 5.", "March 5"),
        ("The answer is 2^10 = 1024.", "1024"),
        ("The answer is x = (3 ± √5)/2.", "(3 ± √5)/2"),
        ("The answer is y = 2x + 1.", "y = 2x + 1"),
        ("The answer is $x=5$.", "5"),
        ("Answer: 5.\n\nStep 1: 2. Step 2: 3.", "5"),
        ("The answer is 5\nConfidence: 90%", "5"),
        ("Final Answer: The final answer is $12$. I hope it is correct.", "12"),
        ("3 + 4 = 7\nA: 7", "7"),
        ("**A:** 7", "7"),
        ("Answer: Tom has 3 pens and buys 4.\nSo he has 7 pens.", "7"),
    ],
)
def test_statements(response: str, expected: str) -> None:
    assert answer(response) == expected


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("因此答案为45个苹果。", "45"),
        ("所以，答案是：45。", "45"),
        ("答：一共有45个苹果。", "45"),
        ("最终答案：$\\frac{3}{8}$", "\\frac{3}{8}"),
        ("因此，小明一共有45个苹果。", "45"),
        ("最終的な答えは45です。", "45"),
        ("答え：45個", "45"),
        ("したがって、合計は45円になります。", "45"),
        ("정답은 45입니다.", "45"),
        ("따라서 모두 45개입니다.", "45"),
        ("答案是负45", "-45"),
        ("La respuesta es 45.", "45"),
        ("Respuesta final: 45 manzanas", "45"),
        ("Por lo tanto, el total es de 45 manzanas en 3 cajas.", "45"),
        ("La réponse est 45.", "45"),
        ("Réponse : 45 pommes", "45"),
        ("Donc, elle a 45 pommes pour 3 amis.", "45"),
        ("Die Antwort lautet 45.", "45"),
        ("Antwort: 45", "45"),
        ("Also hat sie 45 Äpfel in 3 Kisten.", "45"),
        ("Ответ: 45", "45"),
        ("Правильный ответ — 45.", "45"),
        ("Следовательно, у неё осталось 45 яблок из 60.", "45"),
        ("A resposta é 45.", "45"),
        ("Resposta: 45", "45"),
        ("La risposta è 45.", "45"),
        ("Het antwoord is 45.", "45"),
    ],
)
def test_other_languages(response: str, expected: str) -> None:
    assert answer(response) == expected


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("\\boxed{4}\n\nWait, that is wrong. The answer is 9.", "9"),
        ("The answer is 4.\n\nWait, let me check again: 3*3=9.\n\nSo it's 9.", "9"),
        ("#### 4\nSorry, I made a mistake: 3*3=9. Therefore the total is 9.", "9"),
        ("\\boxed{4}\n\nWait, let me check: 2+2=4. So 4 is correct.", "4"),
        ("\\boxed{4}\n\nThe number 9 is its double plus one.", "4"),
        ("The answer is 4. The waiter brought 9 plates.", "4"),
        ("The answer is 4. Actually it is 9.", "9"),
        ("The answer is 4. Wait, is that right? 2+2=4. Yes.", "4"),
        ("\\boxed{4}\n\nCorrection: the answer should be 9.", "9"),
        ("答案是4。\n等等，不对。答案是9。", "9"),
    ],
)
def test_what_is_taken_back_does_not_count(response: str, expected: str) -> None:
    assert answer(response) == expected


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("Total = 6 + 8 = 14 dollars.\nHe pays with $20, so the change is 6.\nHope this helps!", "6"),
        ("Thus the probability is\n\\[\nP = \\frac{1}{4} \\cdot 2 = \\frac{1}{2}.\n\\]", "\\frac{1}{2}"),
        ("He needs 16.\nThat is all.", "16"),
        ("It is 9.\nNote: 1 hour has 60 minutes.", "9"),
        ("It cannot be known", "It cannot be known"),
    ],
)
def test_conclusions(response: str, expected: str) -> None:
    assert answer(response) == expected


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("<answer>Paris</answer>", "Paris"),
        ("The answer is Paris. It lies on the Seine.", "Paris"),
        ("Answer: St. Louis", "St. Louis"),
        ("The answer is the U.S. Army. It is large.", "the U.S. Army"),
        ("Answer: .NET", ".NET"),
        ("Answer: -5", "-5"),
        ("Answer: 👍", "👍"),
        ("The answer is not Rome but Paris.", "Paris"),
        ("The answer is Paris, not Rome.", "Paris"),
        ("Is Paris the answer? Yes.", "Is Paris the answer? Yes."),
        ("答案是巴黎。", "巴黎"),
        ("Ответ: Париж.", "Париж"),
        ("\\boxed{\\text{Paris}}", "\\text{Paris}"),
        ("正解は東京です。", "東京"),
        ("I thought of a city.\nParis", "Paris"),
        ("C#", "C#"),
    ],
)
def test_texts(response: str, expected: str) -> None:
    assert answer(response, Domain.TEXT) == expected


def test_thinking_that_was_cut_has_only_what_is_marked() -> None:
    assert placed_answer(Domain.MATH, "2+2 is 4, or is it 5", finished=False).answer == ""
    assert placed_answer(Domain.MATH, "so \\boxed{4}, or is it 5", finished=False).answer == "4"
    assert placed_answer(Domain.TEXT, "maybe Rome", finished=False).answer == ""


def test_the_thinking_ends_where_the_statement_begins() -> None:
    assert placed_answer(Domain.MATH, "2 + 3 = 5\nSo the answer is 5.") == FinalAnswer(
        "2 + 3 = 5", "5", placed_answer(Domain.MATH, "A: 5").mark, rule="statement"
    )


HOSTILE = (
    "\n", "####", "#### 5 \n", "the answer is ", "the answer is not ", "\\boxed{", "\\boxed{1}, ", "\\boxed{1} wait ",
    " ", "A: \n", "A: 5\n", "<answer>", "</answer>", "<answer></answer>", "$", "\\[ 1 ", "$$ ", "wait ", "answer:\n",
    "1 ", "= ", "(", "{", "\\frac{", "so ", "So it's 5. ", "- ", "## Answer\n", "**", "<<1", "。", "answer to the ",
)  # fmt: skip


@pytest.mark.parametrize("domain", [Domain.MATH, Domain.TEXT, Domain.QA])
@pytest.mark.parametrize("unit", HOSTILE)
def test_a_long_hostile_response_is_read_in_linear_time(domain: Domain, unit: str) -> None:
    text = (unit * 200_000)[:200_000]
    started = time.process_time()
    placed_answer(domain, text)
    placed_answer(domain, f"\\boxed{{5}} {text} wait, so it's 6.")
    # Each takes a few milliseconds; a pattern that backtracks would take minutes.
    assert time.process_time() - started < 5
