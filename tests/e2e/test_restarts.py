"""kill -9 and SIGTERM: what was answered is there afterwards, and nothing is computed twice."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e.conftest import Trained
from e2e.service_process import running, start_service, until
from memreward_client.files.convert import batches
from memreward_service.demo.rollouts import draw_rollouts
from rollout_json import experience_json

pytestmark = pytest.mark.slow

ENCODED = 'memreward_embedding_lookups_total{level="encoder"}'


def test_what_was_answered_survives_kill_9_in_the_middle_of_ingest(tmp_path: Path) -> None:
    queries = draw_rollouts(5, 90)
    waiting = [[experience_json(query, with_labels=True) for query in batch] for batch in batches(queries, 2)]
    answered: list[dict[str, Any]] = []
    for kills in (3, 9):
        service = start_service(tmp_path)
        enough = threading.Event()

        def ingest(url: str, until_killed: int, enough: threading.Event) -> None:
            with httpx.Client(base_url=url, timeout=60) as client:
                while waiting:
                    try:
                        client.post("/v1/experience", json={"queries": waiting[0]}).raise_for_status()
                    except httpx.TransportError:
                        return
                    answered.extend(waiting.pop(0))
                    if len(answered) >= 2 * until_killed:
                        enough.set()

        caller = threading.Thread(target=ingest, args=(service.url, kills, enough))
        caller.start()
        assert enough.wait(60)
        service.kill()
        caller.join(60)
    assert waiting, "the last kill came too late to be in the middle"

    with running(tmp_path) as service:
        for query in answered:
            read = service.get(f"/v1/queries/{query['id']}")
            assert read["text"] == query["text"]
            stored = [(each["response"], each["label"], each["policy"]) for each in read["rollouts"]]
            assert stored == [(each["response"], each["label"], each["policy"]) for each in query["rollouts"]]
        memory = service.until_remembered()
        # The batch in flight at each kill may or may not be there: it was not answered.
        assert len(answered) <= memory["indexed_queries"] <= len(answered) + 2 * 2
        assert memory["indexed_queries"] == memory["stored"]["queries"]
        assert memory["stored"]["rollouts"] == memory["stored"]["labels"] == 8 * memory["stored"]["queries"]
        nearest = service.get("/v1/queries", text=answered[-1]["text"], k=1)["queries"][0]
        assert nearest["query_id"] == answered[-1]["id"]


def test_predictions_outlive_the_process_and_no_stored_text_is_encoded_again(trained: Trained) -> None:
    """The folder was copied from a service that ran, as kill -9 would have left it."""
    groups = {"groups": trained.groups(2)}
    answers = []
    for end in ("kill", "terminate", "last"):
        with running(trained.folder) as service:
            service.until_ready()
            status = service.until_remembered()
            assert status["indexed_queries"] == len(trained.queries)
            assert service.metric(ENCODED) == 0, end
            answers.append(service.post("/v1/rewards", groups))
            texts = service.metric(ENCODED)
            assert texts > 0
            if end == "terminate":
                assert service.terminate() == 0
                assert "Traceback" not in service.log
    assert answers[0]["model_version"] == trained.jobs[-1]["model_version"]
    first, *later = [
        [rollout["probability"] for group in answer["groups"] for rollout in group["rollouts"]] for answer in answers
    ]
    for again in later:
        assert again == pytest.approx(first, abs=1e-6)
    for answer in answers[1:]:
        assert (answer["model_version"], answer["memory_version"]) == (
            answers[0]["model_version"],
            answers[0]["memory_version"],
        )


def test_a_request_that_was_accepted_is_answered_after_sigterm(trained: Trained, tmp_path: Path) -> None:
    with running(trained.folder) as service:
        service.until_ready()
        groups = {"groups": trained.slow_groups(0, 6)}
        answers: list[httpx.Response] = []
        caller = threading.Thread(
            target=lambda: answers.append(httpx.post(f"{service.url}/v1/rewards", json=groups, timeout=60))
        )
        caller.start()
        until(lambda: service.metric("memreward_requests_in_flight") == 1)
        assert service.terminate() == 0
        caller.join(60)
        [answer] = answers
        assert answer.status_code == 200
        assert [len(group["rollouts"]) for group in answer.json()["groups"]] == [8] * 6
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{service.url}/healthz")
