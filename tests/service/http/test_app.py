"""What only HTTP has: bodies, paths, headers, pages for people."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import httpx
import pytest
from pydantic import TypeAdapter

from fake_engine import FakeEngine
from memreward_proto.errors import ERROR_TABLE, Overloaded
from memreward_proto.records import LabelPlan, LabelSpending, PruneReport, RolloutReward, Scored
from memreward_service.engine.engine import Engine
from memreward_service.error_objects import ErrorReply
from memreward_service.http.app import application
from memreward_service.http.examples import (
    ERRORS,
    EXPERIENCE,
    LABEL_PLAN,
    LABEL_SPENDING,
    LABELS,
    PLANNED_LABELS,
    PRUNE,
    PRUNED,
    REWARDS,
    ROLLOUT,
    ROLLOUT_ANSWERS,
    ROLLOUT_REQUESTED,
    SCORED,
    TRAINING,
)  # fmt: skip
from memreward_service.settings import Settings

GOOD: dict[str, Any] = {"groups": [{"query": {"text": "2+2"}, "rollouts": [{"response": "four"}]}]}


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def http(engine: FakeEngine) -> AsyncIterator[httpx.AsyncClient]:
    app = application(cast(Engine, engine), Settings(max_body_bytes=2048))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def refused(http: httpx.AsyncClient, body: str | bytes, path: str = "/v1/rewards") -> dict[str, Any]:
    answer = await http.post(path, content=body)
    assert answer.status_code == 422
    told = ErrorReply.model_validate_json(answer.content).error
    assert told.code == "invalid_argument"
    return {"message": told.message, "field": told.details["field"]}


def with_rollout(text: str) -> str:
    return '{"groups":[{"query":{"text":"t"},"rollouts":[{"response":"r"},' + text + "]}]}"


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        (with_rollout('{"response":"r","lable":1}'), "groups[0].rollouts[1].lable", "correct its name"),
        (with_rollout('{"respones":"r"}'), "groups[0].rollouts[1].respones", "correct its name"),
        (with_rollout('{"thinking":"r"}'), "groups[0].rollouts[1].response", "missing"),
        (with_rollout('{"response":"r","label":"1"}'), "groups[0].rollouts[1].label", "valid number"),
        (with_rollout('{"response":"r","label":true}'), "groups[0].rollouts[1].label", "valid number"),
        (with_rollout('{"response":"r","label":NaN}'), "groups[0].rollouts[1].label", "from 0 (wrong) to 1"),
        (
            with_rollout('{"response":"r","label":1e999}'),
            "groups[0].rollouts[1].label",
            "from 0 (wrong) to 1",
        ),
        (with_rollout('{"response":"r","behaviour":["v1"]}'), "groups[0].rollouts[1].behaviour[0]", "valid array"),
        (with_rollout('{"response":"r","behaviour":[[1]]}'), "groups[0].rollouts[1].behaviour[0][0]", "valid string"),
        (with_rollout('{"response":null}'), "groups[0].rollouts[1].response", "valid string"),
        (with_rollout('{"response":7}'), "groups[0].rollouts[1].response", "valid string"),
        (with_rollout('"r"'), "groups[0].rollouts[1]", "object"),
        ('{"groups":{}}', "groups", "valid array"),
        ('{"groups":[],"Explain":true}', "Explain", "correct its name"),
        ("{}", "groups", "missing"),
        ("[]", "body", "object"),
        ("", "body", "not JSON"),
        ('{"groups":[', "body", "not JSON"),
        ("groups=1", "body", "not JSON"),
        (b'{"groups":"\xff\xfe"}', "body", "not JSON"),
        ("[" * 2000, "body", "not JSON"),
    ],
)
async def test_wrong_bodies_name_their_field(
    http: httpx.AsyncClient, engine: FakeEngine, body: str | bytes, field: str, said: str
) -> None:
    told = await refused(http, body)
    assert told["field"] == field
    assert said in told["message"]
    assert engine.scored == []


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"label_budget": 0.17}, "label_budget", "object"),
        ({"label_budget": {"share": "17%"}}, "label_budget.share", "valid number"),
        ({"label_budget": {"share": 0.17, "labels": 1.5}}, "label_budget.labels", "valid integer"),
        ({"label_budget": {"share": 0.17, "deadline": 5}}, "label_budget.deadline", "correct its name"),
        ({"no_label": 1}, "no_label", "valid boolean"),
    ],
)
async def test_wrong_label_budgets_name_their_field(
    http: httpx.AsyncClient, engine: FakeEngine, fields: dict[str, Any], field: str, said: str
) -> None:
    told = await refused(http, json.dumps(ROLLOUT | fields), "/v1/rollouts")
    assert told["field"] == field
    assert said in told["message"]
    assert engine.submitted == []


@pytest.mark.parametrize(
    ("budget", "said"), [("", "missing"), (',"budget":"3"', "valid integer"), (',"budget":1.5', "valid integer")]
)
async def test_a_budget_is_a_whole_number(http: httpx.AsyncClient, budget: str, said: str) -> None:
    told = await refused(http, json.dumps(GOOD)[:-1] + budget + "}", "/v1/label-plan")
    assert told["field"] == "budget"
    assert said in told["message"]


async def test_wrong_parameters_behind_the_mark(http: httpx.AsyncClient) -> None:
    for path, field in (
        ("/v1/queries?text=a&k=two", "k"),
        ("/v1/experience?lmit=5", "lmit"),
        ("/v1/queries?k=2", "text"),
        ("/v1/label-spending", "run_id"),
    ):
        answer = await http.get(path)
        assert answer.status_code == 422
        assert answer.json()["error"]["details"] == {"field": field}


async def test_a_body_over_the_limit_is_not_read_to_its_end(http: httpx.AsyncClient) -> None:
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b" " * 512

    answer = await http.post("/v1/rewards", content=pieces())
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"
    assert sent == 5
    sent = 0
    answer = await http.post("/v1/rewards", content=pieces(), headers={"Content-Length": str(512_000)})
    assert answer.status_code == 413
    assert sent <= 1


async def test_a_body_of_exactly_the_limit_passes(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/rewards", content=json.dumps(GOOD).ljust(2048))
    assert answer.status_code == 200
    assert (await http.post("/v1/rewards", content=json.dumps(GOOD).ljust(2049))).status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", "/nothing", 404),
        ("GET", "/v1/rewards", 405),
        ("DELETE", "/v1/models", 405),
    ],
)
async def test_unknown_routes_and_methods(http: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    answer = await http.request(method, path)
    assert answer.status_code == status
    told = ErrorReply.model_validate_json(answer.content).error
    assert told.code == "not_found"
    assert f"{method} {path}" in told.message
    assert ("allow" in answer.headers) == (status == 405)


async def test_retry_after_is_whole_seconds_rounded_up(http: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.failures["score"] = Overloaded("Full.", retry_after=1.2)
    answer = await http.post("/v1/rewards", json=GOOD)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    assert answer.json()["error"]["details"] == {"retry_after": 1.2}


async def test_an_unknown_error_is_logged_under_the_reference_the_caller_gets(
    http: httpx.AsyncClient, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.failures["score"] = RuntimeError("a secret")
    answer = await http.post("/v1/rewards", json=GOOD)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    (line,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert answer.json()["error"]["details"]["reference"] in line.getMessage()
    assert "a secret" in caplog.text


async def test_live_ready_and_root(http: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.not_ready = "Train a model first: POST /v1/training."
    assert (await http.get("/healthz")).status_code == 200
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.text) == (503, engine.not_ready + "\n")
    engine.not_ready = None
    assert (await http.get("/readyz")).status_code == 200
    answer = await http.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")
    assert (await http.get("/docs")).status_code == 200


async def test_metrics_count_requests_and_rollouts(http: httpx.AsyncClient) -> None:
    async def counted(line: str) -> float:
        page = (await http.get("/metrics")).text
        return sum(float(row.rsplit(" ", 1)[1]) for row in page.splitlines() if row.startswith(line))

    lines = {
        'memreward_requests_total{code="ok",route="/v1/rewards",transport="http"}': 1,
        'memreward_requests_total{code="invalid_argument",route="/v1/rewards",transport="http"}': 1,
        'memreward_requests_total{code="not_found",route="unmatched",transport="http"}': 1,
        'memreward_requests_total{code="not_found",route="/v1/queries/{query_id:path}",transport="http"}': 1,
        'memreward_request_seconds_count{route="/v1/rewards",transport="http"}': 2,
        'memreward_rollouts_scored_total{source="gnn",status="ok"}': 2,
        'memreward_rollouts_scored_total{source="label",status="ok"}': 1,
        'memreward_rollouts_scored_total{source="none",status="invalid"}': 1,
    }
    before = {line: await counted(line) for line in lines}
    rollouts = [{"response": "a"}, {"response": "b"}, {"response": "c", "label": 1}, {"response": ""}]
    await http.post("/v1/rewards", json={"groups": [{"query": {"text": "t"}, "rollouts": rollouts}]})
    await http.post("/v1/rewards", content="{")
    await http.get("/v1/nothing")
    await http.get("/v1/queries/none")
    assert {line: await counted(line) - before[line] for line in lines} == lines


async def test_openapi_shows_bodies_that_work_and_every_error(http: httpx.AsyncClient, engine: FakeEngine) -> None:
    page = (await http.get("/openapi.json")).json()
    schemas = page["components"]["schemas"]
    assert schemas["Rollout"]["additionalProperties"] is False
    assert "true reward" in schemas["Rollout"]["properties"]["label"]["description"]
    references = [value for value in _references(page) if value.startswith("#/components/schemas/")]
    assert {value.rsplit("/", 1)[1] for value in references} <= set(schemas)

    shown = {}
    for path, methods in page["paths"].items():
        body = methods.get("post", {}).get("requestBody")
        if body is not None:
            shown[path] = body["content"]["application/json"]["example"]
    own = {path for path in shown if path.startswith("/v1/")}
    assert set(shown) - own == {"/get_reward", "/rm", "/verify", "/aggregate_metrics"}
    assert {path: shown[path] for path in own} == {
        "/v1/rewards": REWARDS, "/v1/rollouts": ROLLOUT, "/v1/experience": EXPERIENCE,
        "/v1/label-plan": LABEL_PLAN, "/v1/labels": LABELS, "/v1/training": TRAINING, "/v1/prune": PRUNE,
    }  # fmt: skip
    for path in shown:
        answer = await http.post(path, json=shown[path])
        assert answer.is_success, answer.text
        assert str(answer.status_code) in page["paths"][path]["post"]["responses"]
    TypeAdapter(Scored).validate_json(json.dumps(SCORED))
    for shown_answer in ROLLOUT_ANSWERS.values():
        TypeAdapter(RolloutReward).validate_json(json.dumps(shown_answer["value"]))
    assert shown["/v1/rollouts"]["label_budget"]["share"] == 0.17
    assert (ROLLOUT_REQUESTED["status"], ROLLOUT_REQUESTED["reward"]) == ("label_requested", None)
    TypeAdapter(LabelSpending).validate_json(json.dumps(LABEL_SPENDING))
    TypeAdapter(LabelPlan).validate_json(json.dumps(PLANNED_LABELS))
    TypeAdapter(PruneReport).validate_json(json.dumps(PRUNED))

    responses = page["paths"]["/v1/rewards"]["post"]["responses"]
    assert set(responses["503"]["content"]["application/json"]["examples"]) == {
        "model_not_trained",
        "unavailable",
    }
    for error in ERRORS:
        assert ERROR_TABLE[error.code][0] == error.http_status


async def test_rollouts_are_counted_and_their_waiting_is_no_request_time(http: httpx.AsyncClient) -> None:
    async def counted(line: str) -> float:
        page = (await http.get("/metrics")).text
        return sum(float(row.rsplit(" ", 1)[1]) for row in page.splitlines() if row.startswith(line))

    lines = {
        'memreward_requests_total{code="ok",route="/v1/rollouts",transport="http"}': 4,
        'memreward_request_seconds_count{route="/v1/rollouts",transport="http"}': 0,
        'memreward_rollouts_scored_total{source="gnn",status="ok"}': 1,
        'memreward_rollouts_scored_total{source="none",status="abstain"}': 1,
        'memreward_rollouts_scored_total{source="none",status="timeout"}': 1,
        'memreward_rollouts_scored_total{source="none",status="label_requested"}': 1,
    }
    before = {line: await counted(line) for line in lines}
    await http.post("/v1/rollouts", json=ROLLOUT)
    await http.post("/v1/rollouts", json=ROLLOUT | {"no_label": True})
    await http.post("/v1/rollouts", json=ROLLOUT | {"no_label": True, "rollout": {"response": "unsure"}})
    await http.post("/v1/rollouts", json=ROLLOUT | {"deadline_ms": 0})
    assert {line: await counted(line) - before[line] for line in lines} == lines


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


async def test_training_takes_an_empty_body(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/training")
    assert (answer.status_code, answer.json()["job_id"]) == (202, "job-1")
    assert (await http.post("/v1/training", content="{")).status_code == 422


async def test_a_caller_that_leaves_does_not_harm_another(http: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.gate = asyncio.Event()
    leaving = asyncio.create_task(http.post("/v1/rewards", json=GOOD))
    staying = asyncio.create_task(http.post("/v1/rewards", json=GOOD))
    for _ in range(2):
        await asyncio.to_thread(engine.entered.acquire, timeout=30)
    leaving.cancel()
    engine.gate.set()
    assert (await staying).status_code == 200
