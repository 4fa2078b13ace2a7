"""One trained service for all tests that leave it running, and the rollouts it knows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e.service_process import ServiceProcess, running, until
from memreward_client.files.rollouts import FileQuery
from memreward_service.demo.rollouts import draw_rollouts
from rollout_json import experience_json, group_json

REMEMBERED = 30
"""Queries that the trained service was taught; the next ones are new to it."""


@dataclass(frozen=True)
class Trained:
    """A trained service, and what it said on the way there. `folder` is a copy made while it ran."""

    service: ServiceProcess
    folder: Path
    queries: list[FileQuery]
    new: list[FileQuery]
    before: list[httpx.Response]
    receipt: dict[str, Any]
    jobs: list[dict[str, Any]]

    def groups(self, count: int = 3) -> list[dict[str, Any]]:
        """Groups that the service has no experience of."""
        return [group_json(query, str(query.id), with_labels=False) for query in self.new[:count]]

    def slow_groups(self, first: int, count: int) -> list[dict[str, Any]]:
        """Groups whose texts are new and long: a second or more of embedding, in which a test can act."""
        queries = self.new[first : first + count]
        groups = [group_json(query, f"slow-{query.id}", with_labels=False) for query in queries]
        for place, rollout in enumerate(rollout for group in groups for rollout in group["rollouts"]):
            words = " ".join(f"step {first} {place} {word}" for word in range(60))
            rollout["response"] = f"{words}\n{rollout['response']}"
        return groups


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    queries = draw_rollouts(11, REMEMBERED + 20)
    known, new = queries[:REMEMBERED], queries[REMEMBERED:]
    with running(tmp_path_factory.mktemp("trained") / "data") as service:
        body = {"groups": [group_json(new[0], "new", with_labels=False)]}
        before = [
            httpx.get(f"{service.url}/readyz", timeout=60),
            httpx.post(f"{service.url}/v1/rewards", json=body, timeout=60),
        ]
        taught = {"queries": [experience_json(query, with_labels=True) for query in known]}
        receipt = service.post("/v1/experience", taught)
        service.until_remembered()
        jobs = [service.post("/v1/training", {"seeds": 1, "epochs": 5})]

        def ended() -> bool:
            jobs.append(service.get(f"/v1/training/{jobs[0]['job_id']}"))
            return jobs[-1]["status"] in ("succeeded", "failed")

        until(ended)
        assert jobs[-1]["status"] == "succeeded", service.log
        folder = tmp_path_factory.mktemp("copied") / "data"
        shutil.copytree(service.folder, folder)
        yield Trained(service, folder, known, new, before, receipt, jobs)
