"""Which option a response names, in the ways in which models say it."""

from __future__ import annotations

import pytest

from memreward_proto.records import Domain, Query, Rollout
from memreward_service.answers.choices.keys import (
    EXAMPLES,
    NONE,
    RULES,
    UNDECIDED,
    ChoiceRule,
    named_choice,
    names_several,
)
from memreward_service.answers.choices.options import listed_options
from memreward_service.answers.choices.places import CHOICE_PLACES, ChoicePlace, placed_choice
from memreward_service.answers.places.rules import FinalAnswer
from memreward_service.answers.reading import read_rollout

FLIES = "Which of these flies?\nA. stone\nB. paper kite\nC. anchor\nD. a bat\nE. brick wall"
TEN = "Pick one.\n" + "\n".join(f"{one}. thing {place}" for place, one in enumerate("ABCDEFGHIJ"))
TWENTY = "Pick one.\n" + "\n".join(f"{one}) thing {place}" for place, one in enumerate("ABCDEFGHIJKLMNOPQRST"))
NUMBERS = "Which colour?\n1. red\n2. green\n3. blue\n4. dark red"
ROMAN = "Which colour?\nI. red\nII. green\nIII. blue\nIV. grey"
SMALL = "Which colour?\na) red\nb) green\nc) blue"
INLINE = "Which colour? Options: A) red B) green C) blue"
CHINESE = "哪一种颜色？\nA. 红色\nB. 绿色\nC. 蓝色\nD. 深红色"
CIRCLED = "어느 색입니까?\n① 빨강 ② 초록 ③ 파랑"
RUSSIAN = "Какой цвет?\nА. красный\nБ. синий\nВ. зелёный"
VITAMINS = "Which one?\nA. vitamin C\nB. vitamin A\nC. vitamin K\nD. vitamin D"
STATEMENTS = "1. x is even\n2. x is odd\n3. x is prime\nWhich hold?\nA. 1 only\nB. 1 and 2\nC. 2 and 3\nD. all"
NOTHING_FITS = "What is it?\nA. stone\nB. kite\nC. all of the above\nD. none of the above"
FORMULAS = "Solve it.\nA. $\\frac{1}{2}$\nB. $2x$\nC. $3x+1$\nD. 5"


def key(query: str, response: str) -> str | None:
    return read_rollout(Query(query, "q", Domain.QA), Rollout(response)).answer_key


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_reads_its_example(rule: ChoiceRule) -> None:
    for mark in rule.marks:
        assert named_choice(EXAMPLES, FinalAnswer("", rule.example, mark)) == rule.key


@pytest.mark.parametrize("place", CHOICE_PLACES, ids=lambda place: place.name)
def test_every_place_finds_b_in_its_example(place: ChoicePlace) -> None:
    assert "B" in {named_choice(EXAMPLES, final) for final in place.places(EXAMPLES, place.example)}


@pytest.mark.parametrize(
    "response",
    [
        "C", "c", "(C)", "(c)", "C.", "C)", "C!", "C:", "**C**", "*C*", "_C_", "`C`", "$C$", "[C]", "{C}", "<C>",
        "'C'", '"C"',
        "“C”", "‘C’", "\\(C\\)", "\\text{C}", "\\boxed{C}", "\\boxed{\\text{C}}", "\\boxed{\\mathbf{C}}",
        "\\boxed{(C)}",
        "\\boxed{C. anchor}", "\\boxed{C: anchor}", "$\\boxed{C}$ anchor", "C. anchor", "c. anchor", "(C) anchor",
        "C anchor",
        "C: anchor", "C - anchor", "C, anchor", "Option C", "option c", "Option (C)", "Choice C", "letter C",
        "Answer C",
        "answer c", "Answer: C", "ANSWER: C", "Answer: $C", "Answer: **C**", "**Answer:** C", "**Answer: C**",
        "Answer - C",
        "Answer -> C", "answer = C", "Answer: [C]", "Answer: 'C'", "Answer: <C>", "Final answer: (C)",
        "### Final Answer\nC",
        "**Final Answer**\n\n**C**", "Correct answer: C) anchor", "Answer:\n\nC", "My answer: C (the anchor)", "#### C",
        "The answer is C", "The answer is c.", "The answer is C!", "The answer is clearly C",
        "The answer is most likely C.",
        "The answer, therefore, is C.", "The answer must be C", "The answer should be (C).",
        "Answer seems to be C, I think.",
        "The answer appears to be C.", "The answer to this question is C.", "the answer is option C: anchor",
        "The answer is C, as it has a chain.", "The answer is C because a chain holds it.", "The correct option is C.",
        "The best choice would be (C) anchor", "The right choice: C", "My choice: C", "I choose C.",
        "I would pick C - the firm one.",
        "I'd go with C.", "I select option C", "I believe it is C.", "It's C.", "It must be C.", "So, C.",
        "Hence C.", "C it is.",
        "C is correct.", "Option (C) is correct.", "C seems most likely.", "Therefore C is the correct answer.",
        "(C) is the right one.", "Choice C is the best answer.", "(C) anchor is the best choice.", "the third option",
        "ANSWER IS C. A is incorrect.", "The answer is C. Note that A is a common distractor.",
        "C. anchor\n\nBecause a stone (A) has no chain.", "C\n\nA is not right.\nB is made of paper.",
        "(C)\n\nThe kite (B) flies off.",
        "First I thought of (A) and (B).\nThe answer is (C).", "Answer: B\nNo, wait.\nAnswer: C",
        "Either (B) or (C), so the best is (C).",
        "B is near, but C is the best answer.", "Answer: Let us think step by step.\nIt is heavy. I pick C.",
        "→ C", "=> C", "✅ C", "Ans: C", "Output: C", "Result: C", "option: c", "```\nC\n```", "I'll pick C.",
        "That leaves C.",
        "This matches option C.", "{\"answer\": \"C\"}", "While B might seem right, the correct answer is C.",
        "Only C is correct.",
        "B is a common wrong answer; the right answer is C.", "C over B", "C (not B)", "Correct option: C",
        "The answer is\n\n(C) anchor",
        "<answer>C</answer>", "(B)?\n<answer>\nC\n</answer>", "B?</think>C", "<think>A or B?</think>\nThe answer is C.",
        "Here \\boxed{\\langle A \\rangle \\gg B}.\n\n**Answer: C**", "So \\boxed{\\Delta E > 0}.\nAnswer: C",
        "A. stone - wrong\nB. paper kite - wrong\nC. anchor - correct\nD. a bat - wrong",
    ],
)  # fmt: skip
def test_the_letter_however_it_is_said(response: str) -> None:
    assert key(FLIES, response) == "C"


@pytest.mark.parametrize(
    "response",
    [
        "The answer is (C), not (B).", "C, not A", "C rather than A", "C instead of B.",
        "The answer is C, and not B or D.",
        "The answer is not A but C.", "not A but C", "Not A; C.", "It is not A. It is C.", "It isn't B, it's C.",
        "The answer is neither A nor B but C.", "B is wrong, so C", "A, B and D are wrong. So it is C.",
        "B can't be right, so the answer is C.",
        "The answer cannot be B, so it must be C.", "Answer: It is not B, the answer is C",
        "Answer: rules out B, leaving C",
        "(A) is incorrect. (B) is incorrect. (C) is correct.", "The wrong answers are A, B, D and E, so C is right.",
        "Conclusion: (C). Eliminated: (A), (B), (D).", "Among A, B, C and D, C is best",
        "Is it A? No. Is it C? Yes, C.",
        "Incorrect: A, B, D. Correct: C.", "The answer is not A, not B, and not D. It is C.", "C, as opposed to A",
        "It's not B, it's C",
        "We can rule out A, B and D. The answer is C.", "排除A、B、D，选C", "A和B都错误，C正确",
        "La respuesta no es A sino C.", "Die Antwort ist nicht A, sondern C.", "La réponse n'est pas A mais C.",
        "Ответ не A, а C",
        "A resposta não é A, mas C.", "答案不是A，而是C。", "答案是C，不是A。", "A错误，C正确。", "不选A，选C",
        "答えはAではなくCです。",
        "정답은 A가 아니라 C입니다.",
    ],
)  # fmt: skip
def test_denied_letters_do_not_count(response: str) -> None:
    assert key(FLIES, response) == "C"


@pytest.mark.parametrize("response", ["not C.", "The answer is not C.", "It isn't C", "C is wrong.", "anything but C"])
def test_a_denied_letter_alone_is_no_answer_of_that_letter(response: str) -> None:
    assert key(FLIES, response) != "C"


@pytest.mark.parametrize(
    "response",
    [
        "故选：C", "故选C。", "所以选C", "应选择C项", "我选择C", "本题选C", "故答案选C", "答案：C", "答案是C",
        "答案为（C）", "因此，答案为（C）。",
        "正确答案是：C", "正确选项为C", "【答案】C", "选项C正确。", "C选项正确", "C是正确的。", "只有选项C是对的",
        "答案选C，因为它最重",
        "综上所述，本题的正确答案是C选项。", "答案：Ｃ", "（C）", "Ｃ", "C。", "【C】", "Answer：C",
        "答えはCです。", "正解はCです", "答え：C", "したがって、Cが正解です。", "正しい選択肢はCです。",
        "정답은 C입니다.", "정답: C", "답은 (C)입니다.", "따라서 C가 정답입니다.",
        "La respuesta es C.", "La respuesta correcta es la C.", "La respuesta correcta es la opción (C).",
        "Respuesta: C",
        "La opción correcta es C", "La réponse est C.", "Réponse : C", "La bonne réponse est la lettre C.",
        "La réponse correcte est l'option C", "Die Antwort ist C.", "Die richtige Antwort lautet C", "Antwort: (C)",
        "Richtig ist C.",
        "Antwort: B\n\nAntwort: C", "Ответ: C", "Правильный ответ — C.", "Верный вариант: C", "A resposta é C.",
        "A resposta correta é a letra C.", "Resposta: C", "A alternativa correta é a C", "La risposta è C.",
        "Jawaban: C",
        "Het antwoord is C.", "الإجابة: C", "उत्तर: C",
    ],
)  # fmt: skip
def test_the_letter_in_other_languages(response: str) -> None:
    assert key(FLIES, response) == "C"


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("A", "A"), ("(A)", "A"), ("A.", "A"), ("The answer is A.", "A"), ("The answer is A because it is heavy.", "A"),
        ("Option A", "A"), ("A resposta é A", "A"), ("La respuesta es A.", "A"), ("答案：A", "A"), ("A是正确答案", "A"),
        ("A bat", "D"), ("A bat.", "D"), ("The answer is a bat.", "D"), ("It is a bat", "D"), ("A stone", "A"),
    ],
)  # fmt: skip
def test_a_letter_is_no_article(response: str, expected: str) -> None:
    assert key(FLIES, response) == expected


@pytest.mark.parametrize(
    "response",
    [
        "A cat",
        "A man who flies it.",
        "A perfect answer does not exist.",
        "A good reply is hard",
        "I am sure",
        "Don't ask",
    ],
)
def test_words_are_no_letters(response: str) -> None:
    found = key(FLIES, response)
    assert found is not None and found not in "ABCDE" and not names_several(found, "ABCDE")


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("I", "I"), ("(I)", "I"), ("I.", "I"), ("Answer: I", "I"), ("The answer is I.", "I"), ("J", "J"),
        ("I think it is J.", "J"),
        ("I believe that H is right. I would choose H.", "H"), ("Answer: I think it is C", "C"),
        ("The answer is C because I computed it.", "C"), ("thing 8", "I"),
    ],
)  # fmt: skip
def test_i_is_an_option_and_not_a_pronoun(response: str, expected: str) -> None:
    assert key(TEN, response) == expected


@pytest.mark.parametrize("response", ["I am not sure.", "I don't know", "I would rather not say"])
def test_the_pronoun_is_no_option(response: str) -> None:
    assert key(TEN, response) != "I"


@pytest.mark.parametrize(
    ("query", "response", "expected"),
    [
        (TWENTY, "The answer is (Q).", "Q"), (TWENTY, "T", "T"), (TWENTY, "Answer: **N**", "N"),
        (TWENTY, "\\boxed{P}", "P"),
        (TWENTY, "thing 12", "M"), (NUMBERS, "2", "2"), (NUMBERS, "2. green", "2"), (NUMBERS, "(2)", "2"),
        (NUMBERS, "green", "2"),
        (NUMBERS, "The answer is 2.", "2"), (NUMBERS, "Option 2", "2"), (NUMBERS, "the answer is option 2: green", "2"),
        (NUMBERS, "\\boxed{2}", "2"), (NUMBERS, "I choose 3", "3"), (NUMBERS, "dark red", "4"), (NUMBERS, "red", "1"),
        (NUMBERS, "It is dark red.", "4"), (NUMBERS, "I see 2 birds that are blue", "3"), (ROMAN, "II", "II"),
        (ROMAN, "ii", "II"),
        (ROMAN, "(II)", "II"), (ROMAN, "II. green", "II"), (ROMAN, "green", "II"), (ROMAN, "The answer is IV.", "IV"),
        (ROMAN, "I", "I"), (ROMAN, "I think it is green", "II"), (SMALL, "b", "B"), (SMALL, "B", "B"),
        (SMALL, "(b) green", "B"),
        (SMALL, "The answer is b.", "B"), (SMALL, "the answer is a) red", "A"), (SMALL, "option c", "C"),
        (SMALL, "green", "B"),
        (INLINE, "The answer is green", "B"), (INLINE, "B) green", "B"), (INLINE, "green", "B"),
        (CHINESE, "答案是绿色", "B"),
        (CHINESE, "绿色", "B"), (CHINESE, "B. 绿色", "B"), (CHINESE, "B绿色", "B"), (CHINESE, "答案是深红色", "D"),
        (CHINESE, "答案是红色。", "A"),
        (CIRCLED, "②", "2"), (CIRCLED, "정답은 ②입니다.", "2"), (CIRCLED, "2번", "2"), (CIRCLED, "초록", "2"),
        (CIRCLED, "② 초록", "2"),
        (RUSSIAN, "Б", "Б"), (RUSSIAN, "Ответ: Б", "Б"), (RUSSIAN, "Б. синий", "Б"), (RUSSIAN, "синий", "Б"),
        (VITAMINS, "vitamin C", "A"), (VITAMINS, "The answer is vitamin C.", "A"),
        (VITAMINS, "vitamin C is correct", "A"),
        (VITAMINS, "C", "C"), (STATEMENTS, "1 and 2", "B"), (STATEMENTS, "The answer is B (1 and 2)", "B"),
        (STATEMENTS, "Statements 1 and 2 hold, so the answer is B.", "B"), (FORMULAS, "\\boxed{3x+1}", "C"),
        (FORMULAS, "\\boxed{\\frac{1}{2}}", "A"), (FORMULAS, "\\boxed{5}", "D"), (FORMULAS, "The answer is $2x$.", "B"),
        (FLIES, "paper kite", "B"), (FLIES, "the Paper Kite!", "B"),
        (FLIES, "Of these, only the paper kite does.", "B"),
        (FLIES, "not the stone but the paper kite", "B"), ("Which?", "The correct option is B.", "B"),
        ("Which?", "故选：B", "B"),
    ],
)  # fmt: skip
def test_options_of_every_kind(query: str, response: str, expected: str) -> None:
    assert key(query, response) == expected


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("B and D", "B D"), ("BD", "B D"), ("B, D", "B D"), ("B,D", "B D"), ("D and B", "B D"), ("B & D", "B D"),
        ("B/D", "B D"),
        ("(B) and (D)", "B D"), ("both B and D", "B D"), ("both B and D are correct", "B D"),
        ("The answers are B and D.", "B D"),
        ("\\boxed{B, D}", "B D"), ("\\boxed{BD}", "B D"), ("Answer: B, and D", "B D"), ("B和D", "B D"),
        ("答案：BD", "B D"),
        ("答案是B、D", "B D"), ("A, B, and D", "A B D"), ("(B) paper kite and (D) a bat", "B D"),
        ("paper kite and a bat", "B D"),
        ("not only B but also D", "B D"), ("Answer: B,", "B"), ("either B or D", "B or D"), ("B or D", "B or D"),
        ("The answer is either B or D.", "B or D"), ("It could be (B) or (D)", "B or D"),
        ("B or possibly D", "B or D"), ("Could be B, could be D.", "B or D"), ("b and d", "B D"),
        ("b or d", "B or D"),
        ("B. paper kite\nD. a bat", "B D"),
        ("either B or D, I am not sure", "B or D"), ("all of the above", "A B C D E"),
    ],
)  # fmt: skip
def test_several_letters_never_become_one(response: str, expected: str) -> None:
    assert key(FLIES, response) == expected


@pytest.mark.parametrize(
    ("query", "response", "expected"),
    [
        (FLIES, "none of the above", NONE), (FLIES, "\\boxed{None of the above}", NONE),
        (FLIES, "None of these options.", NONE),
        (FLIES, "The answer is none of the above.", NONE), (FLIES, "Thus no correct choice is among them.", NONE),
        (CHINESE, "以上都不对", NONE), (NOTHING_FITS, "none of the above", "D"),
        (NOTHING_FITS, "All of the above.", "C"),
        (FLIES, "Therefore the correct answer cannot be determined.", UNDECIDED), (CHINESE, "无法确定", UNDECIDED),
        (FLIES, "(F) a wall", "F"),
    ],
)  # fmt: skip
def test_none_of_the_options(query: str, response: str, expected: str) -> None:
    assert key(query, response) == expected


@pytest.mark.parametrize(
    "response",
    [
        "A. stone\nB. paper kite\nC. anchor\nD. a bat\nE. brick wall",
        "A. stone: no.\nB. paper kite: no.\nC. anchor: no.\nD. a bat: yes.\nE. brick wall: no.",
        "Could you tell me more about what flies here?",
    ],
)
def test_a_list_of_all_options_and_a_question_name_none(response: str) -> None:
    assert key(FLIES, response) is None


@pytest.mark.parametrize(
    "response",
    ["C#", "x = B", "\\boxed{\\Delta E}", "\\boxed{P(B) = 1}", "Vitamin C is what it has", "B-12", "Company B's"],
)
def test_letters_in_words_and_formulas_are_no_choice(response: str) -> None:
    assert key("Which is it?" + FLIES, response) not in tuple("ABCDE")


def test_thinking_that_was_cut_off_counts_only_where_it_marks_an_answer() -> None:
    assert key(FLIES, "<think>Not the stone.\nI would pick C") is None
    assert key(FLIES, "<think>Not the stone.\nThe answer is C") == "C"


def test_the_rule_that_placed_the_answer_is_named() -> None:
    assert [rule.name for rule in CHOICE_PLACES] == [
        placed_choice(EXAMPLES, rule.example).rule for rule in CHOICE_PLACES
    ]


def test_numbers_of_things_are_no_choice() -> None:
    assert key(NUMBERS, "There are 2 of them") not in tuple("1234")


def test_keys_of_several() -> None:
    labels = listed_options(FLIES).labels
    assert names_several("A B", labels) and names_several("A or B", labels) and names_several(NONE, labels)
    assert not names_several("A", labels) and not names_several("paper kite", labels)


@pytest.mark.parametrize("query", [FLIES, "How many?"], ids=["options", "none"])
@pytest.mark.parametrize(
    "unit",
    ["(A)", "A, B, ", "answer is ", "answer is is ", "A is ", "not A ", "not the option be ", "A and ", "A\n",
     "A. x\n", "B ",
     "so ", "<b>", "(", "'", "'A", " ", "\n", "答案", "答案是", "选", "A不", "ﷺ", "①", "İ", "B or ",
     "is the most likely correct ",
     "I ", "none of the ", "no correct answer ", "or ", "*", "\\text ", "\\boxed{", "paper kite ", "####", "\ud800B",
     "answer: A\n", "I would pick \n", "A? ", "A - ", "-", "B is, ", "respuesta correcta ", "respuesta a "],
    ids=repr,
)  # fmt: skip
@pytest.mark.timeout(5)
def test_hostile_responses_are_read_in_linear_time(query: str, unit: str) -> None:
    text = (unit * (200_000 // len(unit) + 1))[:200_000]
    read_rollout(Query(query, "q", Domain.QA), Rollout(text))
    read_rollout(Query(query, "q", Domain.QA), Rollout("", answer=text))
