"""What the real training runs share: a start policy, and the data folder of a service that learned its rollouts."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2e.service_process import ServiceProcess, running, until
from trainer.real.start_policy import sample_responses, write_policy
from trainer.real.sums import DATASET, Sum, drawn_sums

KNOWN = 80
"""Sums that the memory knows, with a true label for each of their rollouts."""
NEW = 48
"""Sums to train on."""
HELD_OUT = 16
"""Sums to validate on."""
ROLLOUTS = 8
SEED = 0


@dataclass(frozen=True)
class Taught:
    """`folder` is never run in: copy it. `policy` is as `from_pretrained` reads it; the memory does not know `new` and
    `held_out`."""

    folder: Path
    policy: Path
    known: list[Sum]
    new: list[Sum]
    held_out: list[Sum]
    metrics: dict[str, float]

    def copy(self, folder: Path) -> Path:
        """A data folder of the taught service, in `folder`."""
        return Path(shutil.copytree(self.folder, folder))


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    known, new, held_out = drawn_sums(SEED, KNOWN, NEW, HELD_OUT)
    policy = tmp_path_factory.mktemp("policy")
    write_policy(policy, SEED)
    responses = sample_responses(policy, known, ROLLOUTS, SEED)
    folder = tmp_path_factory.mktemp("taught") / "data"
    with running(folder) as service:
        metrics = teach(service, known, responses)
        assert service.terminate() == 0
    return Taught(folder, policy, known, new, held_out, metrics)


def teach(service: ServiceProcess, queries: Sequence[Sum], responses: Sequence[Sequence[str]]) -> dict[str, float]:
    """Store the rollouts with their true labels and train on them; what the training says about held-out queries."""
    service.post("/v1/experience", {"queries": [_experience(*each) for each in zip(queries, responses, strict=True)]})
    service.until_remembered()
    jobs = [service.post("/v1/training", {"seeds": 1})]

    def ended() -> bool:
        jobs.append(service.get(f"/v1/training/{jobs[0]['job_id']}"))
        return jobs[-1]["status"] in ("succeeded", "failed")

    until(ended)
    assert jobs[-1]["status"] == "succeeded", jobs[-1]
    metrics: dict[str, float] = jobs[-1]["metrics"]
    return metrics


def _experience(query: Sum, responses: Sequence[str]) -> dict[str, Any]:
    rollouts = [{"response": each, "label": query.label(each), "policy": "start"} for each in responses]
    return {"text": query.text, "domain": "math", "dataset": DATASET, "rollouts": rollouts}
