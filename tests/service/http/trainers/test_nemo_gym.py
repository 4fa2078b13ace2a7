"""What an agent of NeMo Gym sends, byte for byte, and what it and NeMo RL read from the answer."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from memreward_proto.errors import Conflict
from memreward_proto.records import Domain, Query, Rollout, Submission
from memreward_service.store.identity import query_id
from service.http.trainers.trainer_requests import GYM_SEED, GYM_VERIFY, QUESTION, exchange, post, sent_json
from serving import Address, serving

MATH = Query(QUESTION, query_id(QUESTION, Domain.MATH, None), Domain.MATH, None)
ROLLOUT = Rollout("The answer is 27.", thinking="3·12=36, 36-9=27.")


@pytest.fixture
def address() -> Iterator[Address]:
    with serving(api_keys="key-1", max_group_size=8, rendezvous_deadline_ms=4000) as served:
        yield served


def row(**changes: Any) -> dict[str, Any]:
    """The recorded request with other fields; None leaves one out."""
    body = sent_json(GYM_VERIFY) | changes
    return {name: value for name, value in body.items() if value is not None}


def answered(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"output": [{"type": "message", "role": "assistant", "content": content}]}


def test_a_session_is_opened(address: Address) -> None:
    assert exchange(address, GYM_SEED)[::2] == (200, {})


def test_a_rollout_meets_its_group(address: Address) -> None:
    status, headers, told = exchange(address, GYM_VERIFY)
    assert address.engine.submitted == [
        Submission("nemo-gym", "group-7", 0, 2, MATH, ROLLOUT, 1, deadline_ms=4000, allow_partial=False, no_label=False)
    ]
    assert (status, headers["content-type"]) == (200, "application/json")
    # NeMo Gym takes the answer as the record of the rollout: everything that was sent, with a number `reward`.
    result = {"status": "ok", "probability": 0.7, "source": "gnn", "reason": None}
    assert told == sent_json(GYM_VERIFY) | {"reward": 1.0, "memreward_result": result}


def test_the_row_says_what_the_service_has_to_know(address: Address) -> None:
    task = {"dataset": "gsm8k", "group_size": 8, "run_id": "run-3", "deadline_ms": 50, "allow_partial": True}
    body = row(memreward=task, _ng_group_id=12, _ng_rollout_index=7, _ng_group_attempt=None)
    assert post(address, "/verify", body).json()["reward"] == 1.0
    query = Query(QUESTION, query_id(QUESTION, Domain.MATH, "gsm8k"), Domain.MATH, "gsm8k")
    assert address.engine.submitted == [
        Submission("run-3", "12", 7, 8, query, ROLLOUT, 0, deadline_ms=50, allow_partial=True, no_label=False)
    ]


@pytest.mark.parametrize("task", [None, {"domain": "math"}])
def test_without_a_group_size_a_rollout_is_scored_alone(address: Address, task: dict[str, str] | None) -> None:
    assert post(address, "/verify", row(memreward=task, _ng_group_id=None)).json()["reward"] == 1.0
    assert address.engine.submitted == []
    ((group,),) = address.engine.scored
    assert group.rollouts == (ROLLOUT,)
    assert group.query.domain is (Domain.TEXT if task is None else Domain.MATH)


def test_what_a_user_or_a_tool_says_is_no_part_of_the_response(address: Address) -> None:
    said = [("assistant", "It is 12."), ("user", "Or maybe 30?"), ("tool", "31")]
    output = [{"type": "message", "role": role, "content": text} for role, text in said]
    assert post(address, "/verify", row(memreward={"domain": "math"}, response={"output": output})).status_code == 200
    assert address.engine.scored[0][0].rollouts == (Rollout("It is 12."),)


def test_with_observability_on_paths_have_a_prefix(address: Address) -> None:
    assert post(address, "/ng-rollout/3-0/verify", row()).json()["reward"] == 1.0
    assert post(address, "/ng-rollout/3-0/seed_session", row()).json() == {}


@pytest.mark.parametrize(("text", "said"), [("unsure", "abstain"), (" ", "invalid")])
def test_what_could_not_be_scored_is_an_error_and_no_number(address: Address, text: str, said: str) -> None:
    answer = post(address, "/verify", row(response=answered(text)))
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "not_scored")
    assert answer.json()["error"]["details"]["status"] == said


def test_the_stated_neutral_value_comes_with_a_mask() -> None:
    with serving(unscored_reward=0.5) as address:
        task = {"group_size": 2, "deadline_ms": 0}
        told = post(address, "/verify", row(memreward=task, instance_config={"image": "a"})).json()
    assert (told["reward"], told["memreward_result"]["status"]) == (0.5, "timeout")
    assert (told["mask_sample"], told["_ng_failure_class"]) == (True, "memreward_timeout")
    # NeMo RL masks a sample by result["instance_config"]["mask_sample"].
    assert told["instance_config"] == {"image": "a", "mask_sample": True}
    assert told["response"] == sent_json(GYM_VERIFY)["response"]


def test_numbers_go_back_to_their_last_digit(address: Address) -> None:
    body = json.dumps(row()).replace('"_ng_task_index": 3', '"big": 12345678901234567890123, "small": 1e-320')
    answer = httpx.post(f"{address.http}/verify", content=body + "\n", headers={"Authorization": "Bearer key-1"})
    assert '"big": 12345678901234567890123, "small": 1e-320' in answer.text
    assert answer.json()["reward"] == 1.0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"_ng_group_id": None}, "memreward.group_size"),
        ({"_ng_rollout_index": None}, "memreward.group_size"),
        ({"_ng_rollout_index": 2}, "rollout_index"),
        ({"memreward": {"group_size": 9}}, "group_size"),
        ({"memreward": {"groupsize": 2}}, "memreward.groupsize"),
        ({"memreward": {"domain": "maths"}}, "groups[0].query.domain"),
        ({"response": None}, "response"),
    ],
)
def test_wrong_rows_name_their_field(address: Address, changes: dict[str, Any], field: str) -> None:
    answer = post(address, "/verify", row(**changes))
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_argument")
    assert answer.json()["error"]["details"]["field"] == field
    assert address.engine.submitted == address.engine.scored == []


def test_a_conflict_is_told(address: Address) -> None:
    address.engine.failures["submit"] = Conflict("Other content.")
    assert post(address, "/verify", row()).status_code == 409


def test_an_agent_that_leaves_ends_its_wait(address: Address) -> None:
    address.engine.siblings = asyncio.Event()

    def leaving() -> None:
        with pytest.raises(httpx.ReadTimeout):
            post(address, "/verify", row(), timeout=httpx.Timeout(30, read=0.5))

    caller = threading.Thread(target=leaving)
    caller.start()
    assert address.engine.left.acquire(timeout=30)
    caller.join(30)


def test_metrics_are_the_mean_reward(address: Address) -> None:
    rows = [{"_ng_task_index": 0, "reward": 1.0}, {"_ng_task_index": 0, "reward": 0}, {"_ng_task_index": 1}]
    told = post(address, "/aggregate_metrics", {"verify_responses": rows}).json()
    assert told == {
        "group_level_metrics": [],
        "agent_metrics": {"mean/reward": 0.5},
        "key_metrics": {"mean/reward": 0.5},
    }
    assert post(address, "/aggregate_metrics", {"verify_responses": []}).json()["agent_metrics"] == {}
