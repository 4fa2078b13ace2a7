"""Every error has the same code, message and details over both transports, and the statuses of the one
table."""

from __future__ import annotations

import json
from typing import Any

import grpc
import httpx
import pytest

from memreward_proto import reward_pb2 as pb
from memreward_proto import reward_pb2_grpc
from memreward_proto.errors import (
    ERROR_TABLE,
    Conflict,
    DeadlineExceeded,
    Internal,
    MemRewardError,
    ModelNotTrained,
    NotEnoughLabels,
    Overloaded,
    Unavailable,
)  # fmt: skip
from serving import serving

R = {"response": "r"}
Q = {"text": "t"}


def group(**fields: Any) -> dict[str, Any]:
    return {"query": Q, "rollouts": [R], **fields}


def stored(**fields: Any) -> dict[str, Any]:
    return {"queries": [{"text": "t", "rollouts": [{**R, **fields}]}]}


REWARDS = {
    "groups": {"groups": []},
    "groups[0].rollouts": {"groups": [{"query": Q, "rollouts": []}]},
    "groups[1].rollouts": {"groups": [group(), group(rollouts=[R] * 9)]},
    "groups[0].query": {"groups": [{"rollouts": [R]}]},
    "groups[0].query.text": {"groups": [group(query={"text": " \n"})]},
    "groups[0].query.domain": {"groups": [group(query={"text": "t", "domain": "maths"})]},
    "groups[0].query.dataset": {"groups": [group(query={"text": "t", "dataset": ""})]},
    "groups[0].query.id": {"groups": [group(query={"text": "t", "id": "x" * 257})]},
    "groups[0].group_id": {"groups": [group(group_id="a\nb")]},
    "groups[1].group_id": {"groups": [group(group_id="a"), group(group_id="a")]},
    "groups[0].rollouts[1].label": {"groups": [group(rollouts=[R, {"response": "r", "label": 1.5}])]},
    "groups[0].rollouts[0].label": {"groups": [group(rollouts=[{"response": "r", "label": -0.1}])]},
    **{
        f"groups[0].rollouts[1].{field}": {"groups": [group(rollouts=[R, {"response": "r", "behaviour": behaviour}])]}
        for field, behaviour in {
            "behaviour": [],
            "behaviour[1]": [["v"], []],
            "behaviour[0][1]": [["v", ""], ["v"]],
            "behaviour[1][0]": [["v"], ["v" * 33]],
            "behaviour[0][0]": [["v\n"]],
            "behaviour[0][2]": [["v", " ~", "ä"]],
        }.items()
    },
}
LARGE = [[["v"]] * 65, [["v"] * 4097], [["v"] * 2049] * 2]
OTHERS = [
    ("/v1/experience", "AddExperience", "queries", {"queries": []}),
    ("/v1/experience", "AddExperience", "queries", {"queries": [{"text": "t", "rollouts": [R] * 7}] * 3}),
    ("/v1/experience", "AddExperience", "queries[0].rollouts", {"queries": [{"text": "t", "rollouts": []}]}),
    ("/v1/experience", "AddExperience", "queries[0].text", {"queries": [{"text": "", "rollouts": [R]}]}),
    ("/v1/experience", "AddExperience", "queries[0].rollouts[0].step", stored(step=-1)),
    ("/v1/experience", "AddExperience", "queries[0].rollouts[0].policy", stored(policy=" ")),
    ("/v1/experience", "AddExperience", "queries[0].rollouts[0].label_source", stored(label_source="expert")),
    (
        "/v1/experience",
        "AddExperience",
        "queries[0].rollouts[1].id",
        {"queries": [{"text": "t", "rollouts": [{"id": "a", **R}, {"id": "a", **R}]}]},
    ),
    ("/v1/prune", "Prune", "rollouts_per_query", {"rollouts_per_query": 0}),
    ("/v1/prune", "Prune", "days", {"days": 0.0}),
    ("/v1/prune", "Prune", "max_bytes", {"max_bytes": -1}),
    ("/v1/labels", "AddLabels", "labels", {"labels": []}),
    (
        "/v1/labels",
        "AddLabels",
        "labels[0].label",
        {"labels": [{"rollout_id": "a", "label": 2, "source": "s"}]},
    ),
    ("/v1/labels", "AddLabels", "labels[0].label", {"labels": [{"rollout_id": "a", "source": "s"}]}),
    ("/v1/labels", "AddLabels", "labels[0].source", {"labels": [{"rollout_id": "a", "label": 1}]}),
    ("/v1/labels", "AddLabels", "labels[0].rollout_id", {"labels": [{"label": 1, "source": "s"}]}),
    (
        "/v1/labels",
        "AddLabels",
        "labels[1].rollout_id",
        {"labels": [{"rollout_id": "a", "label": label, "source": "s"} for label in (0, 1)]},
    ),
    ("/v1/training", "StartTraining", "seeds", {"seeds": 0}),
    ("/v1/training", "StartTraining", "epochs", {"epochs": 10_001}),
]


ROLLOUT = {"run_id": "r", "group_id": "g", "rollout_index": 0, "group_size": 2, "query": Q, "rollout": R}
ROLLOUTS = [
    ("run_id", {"run_id": " "}),
    ("run_id", {"run_id": "x" * 257}),
    ("group_id", {"group_id": ""}),
    ("group_id", {"group_id": "a\tb"}),
    ("group_attempt", {"group_attempt": -1}),
    ("rollout_index", {"rollout_index": -1}),
    ("rollout_index", {"rollout_index": 2}),
    ("group_size", {"group_size": 0}),
    ("group_size", {"group_size": 9}),
    ("step", {"step": -1}),
    ("deadline_ms", {"deadline_ms": -1}),
    ("deadline_ms", {"deadline_ms": 3_600_001}),
    ("query.text", {"query": {"text": ""}}),
    ("query.domain", {"query": {"text": "t", "domain": "maths"}}),
    ("query.id", {"query": {"text": "t", "id": ""}}),
    ("rollout.label", {"rollout": {"response": "r", "label": 1.5}}),
    ("rollout.behaviour", {"rollout": {"response": "r", "behaviour": []}}),
    ("no_label", {"rollout": {"response": "r", "label": 0}, "no_label": True}),
    ("label_budget.share", {"label_budget": {"labels": 3}}),
    ("label_budget.share", {"label_budget": {"share": 0}}),
    ("label_budget.share", {"label_budget": {"share": -0.1}}),
    ("label_budget.share", {"label_budget": {"share": 1.0001}}),
    ("label_budget.labels", {"label_budget": {"share": 0.17, "labels": 0}}),
    ("label_budget.deadline_ms", {"label_budget": {"share": 0.17, "deadline_ms": 0}}),
    ("label_budget.deadline_ms", {"label_budget": {"share": 0.17, "deadline_ms": 3_600_001}}),
]
BUDGET = {"share": 0.17}
CHARGES = [
    ("run_id", {"label_budget": BUDGET}),
    ("run_id", {"step": 3}),
    ("run_id", {"run_id": " ", "label_budget": BUDGET}),
    ("label_budget", {"run_id": "r"}),
    ("label_budget", {"run_id": "r", "step": 3}),
    ("label_budget.share", {"run_id": "r", "label_budget": {}}),
    ("label_budget.share", {"run_id": "r", "label_budget": {"share": 1.5}}),
    ("label_budget.labels", {"run_id": "r", "label_budget": {"share": 1, "labels": -1}}),
    ("step", {"run_id": "r", "step": -1, "label_budget": BUDGET}),
    ("groups[1].group_id", {"run_id": "r", "label_budget": BUDGET, "groups": [group(group_id="a"), group()]}),
]


def agree(http: Any, rpc: Any, code: str) -> dict[str, Any]:
    """Both are errors of `code`, with the statuses of the table and the same object."""
    assert http[0] == rpc[0] == "error"
    assert (http[1], rpc[1]) == ERROR_TABLE[code]
    assert http[2] == rpc[2]
    assert http[2]["code"] == code
    told: dict[str, Any] = http[2]
    return told


@pytest.mark.parametrize("field", REWARDS)
def test_wrong_rewards(both: Any, field: str) -> None:
    told = agree(*both.post("/v1/rewards", "ScoreRewards", REWARDS[field]), "invalid_argument")
    assert told["details"]["field"] == field
    assert both.engine.scored == []


@pytest.mark.parametrize("field", REWARDS)
def test_wrong_groups_of_a_label_plan(both: Any, field: str) -> None:
    body = {**REWARDS[field], "budget": 1}
    told = agree(*both.post("/v1/label-plan", "PlanLabels", body), "invalid_argument")
    assert told["details"]["field"] == field


@pytest.mark.parametrize("budget", [{}, {"budget": 0}, {"budget": -1}, {"budget": 21}])
def test_a_wrong_budget(both: Any, budget: dict[str, int]) -> None:
    told = agree(*both.post("/v1/label-plan", "PlanLabels", {"groups": [group()], **budget}), "invalid_argument")
    assert told["details"] == ({"field": "budget", "least": 1, "limit": 20} if budget else {"field": "budget"})
    assert both.engine.scored == []


@pytest.mark.parametrize(("field", "fields"), CHARGES)
def test_wrong_charges_of_a_label_plan(both: Any, field: str, fields: dict[str, Any]) -> None:
    body = {"groups": [group(group_id="a")], "budget": 1} | fields
    told = agree(*both.post("/v1/label-plan", "PlanLabels", body), "invalid_argument")
    assert told["details"]["field"] == field
    assert field in told["message"]
    assert both.engine.charged == []


@pytest.mark.parametrize("behaviour", LARGE)
def test_a_behaviour_over_the_limit(both: Any, behaviour: list[list[str]]) -> None:
    told = agree(*both.post("/v1/experience", "AddExperience", stored(behaviour=behaviour)), "invalid_argument")
    assert told["details"]["field"].startswith("queries[0].rollouts[0].behaviour")
    assert told["details"]["limit"] == (64 if len(behaviour) == 65 else 4096)
    assert both.engine.experience == {}


def test_a_behaviour_up_to_the_limit(both: Any) -> None:
    body = {
        "queries": [{"text": "t", "rollouts": [{**R, "behaviour": [["v" * 32] * 64] * 64}, {**R, "behaviour": None}]}]
    }
    assert both.http.post("/v1/experience", json=body).json()["rollouts_added"] == 2
    (experience,) = both.engine.experience.values()
    first, second = (each.behaviour for each in experience.rollouts)
    assert (first, second) == ((("v" * 32,) * 64,) * 64, None)


@pytest.mark.parametrize(("field", "fields"), ROLLOUTS)
def test_wrong_rollouts(both: Any, field: str, fields: dict[str, Any]) -> None:
    told = agree(*both.post("/v1/rollouts", "SubmitRollout", ROLLOUT | fields), "invalid_argument")
    assert told["details"]["field"] == field
    assert both.engine.submitted == []


@pytest.mark.parametrize("field", ROLLOUT)
def test_a_rollout_without_a_required_field(both: Any, field: str) -> None:
    body = {name: value for name, value in ROLLOUT.items() if name != field}
    told = agree(*both.post("/v1/rollouts", "SubmitRollout", body), "invalid_argument")
    assert told["details"] == {"field": field}
    assert both.engine.submitted == []


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_label_that_is_no_number(both: Any, number: float) -> None:
    http = both.http.post("/v1/rewards", content=json.dumps({"groups": [group(rollouts=[{**R, "label": number}])]}))
    told = http.json()["error"]
    request = pb.ScoreRewardsRequest(groups=[pb.Group(query=pb.Query(text="t"), rollouts=[pb.Rollout(label=number)])])
    with pytest.raises(grpc.RpcError) as caught:
        both.stub.ScoreRewards(request, timeout=30)
    assert json.loads(dict(caught.value.trailing_metadata())["memreward-error-bin"]) == told
    assert told["details"] == {"field": "groups[0].rollouts[0].label", "given": repr(number)}


def test_more_rollouts_than_a_request_may_hold(both: Any) -> None:
    body = {"groups": [group(rollouts=[R] * 7)] * 3}
    told = agree(*both.post("/v1/rewards", "ScoreRewards", body), "invalid_argument")
    assert told["details"] == {"field": "groups", "limit": 20, "given": 21}


@pytest.mark.parametrize(("path", "call", "field", "body"), OTHERS)
def test_wrong_writes_store_nothing(both: Any, path: str, call: str, field: str, body: dict[str, Any]) -> None:
    told = agree(*both.post(path, call, body), "invalid_argument")
    assert told["details"]["field"] == field
    assert both.engine.experience == {}
    assert both.engine.labels == []


@pytest.mark.parametrize(
    ("path", "call", "fields", "code", "field"),
    [
        ("/v1/queries?text=%20", "FindQueries", {"text": " "}, "invalid_argument", "text"),
        ("/v1/queries", "FindQueries", {}, "invalid_argument", "text"),
        ("/v1/queries?text=t&k=101", "FindQueries", {"text": "t", "k": 101}, "invalid_argument", "k"),
        ("/v1/queries?text=t&k=0", "FindQueries", {"text": "t", "k": 0}, "invalid_argument", "k"),
        ("/v1/experience?limit=1001", "ListExperience", {"limit": 1001}, "invalid_argument", "limit"),
        ("/v1/experience?after=", "ListExperience", {"after": ""}, "invalid_argument", "after"),
        ("/v1/queries/none", "GetQuery", {"query_id": "none"}, "not_found", None),
        ("/v1/queries/%20", "GetQuery", {"query_id": " "}, "invalid_argument", "query_id"),
        ("/v1/training/none", "GetTrainingJob", {"job_id": "none"}, "not_found", None),
        ("/v1/label-spending", "GetLabelSpending", {}, "invalid_argument", "run_id"),
        ("/v1/label-spending?run_id=%20", "GetLabelSpending", {"run_id": " "}, "invalid_argument", "run_id"),
    ],
)
def test_wrong_questions(both: Any, path: str, call: str, fields: dict[str, Any], code: str, field: str | None) -> None:
    told = agree(*both.get(path, call, **fields), code)
    assert told["details"].get("field") == field


def test_not_found_and_conflict_from_the_engine(both: Any) -> None:
    http = both.http.post("/v1/models/m-9/activate")
    rpc = both.rpc("ActivateModel", {"model_version": "m-9"})
    agree(("error", http.status_code, http.json()["error"]), rpc, "not_found")
    agree(*both.post("/v1/training", "StartTraining", {"seeds": 7}), "conflict")
    body = {"labels": [{"rollout_id": "none", "label": 1, "source": "s"}]}
    assert agree(*both.post("/v1/labels", "AddLabels", body), "not_found")["details"] == {"rollout_id": "none"}


@pytest.mark.parametrize(
    "error",
    [
        Conflict("c", a=1),
        DeadlineExceeded("d"),
        ModelNotTrained("Train first: POST /v1/training."),
        NotEnoughLabels("n", needed=40, given=12),
        Overloaded("o", retry_after=2.5, limit=1),
        Unavailable("ü ☃"),
    ],
)
def test_errors_of_the_engine(both: Any, error: MemRewardError) -> None:
    both.engine.failures["score"] = error
    told = agree(*both.post("/v1/rewards", "ScoreRewards", {"groups": [group()]}), error.code)
    assert (told["message"], told["details"]) == (error.message, error.details)
    both.engine.failures["plan_labels"] = error
    plan = {"groups": [group()], "budget": 1}
    assert agree(*both.post("/v1/label-plan", "PlanLabels", plan), error.code) == told
    both.engine.failures["label_spending"] = error
    spending = both.get("/v1/label-spending?run_id=r", "GetLabelSpending", run_id="r")
    assert agree(*spending, error.code) == told
    both.engine.failures["submit"] = error
    assert agree(*both.post("/v1/rollouts", "SubmitRollout", ROLLOUT), error.code) == told


@pytest.mark.parametrize("error", [ValueError("secret path /root"), Internal("secret path /root")])
def test_an_unknown_error_shows_only_a_reference(both: Any, error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    both.engine.failures = {"score": error, "memory_status": error}
    http, rpc = both.post("/v1/rewards", "ScoreRewards", {"groups": [group()]})
    assert (http[1], rpc[1]) == ERROR_TABLE["internal"]
    for told in (http[2], rpc[2]):
        assert "secret" not in json.dumps(told)
        assert told["details"]["reference"] in told["message"]
        assert told["details"]["reference"] in caplog.text
    assert "secret path /root" in caplog.text
    http, rpc = both.get("/v1/memory", "GetMemory")
    assert http[2]["code"] == rpc[2]["code"] == "internal"


def test_keys_open_both_transports() -> None:
    with serving(api_keys="right, second ,") as address:
        channel = grpc.insecure_channel(address.grpc)
        stub = reward_pb2_grpc.RewardServiceStub(channel)
        with httpx.Client(base_url=address.http) as http, channel:
            for header in (
                None,
                "Bearer wrong",
                "Bearer",
                "Basic right",
                "right",
                "Bearer righ",
                "Bearer right, second",
            ):
                answer = http.get("/v1/memory", headers={} if header is None else {"Authorization": header})
                with pytest.raises(grpc.RpcError) as caught:
                    metadata = () if header is None else (("authorization", header),)
                    stub.GetMemory(pb.GetMemoryRequest(), metadata=metadata, timeout=30)
                told = json.loads(dict(caught.value.trailing_metadata())["memreward-error-bin"])
                assert (answer.status_code, caught.value.code().name) == ERROR_TABLE["unauthenticated"]
                assert answer.json()["error"] == told
                assert answer.headers["WWW-Authenticate"] == "Bearer"
            for header in ("Bearer right", "bearer second"):
                assert http.get("/v1/memory", headers={"Authorization": header}).status_code == 200
                memory = stub.GetMemory(pb.GetMemoryRequest(), metadata=(("authorization", header),), timeout=30)
                assert memory.memory_version == 9
            for path in ("/healthz", "/readyz", "/metrics"):
                assert http.get(path).status_code == 200
            for path in (
                "/v1/rewards",
                "/v1/label-plan",
                "/v1/rollouts",
                "/v1/experience",
                "/v1/labels",
                "/v1/training",
                "/v1/models/m-1/activate",
            ):
                assert http.post(path, content=b"{}").status_code == 401


def test_a_message_over_the_limit() -> None:
    with serving(max_body_bytes=2048) as address:
        body = {"groups": [group(query={"text": "x" * 4000})]}
        answer = httpx.post(f"{address.http}/v1/rewards", json=body)
        assert answer.status_code == 413
        assert answer.json()["error"]["details"] == {"limit": 2048}
        with grpc.insecure_channel(address.grpc) as channel, pytest.raises(grpc.RpcError) as caught:
            groups = [pb.Group(query=pb.Query(text="x" * 4000), rollouts=[pb.Rollout(response="r")])]
            reward_pb2_grpc.RewardServiceStub(channel).ScoreRewards(pb.ScoreRewardsRequest(groups=groups), timeout=30)
        assert caught.value.code().name == ERROR_TABLE["too_large"][1]
        assert address.engine.scored == []
