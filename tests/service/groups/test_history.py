"""What became of the answers of a query: evidence for new rollouts, and never for a rollout itself."""

from __future__ import annotations

from memreward_proto.records import Domain, Experience, Query, Rollout, StoredRollout
from memreward_service.groups.batch import ParsedGroup, parse_group
from memreward_service.groups.history import (
    MOST_ANSWERS,
    MOST_LABELS,
    QueryHistory,
    from_json,
    history_of,
    past_evidence,
    to_json,
)

QUERY = Query("How many?", "q", Domain.MATH)


def stored(*rollouts: tuple[str, float | None, int | None]) -> QueryHistory:
    kept = tuple(StoredRollout(response, label=label, step=step) for response, label, step in rollouts)
    return history_of(parse_group(Experience("How many?", "q", Domain.MATH, rollouts=kept), kept))


def asked(*responses: str, label: float | None = None) -> ParsedGroup:
    return parse_group(QUERY, [Rollout(response, label=label) for response in responses])


def test_votes_labels_and_steps_of_each_answer_are_counted() -> None:
    history = stored(("I say 7", 1.0, 2), ("\\boxed{7}", None, 5), ("7", 0.0, 3), ("8", None, None))
    seven, eight = history
    assert (seven.key, seven.votes, seven.first_step, seven.last_step) == ("7", 3, 2, 5)
    assert [(label.label, label.step) for label in seven.labels] == [(1.0, 2), (0.0, 3)]
    assert (eight.key, eight.votes, eight.first_step, eight.last_step, eight.labels) == ("8", 1, None, None, ())


def test_labels_speak_for_the_answer_in_a_later_group_and_contradicting_ones_cancel() -> None:
    history = stored(("It is 7", 1.0, 1), ("so 8", 0.0, 1), ("a 9", 1.0, 1), ("the 9", 0.0, 1))
    assert past_evidence(history, asked("\\boxed{7}", "\\boxed{8}"), 2) == {"7": 1.0, "8": -1.0, "9": 0.0}


def test_what_was_only_answered_and_never_labelled_is_no_evidence() -> None:
    assert past_evidence(stored(("7", None, 1), ("7", None, 2)), asked("7"), 3) == {}


def test_the_label_of_a_rollout_never_counts_for_itself() -> None:
    history = stored(("It is 7", 1.0, 4), ("it is 7!", 1.0, 3))
    assert past_evidence(history, asked("It is 7"), 4) == {"7": 1.0}, (
        "the same response of the same step is the same rollout"
    )
    assert past_evidence(history, asked("It is 7"), 5) == {"7": 2.0}, "a later one only says the same"
    without_steps = stored(("It is 7", 1.0, None))
    assert past_evidence(without_steps, asked("It is 7"), None) == {}
    assert past_evidence(history, asked("It is 7 \n"), None) == {"7": 1.0}, "whose step nobody says may be the same"
    assert past_evidence(history, asked("It is 7<|im_end|>"), 4) == {"7": 1.0}, "a token at its end changes nothing"
    assert past_evidence(history, asked("It is 7", label=1.0), 5) == {"7": 1.0}, "its label stands in the group already"


def test_a_history_is_small_and_reads_back_equal() -> None:
    many = [(f"\\boxed{{{number}}}", None, 1) for number in range(100)]
    history = stored(
        *many, *[(f"it is {number % 3} {number}, so \\boxed{{{number % 3}}}", 1.0, 1) for number in range(200)]
    )
    assert MOST_ANSWERS - 2 <= len(history) <= MOST_ANSWERS
    assert len(to_json(history)) <= 2048
    assert sum(len(answer.labels) for answer in history) == MOST_LABELS
    assert from_json(to_json(history)) == history
    usual = stored(
        *[(f"so \\boxed{{{number % 5}}} {number}", 1.0 if number < 6 else None, number // 8) for number in range(80)]
    )
    assert len(to_json(usual)) < 2048


def test_a_program_that_does_the_same_is_known_again_beside_other_programs() -> None:
    add, sub, slow = (("v1", "v2", "v3"),), (("v1", "v8", "v9"),), (("v1", "t", "v3"),)
    experience = Query("Write f.", "c", Domain.CODE)
    first = [
        StoredRollout("f = 1", label=1.0, behaviour=add, step=1),
        StoredRollout("f = 2", label=0.0, behaviour=sub, step=1),
    ]
    history = history_of(parse_group(experience, first))
    group = parse_group(
        experience, [Rollout("g = 1", behaviour=sub), Rollout("g = 2", behaviour=add), Rollout("g = 3", behaviour=slow)]
    )
    evidence = past_evidence(history, group, 2)
    keys = [reading.answer_key for reading in group.parsed]
    assert evidence[keys[0]] == -1.0  # type: ignore[index]
    assert evidence[keys[1]] == 1.0  # type: ignore[index]


def test_what_is_known_of_a_program_by_its_text_says_nothing_of_programs_that_were_run() -> None:
    query = Query("Write f.", "c", Domain.CODE)
    told = history_of(parse_group(query, [StoredRollout("def f(a):\n    return 2 * a", label=1.0, step=1)]))
    did = (("v2", "v4"),)
    group = parse_group(query, [Rollout("def f(b):\n    return b + b", behaviour=did)] * 2)
    assert past_evidence(told, group, 2) == {}


def test_many_labels_of_one_answer_do_not_push_out_the_only_one_of_another() -> None:
    wrong = [(f"try {number}: \\boxed{{6}}", 0.0, 1) for number in range(2 * MOST_LABELS)]
    history = stored(("r \\boxed{5}", 1.0, 0), *wrong)
    assert past_evidence(history, asked("so \\boxed{5}"), 9)["5"] == 1.0


def test_what_programs_did_on_inputs_of_another_version_is_not_compared() -> None:
    did = (("v1", "v2", "v3"),)
    query = Query("Write f.", "c", Domain.CODE)
    history = history_of(
        parse_group(query, [StoredRollout("f = 1", label=1.0, behaviour=did, step=1, behaviour_version="a")])
    )

    def evidence(version: str | None) -> list[float]:
        group = parse_group(query, [Rollout("g = 1", behaviour=did, behaviour_version=version)])
        return [past_evidence(history, group, 2).get(reading.answer_key or "", 0.0) for reading in group.parsed]

    assert from_json(to_json(history)) == history
    assert [evidence(version) for version in ("a", "b", None)] == [[1.0], [0.0], [0.0]]
    mixed = parse_group(
        query, [Rollout("f", behaviour=did, behaviour_version=version) for version in ("a", "a", "b", None)]
    )
    assert [did.agreement for did in mixed.behaviours if did is not None] == [0.5, 0.5, 0.25, 0.25]
    assert len({reading.answer_key for reading in mixed.parsed}) == 3
