"""Pairs of responses that say one answer, and pairs that do not, by the wording that could mislead."""

from __future__ import annotations

import pytest

from memreward_proto.records import Domain, Query, Rollout
from memreward_service.answers.places.boxes import last_boxes
from memreward_service.answers.reading import read_groups
from memreward_service.answers.templates.responses import split_response

FRUIT = "Which one?\nA. apple\nB. pear\nC. plum\nD. fig"
QUOTING = "Which part?\nA. roots\nB. leaves\nC. Both A and B\nD. the stem"

SAME = {
    "signs": [
        ("Hence the sum is －21.", "\\boxed{-21}"),
        ("The answer is ﹣4.", "-4"),
        ("Therefore y = －9", "\\boxed{-9}"),
    ],
    "remarks": [
        ("Thus she spent 40 dollars, which is 16% of her pay.", "\\boxed{40}"),
        ("So he ran 8 km, that is 25% of the way.", "\\boxed{8}"),
        ("Tom has 6 marbles left, which is 2 more than Ann has.", "\\boxed{6}"),
        ("He paid $70, which is enough for 2 tickets.", "\\boxed{70}"),
        ("That makes 7 + 8, which is 15.", "\\boxed{15}"),
        ("The share is 30/120, which is 25% of them.", "\\boxed{25}"),
    ],
    "another question": [
        ("9 * 8 = 72\n#### 72\n\nQuestion: What is 1 + 1?\nAnswer: 2", "\\boxed{72}"),
        ("The answer is 31.\n\nProblem: Add 2 and 4.\nSolution: It is 6.\n#### 6", "\\boxed{31}"),
        ("Question: How many?\nAnswer: 5\n\nQ: And now?\nA: 8", "\\boxed{5}"),
        ("So \\boxed{11}\n### Instruction\nAdd 1.\n### Response: \\boxed{12}", "\\boxed{11}"),
    ],
    "parts": [
        ("(a) \\boxed{4} (b) \\boxed{9}", "(a) $\\boxed{4}$\n\n(b) $\\boxed{9}$"),
        ("(a) \\boxed{4} (b) \\boxed{9}", "$\\boxed{4} \\text{ for part (a) and } \\boxed{9} \\text{ for part (b)}$"),
        ("(i) \\boxed{4}, (ii) \\boxed{9}", "i) \\boxed{4} ii) \\boxed{9}"),
        ("$y_1 = \\boxed{4}, y_2 = \\boxed{9}$", "$\\boxed{y_1 = 4, y_2 = 9}$"),
        ("\\boxed{3} pens and \\boxed{5} books", "\\boxed{3, 5}"),
    ],
    "units": [
        ("答案是450円", "\\boxed{450}"),
        *[(f"\\boxed{{{written}}}", "\\boxed{30}") for written in
          ("30円", "30 元", "30개", "30人", "30 руб", "30руб.", "30 Stück", "30Stück", "30 кг", "30 명",
           "30 zł", "30個")],
        ("\\boxed{6万}", "\\boxed{60000}"),
        ("所以一共有12人。", "\\boxed{12}"),
    ],
    "tags": [
        ("Is it 3?\n<Solution>14</Solution>\nBye 4", "\\boxed{14}"),
        ("Is it 3?\n<FINAL_ANSWER>14</FINAL_ANSWER>\nBye 4", "\\boxed{14}"),
        ("Is it 3?\n<Final-Answer>14</Final-Answer>\nBye 4", "\\boxed{14}"),
        ("<solution>We add 5 and 9.\nIt is 14.</solution>\n<answer>14</answer>", "\\boxed{14}"),
    ],
    "powers and products": [
        ("\\boxed{3**4}", "\\boxed{3^4}"),
        ("So it is 3**4.", "\\boxed{81}"),
        ("The answer is 4 (y+2)", "\\boxed{4(y+2)}"),
        ("So we get 4 (y - 2).", "\\boxed{4y-8}"),
        ("The answer is $6$ $\\sqrt{2}$", "\\boxed{6\\sqrt{2}}"),
        ("So there are 4 (of 9) left.", "\\boxed{4}"),
        ("The answer is G_n = \\sum_{j=1}^{n} j", "\\boxed{\\sum_{j=1}^{n} j}"),
    ],
    "thousands": [
        ("The answer is 2 000.", "\\boxed{2000}"),
        ("Therefore the total is 38 205.", "\\boxed{38205}"),
        ("The answer is 1\u202f234\u202f567 dollars", "\\boxed{1234567}"),
    ],
    "vectors and tables": [
        ("So the inverse is \\begin{pmatrix}5 & 1\\\\ 0 & 2\\end{pmatrix}.",
         "\\boxed{\\begin{pmatrix}5 & 1\\\\ 0 & 2\\end{pmatrix}}"),
        ("The answer is <4, 0, 7>", "\\boxed{(4,0,7)}"),
        ("\\boxed{<4, 0, 7>}", "\\boxed{\\langle 4, 0, 7\\rangle}"),
    ],
    "displays and sentences": [
        ("So the value is $$\n y = 13\n$$", "\\boxed{13}"),
        ("We know $$a \\ge \\frac{2}{1}.$$ Therefore, it rises by 60%.", "\\boxed{60}"),
        ("Step: \\boxed{55}. So 100 + 55. The final answer is $155$. I hope it is correct.", "\\boxed{155}"),
        ("\\boxed{5}\nThe final answer is in the box above, 1 of 3.", "\\boxed{5}"),
        ("Therefore $B^{-1} = \\begin{bmatrix}1&2\\\\3&5\\end{bmatrix}$.",
         "\\boxed{\\begin{bmatrix}1&2\\\\3&5\\end{bmatrix}}"),
        ("\\boxed{\x0crac{3}{4}}", "\\boxed{\\frac34}"),
        ("\x08oxed{17}", "\\boxed{17}"),
        ("The final answer is $7 $ and $9 $.", "\\boxed{7, 9}"),
    ],
    "great numbers": [
        *[(f"\\boxed{{{written}}}", "\\boxed{4000000}") for written in
          ("4 Millionen", "4 millones", "4 млн", "4 миллиона", "4 milhões", "4 million", "400万")],
        ("Die Antwort ist 4 Tausend.", "\\boxed{4000}"),
    ],
    "counted things": [
        *[(f"\\boxed{{{written}}}", "\\boxed{24}") for written in
          ("24个苹果", "24名学生", "24棵树", "24 грн", "24 đồng")],
    ],
    "bounds": [
        ("\\boxed{\\text{at least }8}", "At least 8"),
        ("\\boxed{\\text{at most }8}", "\\boxed{at most 8}"),
        ("\\boxed{\\text{more than } 8 \\text{ apples}}", "The answer is more than 8."),
    ],
}  # fmt: skip

DIFFERENT = [
    ("(a) \\boxed{4} (b) \\boxed{9}", "\\boxed{9}"),
    ("(a) \\boxed{4} (b) \\boxed{9}", "(a) \\boxed{9} (b) \\boxed{4}"),
    ("$y_1 = \\boxed{4}, y_2 = \\boxed{9}$", "$y_1 = \\boxed{9}, y_2 = \\boxed{4}$"),
    ("\\boxed{6万}", "\\boxed{6}"),
    ("\\boxed{6 тысяч}", "\\boxed{6}"),
    ("\\boxed{6个半}", "\\boxed{6}"),
    ("(1) \\boxed{4} (2) \\boxed{9}", "\\boxed{9}"),
    ("$a_{1} = \\boxed{4}, a_{2} = \\boxed{9}$", "\\boxed{9}"),
    ("$g(1) = \\boxed{4}, g(2) = \\boxed{9}$", "\\boxed{9}"),
    ("Area: $\\boxed{4}$, Perimeter: $\\boxed{9}$", "\\boxed{9}"),
    ("答案是6万", "\\boxed{6}"),
    ("\\boxed{6以上}", "\\boxed{6}"),
    ("\\boxed{6分の1}", "\\boxed{6}"),
    ("\\boxed{6 oder mehr}", "\\boxed{6}"),
    ("\\boxed{8}", "\\boxed{\\text{at least }8}"),
    ("The answer is 4 (y+2)", "\\boxed{4}"),
    ("The answer is $6$ $\\sqrt{2}$", "\\boxed{6}"),
    ("So it is 3**4.", "\\boxed{34}"),
    ("Yes, 11 is prime.", "No, 11 is not prime."),
    ("So 11 is odd.", "So 11 is not odd."),
]


def keys(domain: Domain, query: str, *responses: str) -> list[str | None]:
    group = read_groups([(Query(query, "q", domain), [Rollout(response) for response in responses])])[0]
    return [reading.answer_key for reading in group]


@pytest.mark.parametrize(("one", "other"), [pair for pairs in SAME.values() for pair in pairs])
def test_two_wordings_of_one_value(one: str, other: str) -> None:
    first, second = keys(Domain.MATH, "How many?", one, other)
    assert first == second != ""


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_two_values(one: str, other: str) -> None:
    first, second = keys(Domain.MATH, "How many?", one, other)
    assert first != second


@pytest.mark.parametrize(
    ("query", "response", "expected"),
    [
        (FRUIT, "<Answer>B</Answer>", "B"),
        (FRUIT, "Maybe A.\n<final_answer>B</final_answer>\nI left A.", "B"),
        (FRUIT, "<FINAL ANSWER>D</FINAL ANSWER>", "D"),
        (FRUIT, "A is near. <ans>D</ans>", "D"),
        (FRUIT, "A is near. <solution>D</solution>", "D"),
        (FRUIT, "Answer: B\n\nQuestion: What else?\nA. a car\nB. a bus\nAnswer: D", "B"),
        (QUOTING, "C. Both A and B", "C"),
        (QUOTING, "The answer is C, both A and B.", "C"),
        (QUOTING, "both A and B", "C"),
        (QUOTING, "The right choice is C: both A and B are needed.", "C"),
        (FRUIT, "both A and B", "A B"),
        (FRUIT, "Among the choices, D stands out as right.", "D"),
        (FRUIT, "The answer was D in an old key, but it should be A", "A"),
        (FRUIT, "The answer used to be D, but it is now A.", "A"),
        (FRUIT, "Out of B and C, C makes more sense.", "C"),
        (FRUIT, "The answer is A, but it should be noted that B is near.", "A"),
        (FRUIT, "[ANSWER]B[/ANSWER]\nnot A", "B"),
        (FRUIT, "Only option A works", "A"),
        (FRUIT, "Between A and C, A is better", "A"),
        (FRUIT, "Between A and C, C is better.", "C"),
        (FRUIT, "\\boxed{A} and \\boxed{D}", "A D"),
        (FRUIT, "\\boxed{A} is near, so \\boxed{D}", "D"),
    ],
)
def test_wordings_of_a_choice(query: str, response: str, expected: str) -> None:
    assert keys(Domain.QA, query, response) == [expected]


@pytest.mark.parametrize(
    ("one", "other"),
    [("a != b", "a = b"), ("a!=b", "a=b"), ("a <= b", "a < b"), ("$7", "7%"), ("7%", "7"), ("$7", "€7"),
     ("Yes, 7 is prime.", "No, 7 is not prime.")],
)  # fmt: skip
def test_signs_that_tell_texts_apart(one: str, other: str) -> None:
    first, second = keys(Domain.TEXT, "What?", one, other)
    assert first != second


def test_a_percent_sign_is_its_word() -> None:
    first, second, third = keys(Domain.TEXT, "What?", "7%", "7 percent", "7 ％")
    assert first == second == third


def test_a_question_that_a_response_asks_itself_first_is_kept() -> None:
    text = "Question: how many eggs?\nEach hen lays 3.\nQ: and how many hens? 4\nSo \\boxed{12}"
    assert split_response(text) == (None, text)


def test_parts_keep_their_letters() -> None:
    found = last_boxes("(a) \\boxed{4} (b) \\boxed{9}")
    assert found is not None
    assert found.inside == "part_{a} = 4, part_{b} = 9"
