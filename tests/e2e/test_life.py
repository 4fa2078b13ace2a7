"""The life of the product over HTTP and gRPC, against a process that runs as a user's would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import ParseDict

from contract.conftest import as_json
from e2e.conftest import REMEMBERED, Trained
from e2e.service_process import ServiceProcess, running
from memreward_client import RewardClient
from memreward_client.cli.ingestion import export_file, ingest_file
from memreward_client.cli.training import follow_training
from memreward_client.files.rollouts import read_rollout_file
from memreward_proto import reward_pb2 as pb
from rollout_json import experience_json

pytestmark = pytest.mark.slow


def probabilities(scored: Any) -> list[float]:
    return [rollout["probability"] for group in scored["groups"] for rollout in group["rollouts"]]


def test_before_training_rewards_come_from_agreement(trained: Trained) -> None:
    readiness, rewards = trained.before
    assert readiness.status_code == rewards.status_code == 200
    assert rewards.json()["model_version"] == "agreement"
    sources = {one["source"] for group in rewards.json()["groups"] for one in group["rollouts"]}
    assert sources <= {"agreement", None}
    assert "agreement" in sources
    assert (trained.receipt["queries_added"], trained.receipt["rollouts_added"]) == (REMEMBERED, 8 * REMEMBERED)
    assert trained.receipt["query_ids"] == [query.id for query in trained.queries]


def test_training_ends_well_with_progress_that_only_rises(trained: Trained) -> None:
    last = trained.jobs[-1]
    assert last["status"] == "succeeded", last
    seen = [job["progress"] for job in trained.jobs]
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert any(0 < progress < 1 for progress in seen)
    assert 0 <= last["metrics"]["auc"] <= 1
    models = trained.service.get("/v1/models")["models"]
    [model] = [model for model in models if model["model_version"] == last["model_version"]]
    assert (model["training_queries"], model["training_labels"]) == (REMEMBERED, 8 * REMEMBERED)
    assert httpx.get(f"{trained.service.url}/readyz").status_code == 200


def test_http_and_grpc_give_one_answer(trained: Trained) -> None:
    body = {"groups": trained.groups(), "explain": True}
    body["groups"][0]["rollouts"][0]["label"] = 1.0
    over_http = trained.service.post("/v1/rewards", body)
    with trained.service.stub() as stub:
        over_grpc = as_json(stub.ScoreRewards(ParseDict(body, pb.ScoreRewardsRequest()), timeout=60))
    assert probabilities(over_http) == pytest.approx(probabilities(over_grpc), abs=1e-6)
    for answer in (over_http, over_grpc):
        for group in answer["groups"]:
            for part in (*group["rollouts"], *group["neighbors"]):
                part.pop("probability", None)
                part.pop("similarity", None)
    assert over_http == over_grpc
    assert over_http["groups"][0]["rollouts"][0]["source"] == "label"
    assert over_http["groups"][1]["rollouts"][0]["source"] == "gnn"
    assert over_http["groups"][0]["rollouts"][0]["explanation"]["same_key_right"] == 0
    for group in over_http["groups"]:
        assert group["neighbors"]
        for near in group["neighbors"]:
            assert trained.service.get(f"/v1/queries/{near['query_id']}")["text"] == near["text"]


def test_a_group_is_scored_alike_alone_and_among_others(trained: Trained) -> None:
    groups = trained.groups(6)
    together = trained.service.post("/v1/rewards", {"groups": groups})
    alone = [trained.service.post("/v1/rewards", {"groups": [group]}) for group in groups]
    one_by_one = [probability for answer in alone for probability in probabilities(answer)]
    assert probabilities(together) == pytest.approx(one_by_one, abs=1e-5)
    assert len({round(probability, 3) for probability in one_by_one}) > 5
    assert all(
        rollout["reward"] == float(rollout["probability"] >= 0.5)
        for group in together["groups"]
        for rollout in group["rollouts"]
    )


def test_a_label_that_comes_late_raises_the_memory_version(trained: Trained) -> None:
    service = trained.service
    stored = trained.new[-1]
    service.post("/v1/experience", {"queries": [experience_json(stored, with_labels=False)]})
    version = service.until_remembered()["memory_version"]
    rollout_id = service.get(f"/v1/queries/{stored.id}")["rollouts"][2]["id"]

    late = {"labels": [{"rollout_id": rollout_id, "label": 0.25, "source": "expert"}]}
    receipt = service.post("/v1/labels", late)
    assert (receipt["labels_changed"], receipt["version"] > version) == (1, True)
    assert service.until_remembered()["memory_version"] == receipt["version"]
    assert service.post("/v1/rewards", {"groups": trained.groups(1)})["memory_version"] == receipt["version"]
    labelled = service.get(f"/v1/queries/{stored.id}")["rollouts"]
    assert [(rollout["label"], rollout["label_source"]) for rollout in labelled] == [
        (0.25, "expert") if position == 2 else (None, None) for position in range(8)
    ]
    before = service.get("/v1/trust")["overall"]["rollouts"]
    assert service.post("/v1/labels", late) == {"version": receipt["version"], "labels_changed": 0}
    assert service.get("/v1/trust")["overall"]["rollouts"] == before > 0, "compared with its prediction, and once"


def test_memory_is_searched_and_read(trained: Trained) -> None:
    wanted = trained.queries[4]
    found = trained.service.get("/v1/queries", text=wanted.query, k=3)["queries"]
    assert (found[0]["query_id"], found[0]["text"]) == (wanted.id, wanted.query)
    assert found[0]["similarity"] == pytest.approx(1, abs=1e-5)
    assert [near["similarity"] for near in found] == sorted((near["similarity"] for near in found), reverse=True)
    read = trained.service.get(f"/v1/queries/{wanted.id}")
    assert (read["text"], read["domain"], read["dataset"]) == (wanted.query, "math", "word-problems")
    assert [rollout["response"] for rollout in read["rollouts"]] == [r.response for r in wanted.rollouts]
    assert [rollout["label"] for rollout in read["rollouts"]] == [r.label for r in wanted.rollouts]


def test_a_query_without_a_domain_has_that_of_its_dataset(trained: Trained, tmp_path: Path) -> None:
    file = tmp_path / "rollouts.jsonl"
    file.write_text('{"query": "3 + 4?", "id": "no-domain", "dataset": "gsm8k", "rollouts": [{"response": "7"}]}\n')
    with RewardClient(trained.service.url) as client:
        ingest_file(client, file)
    assert trained.service.get("/v1/queries/no-domain")["domain"] == "math"


def test_a_second_model_can_be_left_for_the_first(trained: Trained) -> None:
    service = trained.service
    [first] = [model for model in service.get("/v1/models")["models"] if model["active"]]
    groups = {"groups": trained.groups(2)}
    before = service.post("/v1/rewards", groups)
    with RewardClient(service.url) as client:
        second = follow_training(client, client.start_training(seeds=1, epochs=1).job_id)
    other = service.post("/v1/rewards", groups)
    assert other["model_version"] == second.model_version != first["model_version"]
    assert probabilities(other) != pytest.approx(probabilities(before), abs=1e-3)

    activated = service.post(f"/v1/models/{first['model_version']}/activate", {})
    assert (activated["model_version"], activated["active"]) == (first["model_version"], True)
    after = service.post("/v1/rewards", groups)
    assert after["model_version"] == first["model_version"]
    assert probabilities(after) == pytest.approx(probabilities(before), abs=1e-6)
    active = {model["model_version"]: model["active"] for model in service.get("/v1/models")["models"]}
    assert [version for version, is_active in active.items() if is_active] == [first["model_version"]]
    assert second.model_version in active


def test_the_metrics_count_what_was_asked(trained: Trained) -> None:
    service = trained.service
    asked = 'memreward_requests_total{code="ok",route="/v1/rewards",transport="http"}'
    called = 'memreward_requests_total{code="ok",route="/memreward.v1.RewardService/ScoreRewards",transport="grpc"}'
    scored = 'memreward_rollouts_scored_total{source="gnn",status="ok"}'
    before = [service.metric(sample) for sample in (asked, called, scored)]
    body = {"groups": trained.groups(2)}
    service.post("/v1/rewards", body)
    with service.stub() as stub:
        stub.ScoreRewards(ParseDict(body, pb.ScoreRewardsRequest()), timeout=60)
    after = [service.metric(sample) for sample in (asked, called, scored)]
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 32]
    assert service.metric("memreward_requests_in_flight") == 0


def exported(service: ServiceProcess, path: Path) -> list[Any]:
    with RewardClient(service.url) as client:
        export_file(client, path)
    return list(read_rollout_file(path))


def test_an_export_moves_everything_to_another_service(trained: Trained, tmp_path: Path) -> None:
    first = exported(trained.service, tmp_path / "first.jsonl.gz")
    kept = {query.id: query for query in first}
    for query in trained.queries:
        facts = [[(r.response, r.label, r.policy) for r in each.rollouts] for each in (kept[query.id], query)]
        assert facts[0] == facts[1]
    with running(tmp_path / "second") as second:
        with RewardClient(second.url) as client:
            ingest_file(client, tmp_path / "first.jsonl.gz")
        assert exported(second, tmp_path / "second.jsonl.gz") == first
        assert second.until_remembered()["indexed_queries"] == len(first)
