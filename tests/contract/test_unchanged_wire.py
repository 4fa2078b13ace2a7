"""The wire of today against that of the first release of /v1 (before/): every path, body, answer and message, field by
field. A difference that is wanted stands in a list here, with its reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.json_format import MessageToDict

from fake_engine import FakeEngine
from memreward_proto import reward_pb2
from memreward_service.engine.engine import Engine
from memreward_service.http.app import application
from memreward_service.settings import Settings

BEFORE = Path(__file__).parent / "before"
GONE = "gone"

AUDIT = "The estimates of trust rest on an audit sample, and have intervals in the place of standard errors."
STORED_AS_SENT = (
    "A stored query is the record that is sent, so its ids and domain have the type that they have in a request."
)
ALONE = "A rollout that cannot be read is invalid, or not stored, alone, and its answer says why."
AGREEMENT = "Before a network is trained, rewards come from agreement, labels and history."
PRUNE = "Texts of old rollouts can be removed, and the history of their queries stays."
INPUTS = "Programs are compared only where the inputs were made by one version."
EXPLAINED = "An explanation has what was known of its answer earlier, what the network says alone, and one sentence."
TAKEN = "A new model is taken or refused for a reason, and its figures have intervals."
DRIFT = "A consensus that drifts is asked about first, or abstained from, and trust says how much groups agree."
FLOWS = "What one step of a run does not spend on labels, later ones may."
PLAIN = "One sentence for people is in plainer words."
WANTED_IN_JSON: dict[str, str] = {
    "GET /v1/queries/{query_id} 200.id": STORED_AS_SENT,
    "GET /v1/queries/{query_id} 200.domain": STORED_AS_SENT,
    "GET /v1/queries/{query_id} 200.rollouts[].id": STORED_AS_SENT,
    "GET /v1/experience 200.queries[].id": STORED_AS_SENT,
    "GET /v1/experience 200.queries[].domain": STORED_AS_SENT,
    "GET /v1/experience 200.queries[].rollouts[].id": STORED_AS_SENT,
    "GET /v1/trust 200.domains[].standard_error*": AUDIT,
    "GET /v1/trust 200.domains[].interval*": AUDIT,
    "GET /v1/trust 200.domains[].audited": AUDIT,
    "GET /v1/trust 200.domains[].too_few": AUDIT,
    "POST /v1/rewards 200.groups[].rollouts[].reason": ALONE,
    "POST /v1/rewards body.groups[].rollouts[].response description": ALONE,
    "POST /v1/label-plan body.groups[].rollouts[].response description": ALONE,
    "POST /v1/rollouts 200.reason": ALONE,
    "POST /v1/rollouts 200 application/json": ALONE,
    "POST /v1/rollouts body.rollout.response description": ALONE,
    "POST /v1/experience": ALONE,
    "POST /v1/experience 200.refused*": ALONE,
    "POST /v1/experience body.queries[].rollouts[].response description": ALONE,
    "POST /get_reward 200.rewards[]": ALONE,
    "POST /get_reward 200.scores[]": ALONE,
    "POST /verify 200 application/json": ALONE,
    "POST /verify 200.memreward_result.reason": ALONE,
    "POST /v1/rewards 200.groups[].rollouts[].source": AGREEMENT,
    "POST /v1/rewards body.explain description": EXPLAINED,
    "POST /v1/rewards 200 application/json": EXPLAINED,
    "POST /v1/rewards 200.groups[].rollouts[].explanation.earlier_right": EXPLAINED,
    "POST /v1/rewards 200.groups[].rollouts[].explanation.earlier_wrong": EXPLAINED,
    "POST /v1/rewards 200.groups[].rollouts[].explanation.last_labelled_step": EXPLAINED,
    "POST /v1/rewards 200.groups[].rollouts[].explanation.earlier_votes": EXPLAINED,
    "POST /v1/rewards 200.groups[].rollouts[].explanation.earlier_rollouts": EXPLAINED,
    "POST /v1/rewards 200.groups[].rollouts[].explanation.own_probability": EXPLAINED,
    "POST /v1/rewards 200.groups[].rollouts[].explanation.summary": EXPLAINED,
    "POST /v1/rollouts 200.source": AGREEMENT,
    "POST /verify 200.memreward_result.source": AGREEMENT,
    "POST /v1/prune*": PRUNE,
    "POST /v1/rewards body.groups[].rollouts[].behaviour_version*": INPUTS,
    "POST /v1/label-plan body.groups[].rollouts[].behaviour_version*": INPUTS,
    "POST /v1/rollouts body.rollout.behaviour_version*": INPUTS,
    "POST /v1/experience body.queries[].rollouts[].behaviour_version*": INPUTS,
    "GET /v1/experience 200.queries[].rollouts[].behaviour_version*": INPUTS,
    "GET /v1/queries/{query_id} 200.rollouts[].behaviour_version*": INPUTS,
    "POST /v1/training 202.reason": TAKEN,
    "GET /v1/training/{job_id} 200.reason": TAKEN,
    "GET /v1/models 200.models[].reason": TAKEN,
    "GET /v1/models 200.models[].intervals*": TAKEN,
    "POST /v1/models/{model_version}/activate 200.reason": TAKEN,
    "POST /v1/models/{model_version}/activate 200.intervals*": TAKEN,
    "POST /v1/label-plan 200.plan[].reason": DRIFT,
    "POST /v1/rollouts 200.label_request.reason": DRIFT,
    "GET /v1/trust 200.domains[].agreement": DRIFT,
    "GET /v1/trust 200.domains[].drifting": DRIFT,
    "GET /v1/trust 200.domains[].steps[].agreement": DRIFT,
    "POST /v1/label-plan body.label_budget.share description": FLOWS,
    "POST /v1/rollouts body.label_budget.share description": FLOWS,
    "POST /v1/experience 409 application/json": PLAIN,
    "POST /v1/rollouts 409 application/json": PLAIN,
    "POST /v1/rollouts body.step description": PLAIN,
    "POST /v1/training 409 application/json": PLAIN,
    "POST /verify 409 application/json": PLAIN,
    "POST /v1/training body": "The page says that the body may be left out: its default is an empty object.",
    "POST /v1/training 202.progress": "The page says where the progress of a job begins.",
    "GET /v1/training/{job_id} 200.progress": "The page says where the progress of a job begins.",
}
"""Places of the JSON that differ: why. One that ends in * stands for all that begin so."""
WANTED_IN_MESSAGES: dict[str, str] = {
    "StandardErrors*": AUDIT,
    "Interval*": AUDIT,
    "TrustIntervals*": AUDIT,
    "DomainTrust.standard_error": AUDIT,
    "DomainTrust.interval": AUDIT,
    "DomainTrust.audited": AUDIT,
    "DomainTrust.too_few": AUDIT,
    "Explanation.earlier_right": EXPLAINED,
    "Explanation.earlier_wrong": EXPLAINED,
    "Explanation.last_labelled_step": EXPLAINED,
    "Explanation.earlier_votes": EXPLAINED,
    "Explanation.earlier_rollouts": EXPLAINED,
    "Explanation.own_probability": EXPLAINED,
    "Explanation.summary": EXPLAINED,
    "DomainTrust.agreement": DRIFT,
    "DomainTrust.drifting": DRIFT,
    "StepTrust.agreement": DRIFT,
    "Prediction.reason": ALONE,
    "SubmitRolloutResponse.reason": ALONE,
    "RefusedRollout*": ALONE,
    "AddExperienceResponse.refused": ALONE,
    "Rollout.behaviour_version": INPUTS,
    "StoredRollout.behaviour_version": INPUTS,
    "Prune*": PRUNE,
    "RewardService.Prune": PRUNE,
    "TrainingJob.reason": TAKEN,
    "ModelInfo.reason": TAKEN,
    "ModelInfo.intervals": TAKEN,
}
"""The same for gRPC, as in "TrustReport.domains"."""


def test_the_json_is_that_of_before() -> None:
    page = application(cast(Engine, FakeEngine()), Settings()).openapi()
    before = json.loads((BEFORE / "openapi.json").read_text())
    assert unwanted(flat_page(before), flat_page(json.loads(json.dumps(page))), WANTED_IN_JSON) == []


def test_the_messages_are_those_of_before() -> None:
    file = FileDescriptorProto()
    reward_pb2.DESCRIPTOR.CopyToProto(file)
    before = json.loads((BEFORE / "descriptor.json").read_text())
    assert unwanted(flat_messages(before), flat_messages(MessageToDict(file)), WANTED_IN_MESSAGES) == []


def test_a_field_that_changes_is_found() -> None:
    before = json.loads((BEFORE / "openapi.json").read_text())
    changed = json.loads((BEFORE / "openapi.json").read_text())
    del changed["components"]["schemas"]["PredictionReply"]["properties"]["probability"]
    changed["components"]["schemas"]["LabelBody"]["properties"]["label"]["description"] = "?"
    found = unwanted(flat_page(before), flat_page(changed), {})
    assert {place for place, _, _ in found} == {
        "POST /v1/rewards 200.groups[].rollouts[].probability",
        "POST /v1/labels body.labels[].label description",
    }


def unwanted(before: dict[str, Any], now: dict[str, Any], wanted: dict[str, str]) -> list[tuple[str, Any, Any]]:
    """(place, before, now) of every difference that `wanted` does not name. A description that is new is none."""
    told = [place for place in now if place in before or not place.endswith(" description")]
    places = [place for place in dict.fromkeys((*before, *told)) if before.get(place, GONE) != now.get(place, GONE)]
    beginnings = tuple(place[:-1] for place in wanted if place.endswith("*"))
    found = [place for place in places if place not in wanted and not place.startswith(beginnings)]
    return [(place, before.get(place, GONE), now.get(place, GONE)) for place in found]


def flat_page(page: dict[str, Any]) -> dict[str, Any]:
    """Every parameter, body field and answer field of an OpenAPI document by its place, not by the names of schemas."""
    found: dict[str, Any] = {}
    for path, methods in page["paths"].items():
        for method, route in methods.items():
            name = f"{method.upper()} {path}"
            found[name] = {key: route.get(key) for key in ("tags", "description", "summary", "operationId", "security")}
            for parameter in route.get("parameters", ()):
                place = f"{name} {parameter['in']}.{parameter['name']}"
                found[place] = {key: value for key, value in parameter.items() if key != "schema"}
                _flatten(page, parameter["schema"], place, found)
            if (body := route.get("requestBody")) is not None:
                found[f"{name} body required"] = body.get("required", False)
                _contents(page, body, f"{name} body", found)
            for status, answer in route["responses"].items():
                _contents(page, answer, f"{name} {status}", found)
    return found


def _contents(page: dict[str, Any], message: dict[str, Any], place: str, found: dict[str, Any]) -> None:
    for kind, content in message.get("content", {}).items():
        found[f"{place} {kind}"] = {key: content.get(key) for key in ("example", "examples")}
        _flatten(page, content.get("schema", {}), place, found)


def _flatten(page: dict[str, Any], schema: dict[str, Any], place: str, found: dict[str, Any]) -> None:
    """The types of a schema and of all in it. Descriptions of fields are kept, those of whole objects are not."""
    while "$ref" in schema:
        aside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = page["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]] | aside
    choices = schema.get("anyOf", [schema])
    kinds = sorted(json.dumps(_kind(page, each)) for each in choices)
    found[place] = {"kinds": kinds}
    for each in choices:
        while "$ref" in each:
            each = page["components"]["schemas"][each["$ref"].rsplit("/", 1)[1]]
        for name, field in each.get("properties", {}).items():
            inner = f"{place}.{name}"
            _flatten(page, field, inner, found)
            found[inner]["required"] = name in each.get("required", ())
            if description := field.get("description"):
                found[f"{inner} description"] = description
        if "items" in each:
            _flatten(page, each["items"], f"{place}[]", found)
        if isinstance(each.get("additionalProperties"), dict):
            _flatten(page, each["additionalProperties"], f"{place}{{}}", found)


def _kind(page: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """What a value is, without what is in it."""
    while "$ref" in schema:
        schema = page["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    kept = ("type", "enum", "const", "minimum", "maximum", "maxLength", "format", "default")
    kind = {key: schema[key] for key in kept if schema.get(key) is not None}
    if schema.get("additionalProperties") is False:
        kind["closed"] = True
    return kind


def flat_messages(file: dict[str, Any]) -> dict[str, Any]:
    """Every field of every message and every rpc of a file descriptor by its place."""
    found: dict[str, Any] = {}

    def add(message: dict[str, Any], prefix: str) -> None:
        name = prefix + message["name"]
        found[name] = "message"
        for field in message.get("field", ()):
            found[f"{name}.{field['name']}"] = field | {"oneofIndex": None}
        for nested in message.get("nestedType", ()):
            add(nested, f"{name}.")

    for message in file["messageType"]:
        add(message, "")
    for service in file["service"]:
        for method in service["method"]:
            found[f"{service['name']}.{method['name']}"] = method
    return found
