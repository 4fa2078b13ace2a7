"""The expression that a sentence says is the answer."""

from __future__ import annotations

import pytest

from memreward_service.answers.places.equations import value_side
from memreward_service.answers.places.quantities import quantities
from memreward_service.answers.places.sentences import concluding_expression, sentences


@pytest.mark.parametrize(
    ("sentence", "expression"),
    [
        ("Thus the probability is $\\frac{5}{8}$.", "\\frac{5}{8}"),
        ("So we get \\(x = \\dfrac{5}{8}\\).", "\\dfrac{5}{8}"),
        ("The value is $3\\sqrt{2}$.", "3\\sqrt{2}"),
        ("So f(x) = 4x^2 + 1.", "f(x) = 4x^2 + 1"),
        ("So the point is (2, 7).", "(2, 7)"),
        ("The interval is [2, 7).", "[2, 7)"),
        ("So x = 2 and y = 7.", "x = 2 and y = 7"),
        ("So she leaves at 6:15 PM.", "6:15 PM"),
        ("The ratio is 2:7.", "2:7"),
        ("x is 1.5 × 10⁻⁴", "1.5 × 10⁻⁴"),
        ("Thus the change is −8.", "−8"),
        ("So x is –8.", "–8"),
        ("the total cost is $31.00.", "$31.00"),
        ("Thus she has 6 dollars left from her $25.", "6"),
        ("He pays with $25 and gets back 6 dollars.", "6"),
        ("Therefore, 14 of the 40 students passed.", "14"),
        ("Thus $14$ of the $40$ students passed.", "14"),
        ("So 14 students passed (35%).", "14"),
        ("Therefore, the chance is 0.15, or 15%.", "0.15"),
        ("So she pays $12.00 for 5 apples and 5 oranges.", "$12.00"),
        ("Therefore, Ingrid drinks 15 gallons of water in 30 days.", "15"),
        ("The farms have 200 + 500 = <<200+500=700>>700 acres.", "700"),
        ("Since there are 4 boxes, she needs 12 pens.", "12"),
        ("There are 30,000 people in the town.", "30,000"),
        ("So she has 4 apples and 9 pears.", "4 apples and 9 pears"),
        ("So the ride takes 2 hours and 40 minutes.", "2 hours and 40 minutes"),
        ("So x^2 + y^2 = 16.", "x^2 + y^2 = 16"),
        ("Area = \\pi r^2 = 16\\pi", "16\\pi"),
        ("Mr. Smith has 4 dogs.", "4"),
        ("It is 4 miles. Check: 2 + 2 = 4.", "4"),
        ("So the answer must be 5!", "5"),
        ("So 5! = 120", "120"),
        ("So $x$ is $5$ cm.", "5"),
        ("He gave away $8 of the $20 that he had.", "$8"),
        ("Nothing is said.", None),
        ("Hence the minimum value is $-\\frac{9}{4}$ at $x = \\frac{3}{2}$.", "-\\frac{9}{4}"),
        ("Hence the maximum is 18 when x = 2.", "18"),
        ("Thus, $n = 7$ is the smallest integer.", "7"),
        ("So the roots are $x = 2$ and $x = -3$.", "x = 2 and x = -3"),
        ("Thus, $a=1$, $b=2$, and $c=3$.", "a=1, b=2, and c=3"),
        ("Thus, (a, b) = (1, 2).", "(1, 2)"),
        ("Thus the matrix is $\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}$.", "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}"),
        ("So there are 6 more red than blue balls.", "6"),
        ("Thus, John has 3 times as many as 6, which is 18.", "18"),
        ("It takes them 2.5 hours to finish 10 rooms.", "2.5"),
        ("Each of the 4 friends gets 3 cookies.", "3"),
        ("So 3 out of 10 marbles are red.", "3"),
        ("In 2030, she will be 45 years old.", "45"),
        ("The temperature fell by 7 degrees to -3 degrees.", "-3"),
        ("So the area is $25\\pi$ cm$^2$.", "25\\pi"),
        ("So z = 3 + 4i.", "3 + 4i"),
        ("It should be 12, I believe.", "12"),
        ("The probability is 1 in 6.", "1/6"),
        ("So the ratio is 2 to 3.", "2 to 3"),
        ("So x is the square root of 5.", "the square root of 5"),
        ("So Tom is 12 and Ann is 15.", "12 and 15"),
        ("It's 5 rather than 7.", "5"),
        ("5ではなく7です。", "7"),
        ("不是5，而是7。", "7"),
        ("因此，他一共花了12元，剩下8元。", "8"),
        ("Therefore \\frac{3}{4} of the cake is left.", "\\frac{3}{4}"),
    ],
)
def test_the_expression_of_a_sentence(sentence: str, expression: str | None) -> None:
    assert concluding_expression(sentence) == expression


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("She has $8 left of the $20.", ["$8", "$20"]),
        ("$x + 1$ and \\(y\\) and $$z^2$$", ["x + 1", "y", "z^2"]),
        ("{1, 2, 3} or x >= 3 or 5 x 3 = 15", ["{1, 2, 3}", "x >= 3", "5 x 3 = 15"]),
        ("a 5-day trip, pages 5-7, 1 1/2 cups, 3/4 of it", ["5", "5-7", "1 1/2", "3/4"]),
        ("-$5, \\$3.50, 1.5 million, 2√3, log 100 = 2", ["-$5", "\\$3.50", "1.5 million", "2√3", "log 100 = 2"]),
        ("I am a teacher.", []),
    ],
)
def test_quantities(text: str, found: list[str]) -> None:
    assert [quantity.text for quantity in quantities(text)] == found


@pytest.mark.parametrize(
    ("equation", "side"),
    [
        ("5 + 7 = 12", "12"),
        ("x = 3", "3"),
        ("\\text{Total} = 5 + 7 = 12", "12"),
        ("12 = 5 + 7", "12"),
        ("x^2 + y^2 = 25", "x^2 + y^2 = 25"),
        ("2x + 3 = 7", "2x + 3 = 7"),
        ("y = 3x + 2", "y = 3x + 2"),
        ("f(x) = 2(x + 1) = 2x + 2", "f(x) = 2x + 2"),
        ("x = 1, y = 2", "x = 1, y = 2"),
        ("x \\geq 3", "x \\geq 3"),
        ("10/3 ≈ 3.33", "10/3"),
        ("2.98 ≈ 3", "3"),
        ("7", "7"),
    ],
)
def test_the_side_of_an_equation(equation: str, side: str) -> None:
    assert value_side(equation) == side


def test_sentences_end_at_full_stops_but_not_at_initials_and_titles() -> None:
    assert sentences("Mr. Smith has 3.5 kg. He met J. K. Rowling! 好。是") == [
        "Mr. Smith has 3.5 kg. ",
        "He met J. K. Rowling! ",
        "好。",
        "是",
    ]


@pytest.mark.parametrize(
    "refusal",
    [
        "I cannot solve this. Let me try 1 more time.",
        "I don't know. I would need 2 more hours.",
        "I am unable to find it in 3 steps.",
    ],
)
def test_a_refusal_concludes_with_no_number(refusal: str) -> None:
    assert concluding_expression(refusal) is None


def test_no_part_of_a_long_expression_is_taken_for_its_value() -> None:
    assert concluding_expression("So it is " + "1+" * 4000 + "500.") is None
