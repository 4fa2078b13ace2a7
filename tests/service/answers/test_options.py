"""The options that queries list, in the forms in which data sets and people write them."""

from __future__ import annotations

import pytest

from memreward_service.answers.choices.options import ALPHABETS, Alphabet, listed_options


@pytest.mark.parametrize("alphabet", ALPHABETS, ids=lambda alphabet: alphabet.name)
def test_every_alphabet_is_read_in_its_example(alphabet: Alphabet) -> None:
    count = alphabet.example.count("\n") + 1
    options = listed_options(f"Which is it?\n{alphabet.example}\nAnswer:")
    assert options.labels == tuple(label.upper() for label in alphabet.labels[:count])
    assert all(options.texts.values())
    assert len(options.label_of) == count


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ("Which flies?\nA. stone\nB. paper kite", {"A": "stone", "B": "paper kite"}),
        ("Which flies?\nA) stone\nB) paper kite", {"A": "stone", "B": "paper kite"}),
        ("Which flies?\n(A) stone\n(B) paper kite", {"A": "stone", "B": "paper kite"}),
        ("Which flies?\n[A] stone\n[B] paper kite", {"A": "stone", "B": "paper kite"}),
        ("Which flies?\nA: stone\nB: paper kite", {"A": "stone", "B": "paper kite"}),
        ("Which flies?\nA - stone\nB - paper kite", {"A": "stone", "B": "paper kite"}),
        ("Which flies?\n- A. stone\n- B. paper kite", {"A": "stone", "B": "paper kite"}),
        ("Which flies?\n* **A.** stone\n* **B.** paper kite", {"A": "stone", "B": "paper kite"}),
        ("Which flies?\n**A)** stone\n**B)** paper kite", {"A": "stone", "B": "paper kite"}),
        ("| A | stone |\n| B | paper kite |", {"A": "stone", "B": "paper kite"}),
        ("Option A: stone\nOption B: paper kite", {"A": "stone", "B": "paper kite"}),
        ("A\tstone\nB\tkite\nC\tbat", {"A": "stone", "B": "kite", "C": "bat"}),
        ("A.\nstone\nB.\nkite", {"A": "stone", "B": "kite"}),
        ("    a. stone\n    b. kite", {"A": "stone", "B": "kite"}),
        ("Options: A) stone B) kite C) bat", {"A": "stone", "B": "kite", "C": "bat"}),
        ("Pick one: (A) stone (B) kite (C) bat", {"A": "stone", "B": "kite", "C": "bat"}),
        ("Options: A. yes B. no", {"A": "yes", "B": "no"}),
        ("A: stone, B: kite, C: bat", {"A": "stone", "B": "kite", "C": "bat"}),
        ("1) stone 2) kite 3) bat", {"1": "stone", "2": "kite", "3": "bat"}),
        ("Choices: ['A. stone', 'B. kite', 'C. bat']", {"A": "stone", "B": "kite", "C": "bat]"}),
        ('{"A": "stone", "B": "kite"}', {"A": "stone", "B": 'kite"}'}),
        ("(A) stone (B) kite\n(C) bat (D) brick", {"A": "stone", "B": "kite", "C": "bat", "D": "brick"}),
        ("哪个会飞？\nA．石头\nB．风筝", {"A": "石头", "B": "风筝"}),
        ("哪个会飞？（A）石头（B）风筝（C）蝙蝠", {"A": "石头", "B": "风筝", "C": "蝙蝠"}),
        ("哪个会飞？A、石头 B、风筝 C、蝙蝠", {"A": "石头", "B": "风筝", "C": "蝙蝠"}),
        ("Ａ：石头\nＢ：风筝", {"A": "石头", "B": "风筝"}),
        ("① 돌 ② 연 ③ 박쥐", {"1": "돌", "2": "연", "3": "박쥐"}),
        ("Which?\n1. stone\n2. kite\n3. bat", {"1": "stone", "2": "kite", "3": "bat"}),
        ("(i) stone\n(ii) kite", {"I": "stone", "II": "kite"}),
    ],
)
def test_options_are_found(query: str, texts: dict[str, str]) -> None:
    found = {label: text.rstrip("']") for label, text in listed_options(query).texts.items()}
    assert found == {label: text.rstrip("']") for label, text in texts.items()}


def test_options_beyond_j() -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert listed_options("\n".join(f"{one}. thing {ord(one)}" for one in letters)).labels == tuple(letters)


def test_the_last_list_counts_for_examples_stand_first() -> None:
    query = "Q: Sky?\nA. blue\nB. red\nC. grey\nAnswer: A\n\nQ: Grass?\nA. pink\nB. green\nAnswer:"
    assert dict(listed_options(query).texts) == {"A": "pink", "B": "green"}


def test_letters_go_before_numbered_statements() -> None:
    query = "1. x is even\n2. x is odd\nWhich hold?\nA. 1 only\nB. 1 and 2\nThen:\n1. explain\n2. answer"
    assert dict(listed_options(query).texts) == {"A": "1 only", "B": "1 and 2"}


@pytest.mark.parametrize(
    "query",
    ["", "How many apples?", "Q: Sky?\nA: blue\n\nQ: Grass?\nA:", "A. only one", "It has vitamin A. Then B. More.",
     "Write it for J. Smith\nand B. Jones", "A: Hello.\nC: Goodbye."],
)  # fmt: skip
def test_other_texts_list_none(query: str) -> None:
    assert listed_options(query).labels == ()


def test_equal_texts_name_no_label() -> None:
    options = listed_options("A. mortal\nB. dead\nC. Mortal")
    assert dict(options.label_of) == {"dead": "B"}


def test_a_very_long_option_is_listed_but_its_text_is_not_compared() -> None:
    options = listed_options("A. " + "x " * 10_000 + "\nB. kite")
    assert options.labels == ("A", "B")
    assert dict(options.label_of) == {"kite": "B"}


@pytest.mark.parametrize(
    "query",
    ["A. x\nB. y\n" * 10_000, "A. " + "x" * 40_000 + "\nB. " + "y " * 20_000, "A) " * 60_000, "(A" * 90_000,
     " " * 200_000, "\n" * 200_000 + "x", "①" * 200_000, "ﷺ" * 200_000, "1) 2) 3) " * 22_000, "A:B:" * 50_000,
     "A\n" * 90_000, "-" * 200_000, "**" * 90_000, "'(A)" * 50_000, "Option " * 28_000],
    ids=lambda query: repr(query[:8]),
)  # fmt: skip
@pytest.mark.timeout(5)
def test_hostile_queries_are_read_in_linear_time(query: str) -> None:
    assert len(listed_options(query).labels) <= 26
