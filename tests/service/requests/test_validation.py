from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from memreward_proto.errors import InvalidArgument
from memreward_proto.records import (
    Domain,
    Experience,
    Group,
    GroupKey,
    Label,
    Query,
    Rollout,
    StoredRollout,
    Submission,
    TrainingOptions,
)
from memreward_service.groups.datasets import domain_of
from memreward_service.requests.unreadable import UnreadableRollout
from memreward_service.requests.validation import (
    valid_experience,
    valid_groups,
    valid_labels,
    valid_page,
    valid_search,
    valid_submission,
    valid_training,
)  # fmt: skip
from memreward_service.settings import Settings
from memreward_service.store.identity import query_id

SETTINGS = Settings(max_group_size=3, max_rollouts=5, max_text_chars=10)


def group(text: str = "2+2", rollouts: int = 1, group_id: str | None = None, **query: str) -> Group:
    return Group(Query(text, **query), (Rollout("four"),) * rollouts, group_id)


def refused(*drafts: Group) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as caught:
        valid_groups(drafts, SETTINGS)
    return caught.value


def unread(groups: Sequence[Group]) -> list[list[bool]]:
    return [[isinstance(rollout, UnreadableRollout) for rollout in group.rollouts] for group in groups]


@pytest.mark.parametrize(
    ("dataset", "domain"),
    [
        ("gsm8k", Domain.MATH),
        ("openai/gsm8k", Domain.MATH),
        ("GSM8K_train", Domain.MATH),
        ("MATH-500", Domain.MATH),
        ("AIME 2024", Domain.MATH),
        ("AI-MO/NuminaMath", Domain.MATH),
        ("commonsense_qa", Domain.QA),
        ("cais/mmlu", Domain.QA),
        ("MMLU-Pro", Domain.QA),
        ("gpqa_diamond", Domain.QA),
        ("openai/openai_humaneval", Domain.CODE),
        ("openai/HumanEval", Domain.CODE),
        ("HumanEval+", Domain.CODE),
        ("mbpp", Domain.CODE),
        ("mathematicians-biographies", Domain.TEXT),
        ("500", Domain.TEXT),
        (None, Domain.TEXT),
    ],
)
def test_domain_of_a_dataset(dataset: str | None, domain: Domain) -> None:
    assert domain_of(dataset) is domain


def test_what_is_missing_is_filled_in() -> None:
    first, second, third = valid_groups(
        [group(dataset="gsm8k"), group(id="mine", domain="code", dataset="gsm8k"), group(group_id="g")],
        SETTINGS,
    )
    assert (first.group_id, second.group_id, third.group_id) == ("0", "1", "g")
    assert (first.query.domain, second.query.domain, third.query.domain) == (
        Domain.MATH,
        Domain.CODE,
        Domain.TEXT,
    )
    assert first.query.id == query_id("2+2", Domain.MATH, "gsm8k")
    assert third.query.id == query_id("2+2", Domain.TEXT, None) != first.query.id
    assert second.query.id == "mine"


def test_a_position_does_not_take_a_given_group_id() -> None:
    error = refused(group(group_id="1"), group())
    assert error.details == {"field": "groups[1].group_id"}
    assert "groups[0]" in error.message


def test_limits_hold_exactly() -> None:
    assert len(valid_groups([group("x" * 10, 3), group(rollouts=2)], SETTINGS)) == 2
    assert unread(valid_groups([group("x" * 11, 2), group()], SETTINGS)) == [[True, True], [False]]
    assert refused(group(rollouts=4)).details == {"field": "groups[0].rollouts", "limit": 3, "given": 4}
    assert refused(group(rollouts=3), group(rollouts=3)).details == {
        "field": "groups",
        "limit": 5,
        "given": 6,
    }
    valid_groups([group(id="i" * 256)], SETTINGS)
    assert refused(group(id="i" * 257)).details["limit"] == 256


def test_a_blank_response_is_for_the_engine_to_judge() -> None:
    (valid,) = valid_groups([Group(Query("q"), (Rollout(" "),))], SETTINGS)
    assert valid.rollouts == (Rollout(" "),)


@pytest.mark.parametrize("label", [0.0, 0.5, 1.0])
def test_labels_inside(label: float) -> None:
    (valid,) = valid_groups([Group(Query("q"), (Rollout("r", label=label),))], SETTINGS)
    assert valid.rollouts[0].label == label


@pytest.mark.parametrize("label", [-1e-9, 1.0000001, float("nan"), float("inf"), float("-inf")])
def test_labels_outside(label: float) -> None:
    error = refused(group(), Group(Query("q"), (Rollout("r"), Rollout("r", label=label))))
    assert error.details == {"field": "groups[1].rollouts[1].label", "given": repr(label)}


def test_a_long_wrong_word_comes_back_short() -> None:
    error = refused(group(domain="x" * 5000))
    assert len(error.message) < 200
    assert "math, qa, code, text" in error.message


def test_experience_gets_ids_that_do_not_depend_on_the_call() -> None:
    rollouts = (
        StoredRollout("a"),
        StoredRollout("a"),
        StoredRollout("b", id="m"),
    )
    draft = Experience("q", dataset="mbpp", rollouts=rollouts)
    (first,) = valid_experience([draft], SETTINGS).queries
    (again,) = valid_experience([draft], SETTINGS).queries
    assert first == again
    assert first.id == query_id("q", Domain.CODE, "mbpp")
    assert len({stored.id for stored in first.rollouts}) == 3
    assert first.rollouts[2].id == "m"


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (StoredRollout("a", label_source="expert"), "label_source"),
        (StoredRollout("a", step=-1), "step"),
        (StoredRollout("a", step=2**63), "step"),
        (StoredRollout("a", policy="p\n"), "policy"),
        (StoredRollout("a", id=""), "id"),
    ],
)
def test_wrong_rollouts_to_store(draft: StoredRollout, field: str) -> None:
    good = StoredRollout("a", label=1.0, label_source="expert", step=2**63 - 1)
    with pytest.raises(InvalidArgument) as caught:
        valid_experience([Experience("q", rollouts=(good, draft))], SETTINGS)
    assert caught.value.details["field"] == f"queries[0].rollouts[1].{field}"


def test_late_labels() -> None:
    twice = [Label("a", 1.0, "s"), Label("b", 0.0, "s"), Label("a", 1.0, "s")]
    assert valid_labels(twice, SETTINGS) == (Label("a", 1.0, "s"), Label("b", 0.0, "s"))
    with pytest.raises(InvalidArgument, match="one label a rollout"):
        valid_labels([Label("a", 1.0, "s"), Label("a", 1.0, "other")], SETTINGS)
    with pytest.raises(InvalidArgument, match="holds 6 labels"):
        valid_labels([Label(str(number), 1.0, "s") for number in range(6)], SETTINGS)


def test_numbers_of_questions() -> None:
    assert valid_page(None, None) == (None, 100)
    assert valid_page("a", 1000) == ("a", 1000)
    assert valid_search("q", None, SETTINGS) == ("q", 8)
    assert valid_search("q", 100, SETTINGS) == ("q", 100)
    assert valid_training(TrainingOptions()) == TrainingOptions()
    assert valid_training(TrainingOptions(32, 10_000)) == TrainingOptions(32, 10_000)
    for seeds, epochs in ((0, 1), (33, 1), (1, 0), (1, 10_001), (10**400, 1)):
        with pytest.raises(InvalidArgument, match="whole number from 1 to") as caught:
            valid_training(TrainingOptions(seeds, epochs))
        assert len(caught.value.message) < 200


ALONE = Submission("run", "g", 2, 3, Query("2+2", dataset="gsm8k"), Rollout("four", label=0.5))


def test_a_rollout_sent_alone() -> None:
    valid = valid_submission(ALONE, SETTINGS)
    identity = query_id("2+2", Domain.MATH, "gsm8k")
    query = Query("2+2", identity, Domain.MATH, "gsm8k")
    assert valid == Submission(
        "run", "g", 2, 3, query, Rollout("four", label=0.5), 0, deadline_ms=60_000, allow_partial=False, no_label=False
    )
    assert valid.key == GroupKey("run", "g", 0)
    (group,) = valid_groups([Group(Query("2+2", dataset="gsm8k"), (Rollout("four"),))], SETTINGS)
    assert group.query == query, "the same query as in a group"
    chosen = replace(ALONE, group_attempt=7, deadline_ms=0, allow_partial=True, step=9)
    asked = valid_submission(replace(chosen, query=Query("2+2", "mine")), SETTINGS)
    assert (asked.key.group_attempt, asked.deadline_ms, asked.allow_partial, asked.step) == (7, 0, True, 9)
    assert (asked.query.id, asked.query.domain) == ("mine", Domain.TEXT)
    patient = Settings(rendezvous_deadline_ms=1500)
    assert valid_submission(ALONE, patient).deadline_ms == 1500
    assert valid_submission(replace(ALONE, deadline_ms=3_600_000), patient).deadline_ms == 3_600_000


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"run_id": " "}, "run_id"),
        ({"run_id": "r" * 257}, "run_id"),
        ({"group_id": ""}, "group_id"),
        ({"group_id": "g\n"}, "group_id"),
        ({"group_attempt": -1}, "group_attempt"),
        ({"group_attempt": 2**63}, "group_attempt"),
        ({"rollout_index": 3}, "rollout_index"),
        ({"rollout_index": -1}, "rollout_index"),
        ({"group_size": 0}, "group_size"),
        ({"group_size": 4}, "group_size"),
        ({"query": Query(" ")}, "query.text"),
        ({"query": Query("q", domain="maths")}, "query.domain"),
        ({"rollout": Rollout("r", label=1.5)}, "rollout.label"),
        ({"deadline_ms": -1}, "deadline_ms"),
        ({"deadline_ms": 3_600_001}, "deadline_ms"),
        ({"step": -1}, "step"),
    ],
)
def test_wrong_rollouts_sent_alone(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        valid_submission(replace(ALONE, **wrong), SETTINGS)
    assert caught.value.details["field"] == field


def test_a_shared_rendezvous_needs_redis() -> None:
    with pytest.raises(ValueError, match="set MEMREWARD_REDIS_URL"):
        Settings(rendezvous="redis")
    assert Settings(rendezvous="redis", redis_url="redis://localhost").rendezvous == "redis"
    assert Settings().rendezvous == "process"
