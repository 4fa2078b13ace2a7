"""What OpenRLHF, slime and miles send, byte for byte, and what they read from the answer."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from memreward_proto.errors import ModelNotTrained, Overloaded
from memreward_proto.records import Domain, Query, Rollout
from memreward_service.store.identity import query_id
from service.http.trainers.trainer_requests import (
    OPENRLHF,
    OPENRLHF_EMPTY,
    QUESTION,
    SLIME,
    SLIME_MESSAGES,
    exchange,
    post,
    sent_json,
)
from serving import Address, serving


@pytest.fixture
def address() -> Iterator[Address]:
    with serving(api_keys="key-1", max_group_size=8) as served:
        yield served


def test_openrlhf(address: Address) -> None:
    status, headers, told = exchange(address, OPENRLHF)
    (groups,) = address.engine.scored
    query = Query(QUESTION, query_id(QUESTION, Domain.MATH, "gsm8k"), Domain.MATH, "gsm8k")
    assert groups[0].query == query
    # The response without its prompt and without the token that ended it; the reference answer is nowhere.
    assert groups[0].rollouts == (Rollout("3·12=36, 36-9=27. The answer is 27."),)
    assert (status, headers["content-type"]) == (200, "application/json")
    # OpenRLHF takes "rewards" and "scores" as they are into torch.tensor([…]), and each of "extra_logs".
    assert told == {
        "rewards": [1.0],
        "scores": [1.0],
        "extra_logs": {"memreward_scored": [1.0], "memreward_from_label": [0.0]},
    }


def test_openrlhf_without_a_rollout_needs_no_model(address: Address) -> None:
    address.engine.failures["score"] = ModelNotTrained("Train first.")
    assert exchange(address, OPENRLHF_EMPTY)[2] == {"rewards": [], "scores": [], "extra_logs": {}}
    assert address.engine.scored == []


def test_equal_prompts_of_one_call_are_one_group_and_answers_keep_their_places(address: Address) -> None:
    # The fake engine rewards 4 to 9 letters over a multiple of ten above 0.5.
    body = {"query": ["Q: one12345", "P: x", "Q: no", "P: 1234567"], "prompts": ["Q: ", "P: ", "Q: ", "P: "]}
    assert post(address, "/get_reward", body).json()["rewards"] == [1.0, 0.0, 0.0, 1.0]
    (groups,) = address.engine.scored
    assert [(group.query.text, [each.response for each in group.rollouts]) for group in groups] == [
        ("Q: ", ["one12345", "no"]),
        ("P: ", ["x", "1234567"]),
    ]


@pytest.mark.parametrize("request_bytes", [SLIME, SLIME_MESSAGES])
def test_slime_and_miles(address: Address, request_bytes: bytes) -> None:
    status, headers, told = exchange(address, request_bytes)
    (groups,) = address.engine.scored
    response = {SLIME: "3·12=36, 36-9=27. The answer is 27.", SLIME_MESSAGES: "36-9=27. #### 27"}[request_bytes]
    assert groups[0].query == Query(QUESTION, query_id(QUESTION, Domain.MATH, None), Domain.MATH, None)
    assert groups[0].rollouts == (Rollout(response),)
    # slime and miles take what `response.json()` returns as the reward, so it has to be a number of JSON.
    assert (status, headers["content-type"]) == (200, "application/json")
    assert isinstance(told, float)
    assert told == {SLIME: 1.0, SLIME_MESSAGES: 1.0}[request_bytes]


@pytest.mark.parametrize(("response", "said"), [("unsure", "abstain"), ("  <|im_end|>", "invalid")])
def test_what_could_not_be_scored_is_an_error_and_no_number(
    address: Address, caplog: pytest.LogCaptureFixture, response: str, said: str
) -> None:
    asked = {
        "/get_reward": {"query": ["q " + response], "prompts": ["q "]},
        "/rm": {"prompt": "q", "response": response},
    }
    for path, body in asked.items():
        with caplog.at_level(logging.WARNING):
            answer = post(address, path, body)
        told = answer.json()["error"]
        assert (answer.status_code, told["code"]) == (422, "not_scored")
        assert told["details"] == {"rollout_index": 0, "status": said}
        assert "MEMREWARD_UNSCORED_REWARD" in told["message"]
        assert f"{path}: a rollout could not be scored ({said}" in caplog.text


def test_the_stated_neutral_value(caplog: pytest.LogCaptureFixture) -> None:
    with serving(unscored_reward=0.25) as address, caplog.at_level(logging.WARNING):
        body = {"query": ["q label", "q unsure", "q  "], "prompts": ["q "] * 3}
        told = httpx.post(f"{address.http}/get_reward", json=body).json()
        assert told["rewards"] == told["scores"] == [1.0, 0.25, 0.25]
        assert told["extra_logs"]["memreward_scored"] == [1.0, 0.0, 0.0]
        assert httpx.post(f"{address.http}/rm", json={"prompt": "q", "response": "unsure"}).json() == 0.25
    assert caplog.text.count("answered 0.25 as set") == 3


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/get_reward", {"query": ["ab"], "prompts": []}, "prompts"),
        ("/get_reward", {"query": ["ab"]}, "prompts"),
        ("/get_reward", {"query": "ab", "prompts": ["a"]}, "query"),
        ("/get_reward", {"query": ["ab", "xb"], "prompts": ["a", "a"]}, "query[1]"),
        ("/get_reward", {"query": ["ab"] * 9, "prompts": ["a"] * 9}, "groups[0].rollouts"),
        ("/rm", {"prompt": "a"}, "response"),
        ("/rm?domain=maths", {"prompt": "a", "response": "b"}, "groups[0].query.domain"),
        ("/rm?domian=math", {"prompt": "a", "response": "b"}, "domian"),
        ("/get_reward?dataset=", {"query": ["ab"], "prompts": ["a"]}, "groups[0].query.dataset"),
    ],
)
def test_wrong_requests_name_their_field(address: Address, path: str, body: Any, field: str) -> None:
    answer = post(address, path, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_argument")
    assert answer.json()["error"]["details"]["field"] == field
    assert address.engine.scored == []


def test_fields_of_later_versions_are_left_alone(address: Address) -> None:
    body = sent_json(SLIME) | {"metadata": {"a": [1]}, "label": {"answer": 27}}
    assert post(address, "/rm", body).json() == 1.0


def test_the_key_of_the_url_opens_only_the_formats_of_trainers(address: Address) -> None:
    def basic(credentials: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}

    body = sent_json(SLIME)
    for header in ({}, basic("key-1"), basic("key-1:"), basic(":wrong"), {"Authorization": "Basic ?"}):
        assert httpx.post(f"{address.http}/rm", json=body, headers=header).status_code == 401
    assert httpx.post(f"{address.http}/rm", json=body, headers=basic("any:key-1")).status_code == 200
    assert httpx.post(f"{address.http}/v1/rewards", json={}, headers=basic(":key-1")).status_code == 401
    for path in ("/get_reward", "/verify", "/seed_session", "/aggregate_metrics"):
        assert httpx.post(f"{address.http}{path}", json={}).status_code == 401


def test_errors_of_the_engine_keep_their_status(address: Address) -> None:
    address.engine.failures["score"] = Overloaded("Full.", retry_after=1.2)
    status, headers, told = exchange(address, OPENRLHF)
    assert (status, headers["retry-after"], told["error"]["code"]) == (429, "2", "overloaded")
