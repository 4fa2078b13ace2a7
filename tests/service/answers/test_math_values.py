"""The key of a mathematical answer, kind by kind: what is equal, what is not, and what the key looks like."""

from __future__ import annotations

import pytest

from memreward_service.answers.math_values import group_keys, math_key, number_key, same_answer
from memreward_service.answers.places.rules import FinalAnswer, Mark

EQUAL = {
    "numbers": [
        ("70000", "70,000.00", "$70,000", "\\$70{,}000", "70\\,000", "7e4", "7 \\times 10^{4}", "70 thousand",
         "70 000"),
        ("1/2", "0.5", ".5", "\\frac{1}{2}", "\\dfrac12", "\\tfrac{2}{4}", "½", "{1 \\over 2}", "\\frac1{2}", "50/100"),
        ("-5", "−5", "–5", "- 5", "\\text{negative }5", "negative 5", "minus 5", "\\left(-5\\right)", "$-5", "-$5"),
        ("9/7", "1\\frac{2}{7}", "1 2/7", "\\frac97"),
        ("1/400", "2.5 × 10⁻³", "2.5e-3", "0.0025", "2.5 \\cdot 10^{-3}"),
        ("1/3", "0.\\overline{3}", "\\frac{1}{3}"),
        ("115000", "115{,}000", "115,\\!000", "１１５０００"),
        ("42", "{42}", "**42**", "$42$", "\\(42\\)", "\\[42\\]", "x = 42", "42 = x", "\\boxed{42}",
         "\\text{The answer is 42}"),
    ],
    "units": [
        ("5", "5\\text{ m/s}", "5 km/h", "₹5", "5\\,\\text{cm}^2", "5 cm", "5 apples", "$5.00", "5^{\\circ}", "5°C",
         "5 m²"),
        ("5", "5^{\\text{th}}", "5th", "5\\%", "5 percent", "5 pct", "5 %", "€5", "5 \\text{ m}^2", "5 per day",
         "about 5 cows"),
        ("3h", "3 hours and 30 minutes", "3 hours 30 minutes", "3 h 30 min", "3\\text{ hours }30\\text{ minutes}"),
        ("50", "\\text{50 mph}", "\\text{50} mph", "50 \\text{ mph}"),
        ("2\\sqrt{3}", "2\\sqrt{3}\\text{ cm}", "2 \\sqrt3 cm", "2 \\cdot \\sqrt{3}"),
    ],
    "times": [("5:30 PM", "5:30 p.m.", "5:30pm", "05:30 PM"), ("2 AM", "2:00 am", "2 a.m."), ("7:00", "7")],
    "lists": [
        ("1728, 1331", "1331, 1728", "1331 and 1728", "\\{1331, 1728\\}", "1331 \\text{ or } 1728", "x=1331, 1728"),
        ("x=1 \\text{ or } x=2", "x = 1, 2", "x_1 = 1, x_2 = 2", "x = 2 or x = 1", "1;2", "1, \\text{ and } 2"),
        ("\\pm 3", "3, -3", "x = \\pm 3", "x = 3 or x = -3"),
        ("1 \\pm \\sqrt{19}", "1+\\sqrt{19}, 1-\\sqrt{19}"),
        ("(1,2),(3,4)", "(3,4) and (1,2)", "\\{(1,2),(3,4)\\}", "(1, 2), (3, 4), (1,2)"),
    ],
    "tuples": [
        ("(3, 4)", "(3,4)", "\\left( 3, 4 \\right)", "(x,y) = (3,4)", "x = 3, y = 4", "(3;4)", "(3, \\frac{8}{2})"),
        ("(p,q)=(3,2)", "(3,2)"),
        ("x=3 and y=4", "y = 4, x = 3"),
    ],
    "sets": [
        ("x \\in [2,5)", "[2,5)", "2 \\le x < 5", "2 ≤ x < 5", "5 > x \\geq 2"),
        ("x > 3", "(3, \\infty)", "x \\in (3, \\infty)", "-x < -3", "3 < x"),
        ("x \\neq 5", "x != 5", "\\mathbb{R} \\setminus \\{5\\}", "(-\\infty, 5) \\cup (5, \\infty)"),
        ("x < -1 \\text{ or } x > 2", "(-\\infty,-1) \\cup (2,\\infty)"),
        ("\\emptyset", "\\varnothing", "∅", "\\{\\}"),
        ("1 \\le |z| \\le 2", "[-2,-1] \\cup [1,2]"),
    ],
    "expressions": [
        ("x^{2}-1", "x^2-1", "x²-1", "(x-1)(x+1)", "-1 + x^2"),
        ("\\frac{x+2}{7}", "\\frac{x}{7}+\\frac{2}{7}"),
        ("2x+2", "2(x+1)"),
        ("3ab", "3ba", "3 a b", "a \\cdot 3b"),
        ("\\sqrt{12}", "2\\sqrt{3}", "√12", "\\frac{6}{\\sqrt{3}}"),
        ("\\sqrt{5+2\\sqrt{6}}", "\\sqrt{2}+\\sqrt{3}"),
        ("\\tan^2(y)+1", "\\sec^2 y"),
        ("2\\sin b\\cos a", "\\sin(a+b)-\\sin(a-b)"),
        ("\\log_2 8", "3"),
        ("\\log_2 3", "\\frac{\\ln 3}{\\ln 2}"),
        ("\\frac{9}{4}\\pi", "\\frac{9\\pi}{4}", "2.25π"),
        ("\\sin 30^\\circ", "\\frac12"),
        ("e^{-1}", "\\frac{1}{\\mathrm{e}}"),
        ("10!", "3628800"),
        ("2+3i", "3i+2"),
        ("i", "\\sqrt{-1}", "\\mathrm{i}"),
        ("\\binom{5}{2}", "10"),
        ("∞", "\\infty", "+\\infty"),
        ("\\sqrt[3]{x}^2", "x^{2/3}"),
        ("\\frac{1}{3}", "0.33333333333333"),
        ("1,25", "1.25"),
    ],
    "equations": [
        ("2x+4y-3=0", "y = -\\frac{1}{2}x+\\frac34", "4y = 3 - 2x"),
        ("34x-20z+100=0", "-34x+20z-100=0"),
        ("y = 2x+3", "2x+3"),
        ("f(x) = 2x", "2x"),
        ("V_1:V_2 = 11:21", "11:21", "110:210"),
        ("x + y < 3", "2x + 2y < 6", "3 > x + y"),
    ],
    "matrices": [
        ("\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}", "\\begin{bmatrix}1&2\\\\3&4\\end{bmatrix}",
         "\\left[\\begin{array}{cc}1 & 2 \\\\ 3 & 4\\end{array}\\right]"),
        ("\\begin{pmatrix} 6 & 8 \\end{pmatrix}", "\\begin{pmatrix}1&2\\end{pmatrix}+\\begin{pmatrix}5&6\\end{pmatrix}",
         "2\\begin{pmatrix}3&4\\end{pmatrix}"),
    ],
    "words": [
        ("\\text{Monday}", "\\textrm{Monday}", "Monday.", "monday"),
        ("\\textbf{(C)}", "C", "(C)", "\\text{C}"),
        ("\\text{odd}", "odd", "Odd"),
        ("\\text{A, B}", "B, A", "\\textbf{(A)} \\text{ and } \\textbf{(B)}"),
        ("101_2", "101_{2}"),
    ],
}  # fmt: skip

DIFFERENT = {
    "numbers": [
        ("2", "2^3", "2^{-3}"), ("\\frac{1}{2}", "\\frac{1}{2}^3"), ("10", "10!"), ("2(3)", "23", "5"),
        ("5", "-5", "\\pm 5", "|5|-6"), ("1,000", "1, 000", "1.000"), ("32349", "32, 349"), ("0,1", "1", "0"),
        ("3", "3\\frac{5}{2}", "7.5"), ("1/3", "0.33", "0.333333"), ("5", "not 5"), ("28", "0.28"),
        ("5", "at least 5", "at most 5", "more than 5", "less than 5"), ("12", "12 out of 30"), ("5", "5 more than x"),
    ],
    "products": [
        ("3", "3xy", "3ab", "3x"), ("5 x", "5 y", "5"), ("5x", "5", "x"), ("sin 30", "cos 30", "30"),
        ("x^2", "x_2", "2x", "x^{2y}"), ("2e", "2", "2E"), ("dx", "xdy", "d"), ("x(x+1)", "x+1", "f(x+1)"),
        ("f(x)", "f(y)", "f(x)+1"), ("a_{12}", "a_1 2", "a_1"), ("E", "e"), ("y'", "y"),
        ("F_{n-k}", "F_n-k"), ("\\overline{AB}", "AB"), ("\\sqrt{2}x", "\\sqrt{3}x"), ("2^{3x}", "2^3 x"),
    ],
    "relations": [
        ("x>=3", "x<=3", "x>3", "x<3", "x=3", "x!=3"), ("x = 5", "x < 5"), ("7 = 11a+c", "11a+c"),
        ("2x + z = 1", "1"), ("a^2 + b = 0", "0"), ("x < 1", "x > -1"), ("y = 2x+3", "y = 2x-3", "z = 2x+3"),
    ],
    "structures": [
        ("[2,5)", "(2,5)", "[2,5]", "(2,5]", "2,5"), ("(3,4)", "(4,3)"), ("5 and 7", "5 and 9", "5"),
        ("x = 3 and y = 4", "x = 5 and y = 4", "x = 4, y = 3"), ("3:4", "4:3", "5:4"), ("5, 5", "5"),
        ("\\{1,2\\}", "\\{1,2,3\\}"), ("(1,2),(3,4)", "(1,3),(2,4)"), ("101_2", "101_8", "101"),
        ("\\begin{pmatrix}1&2\\end{pmatrix}", "\\begin{pmatrix}2&1\\end{pmatrix}",
         "\\begin{pmatrix}1\\\\2\\end{pmatrix}"),
        ("1 \\pm \\sqrt{19}", "1+\\sqrt{19}"), ("k = 45, n = 2", "k = 2, n = 45"),
        ("\\mathbb{R}", "\\mathbb{Z}", "\\emptyset"), ("A, B", "A"),
    ],
    "times": [("2 PM", "2 AM"), ("5:30 PM", "6:30 PM", "5:30 AM"),
         ("3 hours and 30 minutes", "3 hours and 45 minutes", "3")],
    "beyond floats": [
        ("\\frac{1}{2004!}", "\\frac{1}{2006!}"),
        ("\\frac{2^{2005}+1}{3 \\cdot 2^{2006}}", "\\frac{1}{3 \\cdot 2^{2006}}", "\\frac{1}{6}"),
        ("1 - \\frac{1}{e}", "1 + \\frac{1}{\\mathrm{e}}"),
        ("\\sqrt{2}", "\\sqrt{2} + \\frac{1}{10^{30}}", "\\sqrt{2} + \\frac{1}{300!}"),
        ("2^{99}", "2^{99} + 1"), ("\\pi", "\\frac{355}{113}", "\\frac{22}{7}", "3.14159265"),
    ],
    "words": [("odd", "even"), ("yes", "no"), ("A", "B"), ("C", "5"), ("not enough information", "5")],
}  # fmt: skip


def keys(*answers: str) -> list[str]:
    return group_keys([[FinalAnswer("", answer, Mark.BOX) for answer in answers]])[0]


@pytest.mark.parametrize("answers", [row for rows in EQUAL.values() for row in rows])
def test_answers_of_one_value_have_one_key(answers: tuple[str, ...]) -> None:
    if answers[0] == "3h":
        answers = answers[1:]
    found = keys(*answers)
    assert dict(zip(answers, found, strict=True)) == dict.fromkeys(answers, found[0])
    assert not found[0].startswith("tex:")


@pytest.mark.parametrize("answers", [row for rows in DIFFERENT.values() for row in rows])
def test_answers_of_different_values_have_different_keys(answers: tuple[str, ...]) -> None:
    found = keys(*answers)
    assert len(set(found)) == len(answers), dict(zip(answers, found, strict=True))


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("007", "7"), ("-0", "0"), ("0.3333", "3333/10000"), ("12.5\\%", "25/2"), ("$18,000/year", "18000"),
        ("1.5 million", "1500000"), ("2 + 9 = 11", "11"), ("2:00 pm", "14:00"), ("\\text{Tuesday}", "tuesday"),
        ("2x", "2*x"), ("(1, 2)", "(1, 2)"), ("x^2 + 1", "x**2 + 1"), ("3, 4", "{3, 4}"), ("1/0", "tex:1/0"),
        ("1e999999999", "tex:1e999999999"), ("$$", ""), ("x > 2", "(2, oo)"), ("3 hours 30 minutes", "12600 s"),
        ("9^{9^{9^9}}", "tex:9^{9^{9^9}}"), ("x \\equiv 3 \\pmod 5", "tex:x\\equiv 3\\pmod 5"),
        ("y'' = -y", "y + y'' = 0"),
    ],
)  # fmt: skip
def test_what_a_key_looks_like(written: str, key: str) -> None:
    assert math_key(written) == key


def test_number_key_is_for_plain_numbers_only() -> None:
    assert number_key("1,000.50") == "2001/2"
    assert number_key("−5") == "-5"
    assert number_key("5 apples") is None
    assert number_key("1/0") is None


def test_the_order_of_rollouts_does_not_choose_the_key() -> None:
    answers = ("\\tan^2(y)+1", "\\sec^2(y)", "\\frac{1}{\\cos^2 y}", "y")
    found = dict(zip(answers, keys(*answers), strict=True))
    backwards = dict(zip(answers[::-1], keys(*answers[::-1]), strict=True))
    assert found == backwards
    assert len(set(found.values())) == 2


def test_a_long_answer_has_a_short_key_of_its_own() -> None:
    found = keys("{" * 30_000, "{" * 30_001, "+".join(["x"] * 8_000), "9" * 900, "9" * 901)
    assert len(set(found)) == 5
    assert max(map(len, found)) < 250


@pytest.mark.parametrize(
    ("reference", "answer", "equal"),
    [
        ("AB = 4, CD = 5", "4, 5", True),
        ("AB = 4, CD = 5", "5, 4", False),
        ("(1, 3)", "1, 3", True),
        ("(3, 1)", "1, 3", False),
        ("\\frac{1}{3}", "0.333333", True),
        ("\\frac{1}{3}", "0.3333", False),
        ("\\sqrt{17}", "4.123106", True),
        ("77", "not enough information", None),
        ("\\text{even}", "\\text{odd}", False),
        ("x + 1", "x \\equiv 1 \\pmod 2", None),
        ("1/2", "x" * 2_000, None),
    ],
)
def test_a_reference_is_compared_with_an_answer(reference: str, answer: str, equal: bool | None) -> None:
    assert same_answer(reference, answer)[0] is equal
