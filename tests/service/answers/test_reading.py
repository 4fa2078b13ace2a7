"""Answer keys, on the forms that answers are written in and on the real rollouts where they are at hand."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from pathlib import Path

import pytest

from memreward_proto.records import Domain, Query, Rollout
from memreward_service.answers.programs import code_key
from memreward_service.answers.reading import Reading, read_rollout
from memreward_service.answers.words import text_key

ROLLOUTS = Path(__file__).resolve().parents[4] / "shared" / "data"
CHOICES = "Where is water kept?\nA. ocean\nB. water cooler\nC. cabinet\nD. a dog\nE. ice cream"


def parsed(response: str, domain: Domain = Domain.MATH, text: str = "How many?", **given: str) -> Reading:
    return read_rollout(Query(text, "q", domain), Rollout(response, **given))


def choice(response: str) -> str | None:
    return parsed(response, Domain.QA, CHOICES).answer_key


@pytest.mark.parametrize(
    ("response", "answer", "key"),
    [
        ("So 3+4 = \\boxed{7} apples.", "7", "7"),
        ("\\boxed{1} no, \\boxed{\\frac{1}{2}}", "\\frac{1}{2}", "1/2"),
        ("\\boxed{8} and a cut one \\boxed{9", "8", "8"),
        ("First 3.\n#### 70,000", "70,000", "70000"),
        ("He has 3+2=5\nA: 5", "5", "5"),
        ("**Final Answer:** 12", "12", "12"),
        ("The answer is:\n\n$12$ dollars", "12", "12"),
        ("The answer is 15 gallons in 30 days.", "15", "15"),
        ("The answer is that Jane has 5 apples.", "5", "5"),
        ("It is 9.\nSo she pays $12.00 for 5 apples and 5 oranges.", "$12.00", "12"),
        ("Therefore, Ingrid drinks 15 gallons of water in 30 days.", "15", "15"),
        ("The farms have 200 + 500 = <<200+500=700>>700 acres.", "700", "700"),
        ("He needs 16.\nThat is all.", "16", "16"),
        ("It cannot be known", "It cannot be known", "it cannot be known"),
    ],
)
def test_the_final_answer_of_a_math_response(response: str, answer: str, key: str) -> None:
    result = parsed(response)
    assert (result.answer, result.answer_key) == (answer, key)


@pytest.mark.parametrize(
    ("response", "key"),
    [
        ("\\boxed{C}", "C"),
        ("\\boxed{\\text{C}}", "C"),
        ("\\boxed{C) cabinet}", "C"),
        ("\\boxed{(C)} cabinet", "C"),
        ("(C) cabinet", "C"),
        ("C", "C"),
        ("c", "C"),
        ("C. cabinet", "C"),
        ("**C**", "C"),
        ("Cabinet.", "C"),
        ("\\boxed{the Cabinet}", "C"),
        ("A dog", "D"),
        ("E ice cream", "E"),
        ("A: (E) ice cream", "E"),
        ("It is not (A). The answer is (B) water cooler.", "B"),
        ("Either (A) or (B), so the best choice is (B).", "B"),
        ("She keeps it in the water cooler at work.", "B"),
        ("\\boxed{C, E}", "C E"),
        ("\\boxed{(E) ice cream and (C) cabinet}", "C E"),
        ("\\boxed{none of the above}", "none of above"),
        ("A: ocean\nB: water cooler\nI choose cabinet", "C"),
        ("I would not know", "i would not know"),
    ],
)
def test_qa_key_is_the_letter(response: str, key: str) -> None:
    assert choice(response) == key


def test_choices_listed_in_one_line_are_known_too() -> None:
    query = "Pick: (A) red (B) green (C) blue"
    assert parsed("The answer is blue", Domain.QA, query).answer_key == "C"


def test_text_key() -> None:
    assert text_key("The  Answer: 1,000.0 people!") == text_key("answer 1000 People") == "answer 1000 people"
    assert text_key("don't") == text_key("dont")
    assert text_key("-5 degrees") != text_key("5 degrees")
    assert text_key("ｆｕｌｌ width") == "full width"
    assert text_key("कि") != text_key("की")
    assert text_key("the") == "the"
    assert text_key("+") == "+"


def test_code_key_ignores_comments_and_spacing_but_not_strings() -> None:
    fenced = "Here it is:\n```python\ndef f(x):  # doubles\n\n    return x * 2   \n```\nDone."
    result = parsed(fenced, Domain.CODE)
    assert result.answer_key == "def f(x):\n    return x * 2"
    assert result.thinking == "Here it is:"
    assert parsed("def f(x):\n    return x * 2\n# end", Domain.CODE).answer_key == result.answer_key
    assert code_key("print('#a')") != code_key("print('#b')")
    assert code_key("x = 7 // 2") == "x = 7 // 2"
    assert code_key("int x = 1; // one\n/* two\nlines */", "cpp") == "int x = 1;"
    assert parsed("```\na\n```\nbetter:\n```py\nb\n```", Domain.CODE).answer_key == "b"
    assert parsed("```py\ncut = 1\n", Domain.CODE).answer_key == "cut = 1"


def test_what_the_caller_gives_wins() -> None:
    result = parsed("think \\boxed{1}", thinking="T", answer="\\boxed{2.0}", answer_key="K")
    assert result == Reading("T", "\\boxed{2.0}", "K", "given")
    assert parsed("think \\boxed{1}", answer="\\boxed{2.0}").answer_key == "2"
    assert parsed("think \\boxed{1}", answer="3").thinking == "think \\boxed{1}"


def test_thinking_in_tags() -> None:
    result = parsed("<think>2+2 is \\boxed{9}?</think>\nThe answer is 4.")
    assert (result.thinking, result.answer_key) == ("2+2 is \\boxed{9}?", "4")
    assert parsed("2+2</think>\\boxed{4}").thinking == "2+2"
    cut = parsed("<think>2+2 is 4, or is it 5")
    assert (cut.thinking, cut.answer, cut.answer_key) == ("2+2 is 4, or is it 5", "", None)
    assert parsed("<think>so \\boxed{4}</think>").answer_key == "4"


def test_thinking_without_tags_is_what_precedes_the_answer() -> None:
    assert parsed("3+4 makes seven.\nA: 7").thinking == "3+4 makes seven."
    assert parsed("3+4 makes \\boxed{7} apples").thinking == "3+4 makes"
    assert parsed("\\boxed{7}").thinking == "\\boxed{7}"


@pytest.mark.parametrize("domain", list(Domain))
@pytest.mark.parametrize("response", ["", " \n\t", "<think></think>"])
def test_an_empty_response_agrees_with_nobody(domain: Domain, response: str) -> None:
    assert parsed(response, domain).answer_key is None


def test_a_blank_given_key_agrees_with_nobody() -> None:
    assert parsed("\\boxed{7}", answer_key=" ").answer_key is None


@pytest.mark.parametrize("domain", list(Domain))
@pytest.mark.parametrize(
    "response",
    [
        "\\boxed{" * 10_000,
        "\\boxed{" + "a" * 900 + "!}",
        "\\boxed{5 " + "a" * 900 + "1}",
        "\\boxed{" + "9" * 50_000 + "}",
        "\\boxed{" + "\\text{" * 150 + "}" * 150 + "}",
        "\\boxed{" + "1 " * 450 + "}",
        "\\boxed{1" + ",000" * 240 + "x}",
        "the answer is " + "the answer is " * 5_000,
        "=" * 50_000,
        "1," * 50_000,
        "(A" * 50_000,
        "```" * 30_000,
        "'" * 99_999,
        "\ud800\x00" * 1_000,
    ],
)
@pytest.mark.timeout(10)
def test_hostile_text_is_parsed_all_the_same(domain: Domain, response: str) -> None:
    assert parsed(response, domain, response).thinking


MISJUDGED = (
    ("gsm8k-1001", "14:"),  # 2:00 pm and 2:30 pm; the reference is a bare 2
    ("csqa-520", "A B"),  # \\boxed{A} and \\boxed{B}: the grader took the last
    ("csqa-855", "a it is"),  # `A: It is ...`: the grader took the A
)
"""Query and beginning of the key of answers that the grader called right by another rule than ours."""


@pytest.mark.real_data
@pytest.mark.skipif(not ROLLOUTS.is_dir(), reason="the real rollouts are not here")
@pytest.mark.parametrize(
    ("dataset", "mixed", "right_but_other", "wrong_but_same"),
    [("gsm8k", 28, 4, 45), ("commonsenseqa", 0, 14, 0), ("humaneval", 0, 0, 0)],
)
def test_equal_keys_have_equal_labels(dataset: str, mixed: int, right_but_other: int, wrong_but_same: int) -> None:
    """The bounds are what the graders of the files got wrong (units in a box, `None of the above` read as A)."""
    mixed_keys = others = same = 0
    with gzip.open(ROLLOUTS / f"{dataset}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            query = Query(row["query"], row["id"], Domain(row["domain"]), dataset)
            reference = read_rollout(query, Rollout("", answer=row["ground_truth"] or "")).answer_key
            labels: dict[str | None, set[int]] = defaultdict(set)
            for rollout in row["rollouts"]:
                key = read_rollout(query, Rollout(rollout["response"])).answer_key
                labels[key].add(rollout["label"])
                other = reference is not None and key != reference and rollout["label"] == 1
                others += other and not any(row["id"] == name and str(key).startswith(k) for name, k in MISJUDGED)
                same += reference is not None and key == reference and rollout["label"] == 0
            mixed_keys += sum(len(values) > 1 for values in labels.values())
    assert mixed_keys <= mixed
    assert others <= right_but_other
    assert same <= wrong_but_same
