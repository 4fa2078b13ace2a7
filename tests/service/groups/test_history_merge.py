"""Several accounts of one history: merged they say what all rollouts say, and merged again the same."""

from __future__ import annotations

from dataclasses import replace

from memreward_proto.records import Domain, Query, StoredRollout
from memreward_service.groups.batch import parse_group
from memreward_service.groups.history import QueryHistory, from_json, history_of, merged, past_evidence, to_json
from memreward_service.groups.history_merge import MOST_BYTES
from memreward_service.groups.past_answers import PastLabel, PastVotes, kept_key

QUERY = Query("How many?", "q", Domain.MATH)
RUN = [
    StoredRollout(
        f"try {number}: \\boxed{{{number % 3}}}", label=1.0 - number % 3 / 2 if number % 4 == 0 else None,
        label_source="verifier" if number % 4 == 0 else None, policy=f"policy-{number // 8 % 2}", step=number // 8,
    )
    for number in range(40)
]  # fmt: skip


def history(rollouts: list[StoredRollout], query: Query = QUERY) -> QueryHistory:
    return history_of(parse_group(query, rollouts))


def by_key(given: QueryHistory) -> dict[str, object]:
    return {
        answer.key: (answer.votes, answer.first_step, answer.last_step, frozenset(answer.labels), answer.by_step)
        for answer in given
    }


def test_votes_are_kept_by_step_and_policy_and_labels_with_their_source() -> None:
    zero = next(answer for answer in history(RUN) if answer.key == "0")
    assert zero.by_step[:2] == (PastVotes(0, "policy-0", 3), PastVotes(1, "policy-1", 3))
    assert {label.source for label in zero.labels} == {"verifier"}
    assert from_json(to_json(history(RUN))) == history(RUN)


def test_accounts_of_different_steps_add_up_to_that_of_all() -> None:
    assert by_key(merged(history(RUN[:16]), history(RUN[16:]))) == by_key(history(RUN))


def test_the_same_rollouts_do_not_count_twice() -> None:
    every = history(RUN)
    for part in (RUN, RUN[3:9], RUN[:1], RUN[20:]):
        assert by_key(merged(history(part), every)) == by_key(merged(every, history(part))) == by_key(every)


def test_votes_of_which_nobody_says_the_policy_are_those_of_the_policy_that_is_said() -> None:
    nameless = history([replace(rollout, policy=None) for rollout in RUN[:8]])
    assert by_key(merged(nameless, history(RUN))) == by_key(history(RUN))
    fewer = merged(nameless, history(RUN[:2]))
    assert next(answer for answer in fewer if answer.key == "0").by_step == (
        PastVotes(0, "policy-0", 1), PastVotes(0, None, 2),
    )  # fmt: skip


def test_a_label_that_was_corrected_holds_and_one_that_contradicts_it_in_another_step_cancels() -> None:
    said = [StoredRollout("so \\boxed{7}", label=0.0, step=3)]
    corrected = [StoredRollout("so \\boxed{7}", label=1.0, step=3)]
    (seven,) = merged(history(corrected), history(said))
    assert [label.label for label in seven.labels] == [1.0]
    other = [StoredRollout("so \\boxed{7}", label=0.0, step=4)]
    group = parse_group(QUERY, [StoredRollout("7")])
    assert past_evidence(merged(history(corrected), history(other)), group, 9) == {"7": 0.0}


def test_a_long_history_keeps_its_labels_and_sums_its_oldest_steps() -> None:
    long = [
        StoredRollout(
            f"{step} {place}: \\boxed{{{place}}}", label=1.0 if place == step % 8 else None,
            policy=f"checkpoints/of-a-long-run/global_step_{step}", step=step,
        )
        for step in range(60)
        for place in range(8)
    ]  # fmt: skip
    whole = history(long)
    assert len(to_json(whole).encode()) <= MOST_BYTES
    assert sum(answer.votes for answer in whole) == 480
    assert all(answer.by_step[0].summed for answer in whole)
    assert {label.step for answer in whole for label in answer.labels} == set(range(60))
    again = merged(whole, history(long[-8:]))
    assert by_key(again) == by_key(whole)
    more = history([StoredRollout(f"60 {place}: \\boxed{{{place}}}", step=60) for place in range(8)])
    assert sum(answer.votes for answer in merged(whole, more)) == 488


def test_a_history_is_bounded_whatever_the_answers_are() -> None:
    query = Query("Say it.", "t", Domain.TEXT)
    words = [StoredRollout(f"{'数え' * 400} {number}", label=1.0, step=number) for number in range(40)]
    long = history(words, query)
    assert 0 < len(to_json(long).encode()) <= MOST_BYTES
    key = parse_group(query, words[-1:]).parsed[0].answer_key
    assert key is not None
    assert kept_key(key) != key
    assert past_evidence(long, parse_group(query, [replace(words[-1], label=None)]), 99)[key] == 1.0


def test_labels_of_equal_responses_of_one_step_count_once_and_cancel_if_they_differ() -> None:
    (seven,) = history([StoredRollout("7", label=label, step=1) for label in (1.0, 1.0, 0.0)])
    assert [(label.label, label.step) for label in seven.labels] == [(1.0, 1), (0.0, 1)]
    assert seven.votes == 3
    assert isinstance(seven.labels[0], PastLabel)
