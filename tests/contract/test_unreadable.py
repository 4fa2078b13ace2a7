"""One rollout that cannot be read, in every endpoint over a real socket: it alone has no reward, with its reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from client.callers import KINDS, caller, url_of
from memreward_client import Experience, Group, Query, Rollout, StoredRollout, Submission
from serving import Address, serving

LIMIT = 300
BAD = {"too long": "x" * 301, "half a pair": "so 4 \ud83d", "the other half": "\ude00 is 4", "blank": " \n\t"}
REASONS = {
    "too long": "response has 301 characters: shorten it to 300",
    "half a pair": "half a surrogate pair",
    "the other half": "half a surrogate pair",
    "blank": "response is blank",
}
KIND = pytest.mark.parametrize("kind", BAD)
GOOD = "1234567"
"""What the fake engine rewards."""


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with serving(max_text_chars=LIMIT) as served:
        yield served


def post(address: Address, path: str, body: Any) -> httpx.Response:
    """The body as json.dumps writes it: half a surrogate pair is an escape."""
    return httpx.post(address.http + path, content=json.dumps(body), headers={"content-type": "application/json"})


@KIND
def test_rewards(address: Address, kind: str) -> None:
    groups = [
        {"query": {"text": "a?"}, "rollouts": [{"response": GOOD}, {"response": BAD[kind]}, {"response": GOOD}]},
        {"query": {"text": "b?"}, "rollouts": [{"response": GOOD}]},
    ]
    told = post(address, "/v1/rewards", {"groups": groups}).json()["groups"]
    assert [[each["status"] for each in group["rollouts"]] for group in told] == [["ok", "invalid", "ok"], ["ok"]]
    assert REASONS[kind] in told[0]["rollouts"][1]["reason"]
    assert [each["reward"] for each in told[0]["rollouts"]] == [1.0, None, 1.0]


@KIND
def test_label_plan_goes_on(address: Address, kind: str) -> None:
    rollouts = [{"response": GOOD}, {"response": BAD[kind]}]
    body = {"groups": [{"query": {"text": "a?"}, "rollouts": rollouts}], "budget": 1}
    assert post(address, "/v1/label-plan", body).status_code == 200


@KIND
def test_rollouts(address: Address, kind: str) -> None:
    body = {"run_id": "r", "group_id": kind, "rollout_index": 1, "group_size": 2, "query": {"text": "a?"}}
    told = post(address, "/v1/rollouts", body | {"rollout": {"response": BAD[kind]}}).json()
    assert (told["status"], told["reward"]) == ("invalid", None)
    assert REASONS[kind] in told["reason"]


@pytest.mark.parametrize("kind", ["too long", "half a pair", "the other half"])
def test_experience(address: Address, kind: str) -> None:
    rollouts = [{"response": BAD[kind]}, {"response": GOOD, "id": f"good {kind}"}]
    told = post(address, "/v1/experience", {"queries": [{"text": "a?", "id": kind, "rollouts": rollouts}]}).json()
    (refused,) = told["refused"]
    assert (refused["query_index"], refused["rollout_index"]) == (0, 0)
    assert REASONS[kind] in refused["reason"]
    assert (told["query_ids"], told["rollout_ids"]) == ([kind], [["", f"good {kind}"]])
    assert [each.response for each in address.engine.experience[kind].rollouts] == [GOOD]


@KIND
def test_openrlhf_answers_null_for_it_alone(address: Address, kind: str) -> None:
    body = {"query": ["q: " + GOOD, "q: " + BAD[kind], "p: " + GOOD], "prompts": ["q: ", "q: ", "p: "]}
    told = post(address, "/get_reward", body).json()
    assert told["rewards"] == told["scores"] == [1.0, None, 1.0]
    assert told["extra_logs"]["memreward_scored"] == [1.0, 0.0, 1.0]
    alone = post(address, "/get_reward", {"query": ["q: " + BAD[kind]], "prompts": ["q: "]})
    assert (alone.status_code, alone.json()["error"]["code"]) == (422, "not_scored")
    assert REASONS[kind] in alone.json()["error"]["message"]


@KIND
def test_slime(address: Address, kind: str) -> None:
    told = post(address, "/rm", {"prompt": "a?", "response": BAD[kind]}).json()["error"]
    assert (told["code"], told["details"]["status"]) == ("not_scored", "invalid")
    assert REASONS[kind] in told["message"]


OUTPUTS = {
    **{kind: [{"type": "message", "role": "assistant", "content": text}] for kind, text in BAD.items()},
    "no content": [{"type": "message", "role": "assistant", "tool_calls": []}],
    "an image": [{"type": "message", "role": "assistant", "content": [{"type": "input_image", "image_url": "x"}]}],
    "no item": [],
}


@pytest.mark.parametrize("kind", OUTPUTS)
@pytest.mark.parametrize("meets", [False, True])
def test_nemo_gym_masks_it(kind: str, meets: bool) -> None:
    with serving(max_text_chars=LIMIT, unscored_reward=0.0) as address:
        place = {"memreward": {"group_size": 2}, "_ng_group_id": kind, "_ng_rollout_index": 0} if meets else {}
        body = {"responses_create_params": {"input": "a?"}, "response": {"output": OUTPUTS[kind]}, **place}
        told = post(address, "/verify", body).json()
    assert (told["reward"], told["mask_sample"], told["memreward_result"]["status"]) == (0.0, True, "invalid")
    assert REASONS.get(kind, "response is blank") in told["memreward_result"]["reason"]
    assert told["response"] == body["response"], "what was sent goes back"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/rm", {"prompt": [{"role": "user", "content": [{"type": "image"}]}], "response": GOOD}),
        ("/rm", {"prompt": [{"role": "user"}], "response": GOOD}),
        ("/rm", {"prompt": "q" * 301, "response": GOOD}),
        ("/get_reward", {"query": [" " + GOOD], "prompts": [" "]}),
        ("/get_reward", {"query": ["q" * 301 + GOOD], "prompts": ["q" * 301]}),
        ("/verify", {"responses_create_params": {"input": []}, "response": {"output": OUTPUTS["no item"]}}),
    ],
)
def test_a_prompt_that_cannot_be_read_is_that_of_its_rollouts(address: Address, path: str, body: Any) -> None:
    told = post(address, path, body).json()["error"]
    assert (told["code"], told["details"]["status"]) == ("not_scored", "invalid")
    assert "query" in told["message"] or path == "/verify"


@pytest.mark.parametrize("transport", KINDS)
@KIND
def test_clients_send_it_and_get_the_others(address: Address, transport: str, kind: str) -> None:
    bad = BAD[kind]
    with caller(transport, url_of(address, transport)) as client:
        (group,) = client.score([Group(Query("a?"), [Rollout(GOOD), Rollout(bad)])]).groups
        alone = client.submit(Submission("r", f"{kind} {transport}", 0, 2, Query("a?"), Rollout(bad)))
        long = StoredRollout("x" * 301)
        receipt = client.add_experience([Experience("a?", id="c", rollouts=[StoredRollout(GOOD, id="g"), long])])
    assert [each.status for each in group.rollouts] == ["ok", "invalid"]
    assert REASONS[kind] in group.rollouts[1].reason
    assert (alone.status, alone.reward) == ("invalid", None)
    assert REASONS[kind] in alone.reason
    assert receipt.rollout_ids == (("g", ""),)
    assert [(each.query_index, each.rollout_index) for each in receipt.refused] == [(0, 1)]


@pytest.mark.parametrize(
    ("body", "rollouts"),
    [
        (r'[{"response": "a\ud83d"}, {"response": "1234567"}]', ["invalid", "ok"]),
        (r'[{"response": "\uDE00"}, {"response": "123\ud83d\ude00567"}]', ["invalid", "ok"]),
        (r'[{"response": "12 \\ud83d"}]', ["ok"]),
        (r'[{"response": "1234\\\ud83d"}, {"response": "1234567"}]', ["invalid", "ok"]),
        ('[{"response": "a\ud83d"}, {"response": "1234567"}]', ["invalid", "ok"]),
    ],
)
def test_half_a_pair_in_json(address: Address, body: str, rollouts: list[str]) -> None:
    text = f'{{"groups": [{{"query": {{"text": "a?"}}, "rollouts": {body}}}]}}'
    answer = httpx.post(address.http + "/v1/rewards", content=text.encode(errors="surrogatepass"))
    assert [each["status"] for each in answer.json()["groups"][0]["rollouts"]] == rollouts


@pytest.mark.parametrize("body", ['{"groups": [', r'{"groups": "\ud83d"}', r'{"groups\ud83d": []}', "\udc00"])
def test_what_is_wrong_with_the_whole_request_stays_an_error(address: Address, body: str) -> None:
    answer = httpx.post(address.http + "/v1/rewards", content=body.encode(errors="surrogatepass"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_argument")


def test_a_byte_order_mark_is_passed_over_or_told(address: Address) -> None:
    body = json.dumps({"groups": [{"query": {"text": "a?"}, "rollouts": [{"response": GOOD}]}]})
    told = httpx.post(address.http + "/v1/rewards", content=body.encode("utf-8-sig")).json()
    assert told["groups"][0]["rollouts"][0]["status"] == "ok"
    for encoding in ("utf-16", "utf-32"):
        answer = httpx.post(address.http + "/v1/rewards", content=body.encode(encoding))
        assert answer.status_code == 422
        assert f"byte order mark of {encoding.upper()}: send JSON in UTF-8" in answer.json()["error"]["message"]
    gym = {"responses_create_params": {"input": "a?"}, "response": {"output": OUTPUTS["no content"][:0]}}
    gym["response"]["output"] = [{"type": "message", "role": "assistant", "content": GOOD}]
    verified = httpx.post(address.http + "/verify", content=json.dumps(gym).encode("utf-8-sig"))
    assert json.loads(verified.content)["reward"] == 1.0
