"""Why a reward is what it is, in numbers and in one sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memreward_proto.records import Domain, Explanation, Prediction, Query, Rollout, Source, Status, StoredRollout
from memreward_service.belief.explanation import Evidence, summary, with_explanations
from memreward_service.belief.posterior import belief_about
from memreward_service.belief.rewards import rewards_of
from memreward_service.belief.tallies import AnswerTally
from memreward_service.groups.batch import parse_group
from memreward_service.groups.history import QueryHistory, history_of
from memreward_service.settings import Settings

QUERY = Query("How many?", "q", Domain.MATH)
FIVE_OF_EIGHT = AnswerTally(8, 5)


def said(tally: AnswerTally, **other: object) -> str:
    return summary(replace(Evidence(tally, 0.83, Source.GNN), **other))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tally", "other", "expected"),
    [
        (FIVE_OF_EIGHT, {}, "No label says anything about this answer; 5 of 8 of its group agree; network 0.83."),
        (
            FIVE_OF_EIGHT,
            {"source": Source.AGREEMENT},
            "No label says anything about this answer; 5 of 8 of its group agree; agreement alone says 0.83.",
        ),
        (
            AnswerTally(8, 1),
            {},
            "No label says anything about this answer; no other of the 8 of its group agrees; network 0.83.",
        ),
        (
            AnswerTally(8, 5, right=1),
            {},
            "Labelled right in its group; 5 of 8 of its group agree; network 0.83.",
        ),
        (
            AnswerTally(8, 5, earlier_right=1, last_labelled_step=12, earlier_votes=31, earlier_rollouts=40),
            {},
            "Labelled right at step 12; 31 of 40 earlier rollouts say the same; 5 of 8 of its group agree; "
            "network 0.83.",
        ),
        (
            AnswerTally(8, 5, wrong=2, earlier_wrong=3, last_labelled_step=4, earlier_votes=9, earlier_rollouts=16),
            {},
            "Labelled wrong 2 times in its group and 3 times earlier, last at step 4; 9 of 16 earlier rollouts say the "
            "same; 5 of 8 of its group agree; network 0.83.",
        ),
        (
            AnswerTally(1, 1, earlier_right=1, earlier_votes=1, earlier_rollouts=1),
            {},
            "Labelled right earlier; 1 of 1 earlier rollouts say the same; network 0.83.",
        ),
        (
            AnswerTally(8, 5, right=1, earlier_right=2, earlier_wrong=1, last_labelled_step=7, earlier_votes=4,
                        earlier_rollouts=8),
            {},
            "Labels contradict each other: 3 right, 1 wrong, last at step 7; 4 of 8 earlier rollouts say the same; "
            "5 of 8 of its group agree; network 0.83.",
        ),
        (
            AnswerTally(8, 7, earlier_wrong=1, last_labelled_step=3, earlier_votes=15, earlier_rollouts=16),
            {},
            "Labelled wrong at step 3; that one label stands against a large majority, so that it should be checked; "
            "15 of 16 earlier rollouts say the same; 7 of 8 of its group agree; network 0.83.",
        ),
        (
            AnswerTally(8, 3),
            {"right_answer": "40"},
            "Another answer is labelled right: 40; 3 of 8 of its group agree; network 0.83.",
        ),
        (
            AnswerTally(8, 3, wrong=1),
            {"right_answer": "x" * 80},
            f"Labelled wrong in its group; another answer is labelled right: {'x' * 59}…; 3 of 8 of its group agree; "
            "network 0.83.",
        ),
        (
            AnswerTally(8, 3, earlier_votes=2, earlier_rollouts=9),
            {"right_answer": "a1b2", "program": True},
            "A program that does something else is labelled right; 2 of 9 earlier rollouts did the same; "
            "3 of 8 of its group agree; network 0.83.",
        ),
        (AnswerTally(8), {"has_answer": False}, "No final answer was found in it; network 0.83."),
        (
            AnswerTally(8, 1, earlier_rollouts=9),
            {"has_answer": False, "right_answer": "40"},
            "No final answer was found in it; another answer is labelled right: 40; network 0.83.",
        ),
        (
            AnswerTally(8, 5),
            {"label": 1.0},
            "Its reward is its own label, 1; no label says anything else about this answer; 5 of 8 of its group agree; "
            "network 0.83.",
        ),
        (
            AnswerTally(1, 1),
            {"unknown": True, "own_probability": 0.5, "source": Source.AGREEMENT},
            "There is nothing to go by: no label, no sibling, no similar query; agreement alone says 0.50.",
        ),
    ],
)  # fmt: skip
def test_one_sentence_says_what_decides(tally: AnswerTally, other: dict[str, object], expected: str) -> None:
    assert said(tally, **other) == expected


def explained(rollouts: list[Rollout], history: QueryHistory = (), step: int | None = None) -> list[Explanation]:
    return [prediction.explanation for prediction in predictions(rollouts, history, step)]  # type: ignore[misc]


def predictions(
    rollouts: list[Rollout], history: QueryHistory = (), step: int | None = None, query: Query = QUERY
) -> tuple[Prediction, ...]:
    group = parse_group(query, rollouts)
    belief = belief_about(group, [0.6] * len(rollouts), history, step)
    known = len(rollouts) > 1
    found = rewards_of(group, belief, Source.GNN, known, Settings())
    return with_explanations(group, found, belief, history, step, Source.GNN, known)


def stored(*rollouts: tuple[str, float | None, int | None]) -> QueryHistory:
    return history_of(
        parse_group(QUERY, [StoredRollout(text, label=label, step=step) for text, label, step in rollouts])
    )


def test_an_explanation_counts_the_labels_of_those_who_agree() -> None:
    rollouts = [Rollout("7", label=0.5), Rollout("so 7", label=0.0), Rollout("it is 7"), Rollout("8", label=1.0)]
    found = explained([*rollouts, Rollout("", answer="", answer_key="")])
    counts = [(each.answer_key, each.agreement, each.same_key_right, each.same_key_wrong) for each in found]
    assert counts == [("7", 0.6, 0, 1), ("7", 0.6, 1, 0), ("7", 0.6, 1, 1), ("8", 0.2, 0, 0), ("", 0.2, 0, 0)]
    assert found[4].summary == "The response is blank."
    # Odds 1.5 of each of three answers against 1 for "none is right"; a label errs twice in a thousand.
    assert [each.own_probability for each in found] == pytest.approx([1.5 / 5.5 * 0.996 + 0.002] * 5)


def test_the_past_of_the_query_is_counted() -> None:
    history = stored(("7", 1.0, 3), ("a 7", 0.0, 12), ("the 7", None, 13), ("8", None, 13))
    seven, eight, nine = explained([Rollout("I say 7"), Rollout("I say 8"), Rollout("I say 9")], history, 14)
    assert (seven.earlier_right, seven.earlier_wrong, seven.last_labelled_step) == (1, 1, 12)
    assert (seven.earlier_votes, seven.earlier_rollouts) == (3, 4)
    assert (eight.earlier_right, eight.earlier_wrong, eight.last_labelled_step) == (0, 0, None)
    assert (eight.earlier_votes, nine.earlier_votes, nine.earlier_rollouts) == (1, 0, 4)
    assert "labels contradict each other: 1 right, 1 wrong, last at step 12" in str(seven.summary).lower()


def test_the_label_of_a_rollout_is_no_evidence_for_it() -> None:
    history = stored(("It is 7", 1.0, 4))
    again, sibling = explained([Rollout("It is 7", label=1.0), Rollout("7")], history, 4)
    assert (again.same_key_right, again.earlier_right, again.last_labelled_step) == (0, 0, None)
    assert str(again.summary).startswith("Its reward is its own label, 1; no label says anything else")
    assert (sibling.same_key_right, sibling.earlier_right) == (1, 0), "one label, counted once"
    (unlabelled,) = explained([Rollout("It is 7")], history, 4)
    assert (unlabelled.earlier_right, unlabelled.last_labelled_step) == (0, None)


def test_the_right_answer_that_refutes_another_may_be_an_earlier_one() -> None:
    history = stored(("\\boxed{40}", 1.0, 2))
    (found, *_), here = (
        explained([Rollout("30"), Rollout("31")], history, 3),
        explained([Rollout("30"), Rollout("40", label=1.0)]),
    )
    assert str(found.summary).startswith("Another answer is labelled right: 40;")
    assert str(here[0].summary).startswith("Another answer is labelled right: 40;")


def test_where_several_answers_may_be_right_none_refutes_another() -> None:
    query = Query("Write.", "t", Domain.TEXT)
    first, _ = predictions([Rollout("one text"), Rollout("another", label=1.0)], query=query)
    assert first.explanation is not None
    assert "labelled right" not in str(first.explanation.summary)


def test_programs_are_explained_by_what_they_did() -> None:
    query, did, other = Query("Write f.", "c", Domain.CODE), (("v2", "v4"),), (("v3", "v9"),)
    history = history_of(parse_group(query, [StoredRollout("f = 1", label=1.0, behaviour=did, step=5)]))
    same, differs = predictions([Rollout("g = 1", behaviour=did), Rollout("g = 2", behaviour=other)], history, 6, query)
    assert same.explanation is not None
    assert differs.explanation is not None
    assert str(same.explanation.summary).startswith("Labelled right at step 5; 1 of 1 earlier rollouts did the same;")
    assert str(differs.explanation.summary).startswith("A program that does something else is labelled right;")


def test_what_was_abstained_from_for_want_of_anything_says_so() -> None:
    (found,) = predictions([Rollout("4")])
    assert found.status is Status.ABSTAIN
    assert found.explanation is not None
    assert str(found.explanation.summary).startswith("There is nothing to go by")
