"""The same request over both transports gets the same answer, field by field."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from pydantic import TypeAdapter

from fake_engine import MODELS
from memreward_proto.records import (
    Domain,
    Experience,
    ExperiencePage,
    ExperienceReceipt,
    GroupKey,
    LabelBudget,
    LabelCharge,
    LabelPlan,
    LabelSpending,
    MemoryStatus,
    Models,
    PruneReport,
    Rollout,
    RolloutReward,
    Scored,
    TrainingJob,
    TrustReport,
)
from memreward_service.http.examples import EXPERIENCE, LABELS
from memreward_service.store.identity import query_id

GROUPS: dict[str, Any] = {
    "groups": [
        {
            "group_id": "g/1",
            "query": {"text": "2+2 ünï?", "id": "mine", "domain": "math", "dataset": "x"},
            "rollouts": [
                {"response": "it is 4", "thinking": "", "answer": "4", "answer_key": "k"},
                {"response": "five", "label": 0, "behaviour": [["v1 ~", "xValueError"], ["t"]]},
                {"response": "  "},
                {"response": "unsure"},
                {"response": "sure", "label": 0.75},
            ],
        },
        {"query": {"text": "other", "dataset": "openai/gsm8k"}, "rollouts": [{"response": "four"}]},
    ]
}


@pytest.mark.parametrize("explain", [None, False, True])
def test_rewards(both: Any, explain: bool | None) -> None:
    body = GROUPS if explain is None else {**GROUPS, "explain": explain}
    http, rpc = both.post("/v1/rewards", "ScoreRewards", body)
    assert http == rpc
    TypeAdapter(Scored).validate_json(both.http.post("/v1/rewards", json=body).content)
    first = http["groups"][0]
    assert [group["group_id"] for group in http["groups"]] == ["g/1", "1"]
    assert [each["status"] for each in first["rollouts"]] == ["ok", "ok", "invalid", "abstain", "ok"]
    assert [each["reward"] for each in first["rollouts"]] == [1.0, 0.0, None, None, 0.75]
    assert [each["source"] for each in first["rollouts"]] == ["gnn", "label", None, None, "label"]
    assert (first["rollouts"][0]["explanation"] is not None) == bool(explain)


def test_the_engine_gets_the_same_records(both: Any) -> None:
    both.post("/v1/rewards", "ScoreRewards", GROUPS)
    by_http, by_rpc = both.engine.scored
    assert by_http == by_rpc
    assert by_http[0].rollouts[0] == Rollout("it is 4", "", "4", "k", None)
    assert by_http[0].rollouts[1] == Rollout("five", label=0.0, behaviour=(("v1 ~", "xValueError"), ("t",)))
    assert by_http[1].query.domain is Domain.MATH
    assert by_http[1].query.id == query_id("other", Domain.MATH, "openai/gsm8k")


@pytest.mark.parametrize("trained", [True, False])
def test_label_plan(both: Any, trained: bool) -> None:
    both.engine.not_ready = None if trained else "Train first."
    body = {**GROUPS, "budget": 3}
    http, rpc = both.post("/v1/label-plan", "PlanLabels", body)
    assert http == rpc
    TypeAdapter(LabelPlan).validate_json(both.http.post("/v1/label-plan", json=body).content)
    assert (http["model_version"], http["memory_version"]) == ("m-2" if trained else None, 9)
    assert http["plan"] == [
        {"group_id": "g/1", "rollout_index": 0, "reason": "majority_answer", "gain": 1.0},
        {"group_id": "g/1", "rollout_index": 2, "reason": "uncertain", "gain": 1 / 3},
        {"group_id": "g/1", "rollout_index": 3, "reason": "calibration", "gain": 0.25},
    ]
    assert http["sample"] == [{"group_id": "g/1", "rollout_index": 0}]
    by_http, by_rpc, _ = both.engine.scored
    assert by_http == by_rpc
    assert by_http[0].rollouts[1].label == 0.0


@pytest.mark.parametrize(
    ("charge", "expected"),
    [
        ({}, None),
        (
            {"run_id": "run", "label_budget": {"share": 1}},
            LabelCharge("run", None, LabelBudget(1.0, None, 60_000)),
        ),
        (
            {"run_id": "r/1", "step": 2**40, "label_budget": {"share": 0.25, "labels": 2**40, "deadline_ms": 1}},
            LabelCharge("r/1", 2**40, LabelBudget(0.25, 2**40, 1)),
        ),
    ],
)
def test_a_label_plan_is_charged_to_its_run(both: Any, charge: dict[str, Any], expected: LabelCharge | None) -> None:
    http, rpc = both.post("/v1/label-plan", "PlanLabels", {"groups": GROUPS["groups"][:1], "budget": 3} | charge)
    assert http == rpc
    assert len(http["plan"]) == 3
    assert both.engine.charged == [expected, expected]


ROLLOUTS: dict[str, dict[str, Any]] = {
    "least": {},
    "most": {"group_attempt": 2, "step": 2**40, "deadline_ms": 1500, "allow_partial": True},
    "abstain": {"rollout": {"response": "unsure"}},
    "invalid": {"rollout": {"response": " "}},
    "timeout": {"deadline_ms": 0},
    "label": {"rollout": {"response": "it is 4", "thinking": "", "answer": "4", "answer_key": "k", "label": 0}},
    "label_requested": {"label_budget": {"share": 0.17}, "rollout": {"response": "it is 4", "behaviour": [["v"]]}},
    "labelled": {
        "label_budget": {"share": 1, "labels": 5000, "deadline_ms": 1500},
        "rollout": {"response": "it is 4", "label": 0.25},
    },
    "no_label": {"label_budget": {"share": 0.17}, "no_label": True},
}


@pytest.mark.parametrize("case", ROLLOUTS)
def test_rollouts_sent_alone(both: Any, case: str) -> None:
    least = {
        "run_id": "run", "group_id": "g/1", "rollout_index": 3, "group_size": 4,
        "query": {"text": "2+2 ünï?", "dataset": "openai/gsm8k"}, "rollout": {"response": "it is 4"},
    }  # fmt: skip
    http, rpc = both.post("/v1/rollouts", "SubmitRollout", least | ROLLOUTS[case])
    assert http == rpc
    assert list(http) == [field.name for field in fields(RolloutReward)]
    TypeAdapter(RolloutReward).validate_json(json.dumps(http))
    by_http, by_rpc = both.engine.submitted
    assert by_http == by_rpc
    assert by_http.query.domain is Domain.MATH
    assert (http["group_id"], http["rollout_index"], http["group_size"]) == ("g/1", 3, 4)
    assert (http["label_request"] is None) == (case != "label_requested")
    match case:
        case "least":
            assert (by_http.deadline_ms, by_http.allow_partial, by_http.step) == (60_000, False, None)
            assert by_http.key == GroupKey("run", "g/1", 0)
            assert (by_http.label_budget, by_http.no_label) == (None, False)
            assert (http["reward"], http["source"], http["memory_version"]) == (1.0, "gnn", 9)
        case "most":
            assert (by_http.deadline_ms, by_http.allow_partial, by_http.step) == (1500, True, 2**40)
            assert (http["group_attempt"], http["partial"]) == (2, True)
        case "label":
            assert by_http.rollout == Rollout("it is 4", "", "4", "k", 0.0)
            assert (http["reward"], http["source"]) == (0.0, "label")
        case "labelled":
            assert by_http.label_budget == LabelBudget(1.0, 5000, 1500)
            assert (http["reward"], http["source"]) == (0.25, "label")
        case "no_label":
            assert (by_http.label_budget, by_http.no_label) == (LabelBudget(0.17, None, 60_000), True)
            assert (http["reward"], http["source"]) == (1.0, "gnn")
        case "label_requested":
            assert http["label_request"] == {"reason": "second_answer", "gain": 0.75}
            assert (http["status"], http["reward"], http["source"], http["probability"]) == (case, None, None, None)
            assert by_http.rollout.behaviour == (("v",),)
        case _:
            assert (http["status"], http["reward"], http["source"]) == (case, None, None)


def test_experience_labels_and_export(both: Any) -> None:
    http, rpc = both.post("/v1/experience", "AddExperience", EXPERIENCE)
    assert (http["queries_added"], http["rollouts_added"], http["labels_changed"]) == (2, 3, 1)
    assert (rpc["queries_added"], rpc["rollouts_added"]) == (0, 0)
    assert http["query_ids"] == rpc["query_ids"] == ["gsm8k-17", "humaneval-53"]
    assert http["rollout_ids"] == rpc["rollout_ids"]
    assert http["rollout_ids"][0][1] == "gsm8k-17-b"
    TypeAdapter(ExperienceReceipt).validate_json(json.dumps(http))

    http, rpc = both.post("/v1/labels", "AddLabels", LABELS)
    assert (http["labels_changed"], http["version"], rpc["version"]) == (1, 101, 102)
    assert both.engine.labels[0] == both.engine.labels[1]

    both.post(
        "/v1/experience",
        "AddExperience",
        {
            "queries": [
                {
                    "id": "a/b c",
                    "text": "t",
                    "rollouts": [
                        {"response": "r", "step": 2**40},
                        {"response": "s", "behaviour": [["v1", "n"], ["t"]]},
                    ],
                }
            ]
        },
    )
    http, rpc = both.get("/v1/queries/a/b%20c", "GetQuery", query_id="a/b c")
    assert http == rpc
    assert http["rollouts"][0]["step"] == 2**40
    assert [each["behaviour"] for each in http["rollouts"]] == [None, [["v1", "n"], ["t"]]]
    assert both.http.post("/v1/experience", json={"queries": [http]}).json()["queries_added"] == 0
    listed, listed_by_rpc = both.get("/v1/experience?limit=1", "ListExperience", limit=1)
    assert listed == listed_by_rpc == {"queries": [http], "next": "a/b c"}
    http, rpc = both.get("/v1/queries/gsm8k-17", "GetQuery", query_id="gsm8k-17")
    assert http == rpc
    assert http["rollouts"][0]["label_source"] == "verifier"
    TypeAdapter(Experience).validate_json(both.http.get("/v1/queries/gsm8k-17").content)
    assert both.http.post("/v1/experience", json={"queries": [http]}).json()["queries_added"] == 0


def test_export_goes_page_by_page(both: Any) -> None:
    for name in ("q1", "q2", "q3"):
        both.http.post("/v1/experience", json={"queries": [{"id": name, "text": "t", "rollouts": [{"response": "r"}]}]})
    pages = []
    for after in (None, "q1", "q2", "q3"):
        query = "?limit=1" + (f"&after={after}" if after else "")
        fields = {"limit": 1} | ({"after": after} if after else {})
        http, rpc = both.get(f"/v1/experience{query}", "ListExperience", **fields)
        assert http == rpc
        pages.append(([each["id"] for each in http["queries"]], http["next"]))
    assert pages == [(["q1"], "q1"), (["q2"], "q2"), (["q3"], None), ([], None)]
    http, rpc = both.get("/v1/experience", "ListExperience")
    assert http == rpc
    assert [each["id"] for each in http["queries"]] == ["q1", "q2", "q3"]
    assert http["next"] is None
    TypeAdapter(ExperiencePage).validate_json(both.http.get("/v1/experience").content)


def test_search_memory_models_and_jobs(both: Any) -> None:
    http, rpc = both.get("/v1/queries?text=hallo&k=1", "FindQueries", text="hallo", k=1)
    assert http == rpc == {"queries": [{"query_id": "q-a", "similarity": 0.35, "text": "Ann has 4 bags"}]}
    http, rpc = both.get("/v1/queries?text=hallo", "FindQueries", text="hallo")
    assert http == rpc
    assert len(http["queries"]) == 2
    http, rpc = both.get("/v1/memory", "GetMemory")
    assert http == rpc
    assert http["stored"] == {"version": 11, "queries": 4, "rollouts": 16, "labels": 5}
    TypeAdapter(MemoryStatus).validate_json(json.dumps(http))
    http, rpc = both.post("/v1/prune", "Prune", {"rollouts_per_query": 4, "days": 0.5, "max_bytes": 0})
    assert http == rpc
    assert http == {
        "dry_run": True, "queries": 3, "rollouts": 4, "bytes": 2048,
        "reasons": [{"reason": "rollouts_per_query", "rollouts": 4, "bytes": 2048}],
    }  # fmt: skip
    TypeAdapter(PruneReport).validate_json(json.dumps(http))
    http, rpc = both.get("/v1/trust", "GetTrust")
    assert http == rpc
    assert (http["min_auc"], http["max_false_positive_rate"], http["overall"]["rollouts"]) == (0.8, None, 41)
    assert [(each["domain"], each["trusted"], each["reason"]) for each in http["domains"]] == [
        ("math", False, "The AUC is too low."), ("qa", True, None),
    ]  # fmt: skip
    assert [each["step"] for each in http["domains"][0]["steps"]] == [2**40, 41]
    assert (http["domains"][1]["figures"]["auc"], http["domains"][1]["figures"]["false_negative_rate"]) == (None, 0.0)
    assert http["domains"][0]["interval"] == {
        "auc": {"low": 0.5, "high": 0.75}, "false_positive_rate": {"low": 0.0, "high": 0.125},
        "false_negative_rate": None,
    }  # fmt: skip
    assert [(each["audited"], each["too_few"]) for each in http["domains"]] == [
        (60, None), (3, "not enough audited rollouts: 3 of 50"),
    ]  # fmt: skip
    TypeAdapter(TrustReport).validate_json(json.dumps(http))
    http, rpc = both.get("/v1/models", "ListModels")
    assert http == rpc
    assert http["models"][0]["metrics"] == MODELS[0].metrics
    assert [each["reason"] for each in http["models"]] == ["Taken: it is better.", None]
    assert http["models"][0]["intervals"]["auc"] == {"low": 0.875, "high": 1.0}
    assert http["models"][1]["intervals"] is None
    TypeAdapter(Models).validate_json(json.dumps(http))
    http = both.http.post("/v1/models/m-1/activate").json()
    rpc = both.rpc("ActivateModel", {"model_version": "m-1"})
    assert http == rpc
    assert http["model_version"] == "m-1"


def test_label_spending(both: Any) -> None:
    http, rpc = both.get("/v1/label-spending?run_id=run-1", "GetLabelSpending", run_id="run-1")
    assert http == rpc
    assert http == {
        "run_id": "run-1",
        "rollouts": 2**40 + 8,
        "labels": 3,
        "steps": [{"step": None, "rollouts": 8, "labels": 1}, {"step": 2**40, "rollouts": 2**40, "labels": 2}],
    }
    TypeAdapter(LabelSpending).validate_json(json.dumps(http))
    http, rpc = both.get("/v1/label-spending?run_id=r%2F2", "GetLabelSpending", run_id="r/2")
    assert http == rpc == {"run_id": "r/2", "rollouts": 0, "labels": 0, "steps": []}


@pytest.mark.parametrize("job_id", ["job-1", "job-failed"])
def test_training_job(both: Any, job_id: str) -> None:
    http, rpc = both.get(f"/v1/training/{job_id}", "GetTrainingJob", job_id=job_id)
    assert http == rpc
    assert http["job_id"] == job_id
    assert (http["error"] == {"code": "not_enough_labels", "message": "Add 12 labels."}) == (job_id == "job-failed")
    TypeAdapter(TrainingJob).validate_json(both.http.get(f"/v1/training/{job_id}").content)


@pytest.mark.parametrize("body", [{}, {"seeds": 2, "epochs": 5}])
def test_training_starts(both: Any, body: dict[str, int]) -> None:
    http, rpc = both.post("/v1/training", "StartTraining", body)
    assert http == rpc
    assert http["metrics"] == {"seeds": body.get("seeds", 0), "epochs": body.get("epochs", 0)}
