"""TRL's own GRPOTrainer gets all its rewards from a real service, and leaves out what that could not score."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyarrow import parquet

from e2e.service_process import clean_environment, running
from trainer.real.conftest import Taught
from trainer.real.recording_proxy import RecordingProxy, recording
from trainer.real.sums import parse_sum
from trainer.real.trl_run import PROMPTS_A_STEP, ROLLOUTS
from trainer.real.verl_run import TESTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STEPS = 30


@dataclass(frozen=True)
class Completion:
    """A rollout as one side saw it; `reward` is None where there was none."""

    query: str
    response: str
    reward: float | None
    status: str


def test_every_reward_of_a_trl_run_is_the_answer_of_the_service_and_the_policy_learns(
    taught: Taught, tmp_path: Path
) -> None:
    """The service abstains where it is not sure, which TRL gets as None."""
    with (
        running(taught.copy(tmp_path / "data"), "--abstain-margin", "0.3") as service,
        recording(service.http_port) as proxy,
    ):
        service.until_ready()
        train(taught, tmp_path / "run", proxy.url)
        counted = {
            status: service.metric(f'memreward_rollouts_scored_total{{source="{source}",status="{status}"}}')
            for status, source in (("ok", "gnn"), ("abstain", "none"))
        }

    used, advantages = completions(tmp_path / "run")
    told = answers(proxy)
    assert used == told
    assert len(used) == STEPS and {len(step) for step in used} == {PROMPTS_A_STEP * ROLLOUTS}
    every = [each for step in used for each in step]
    assert counted == {status: sum(each.status == status for each in every) for status in ("ok", "abstain")}
    assert counted["abstain"] > 0
    assert all((each.reward is None) == (each.status == "abstain") for each in every)
    for step, given in zip(used, advantages, strict=True):
        assert given == pytest.approx(group_relative([each.reward for each in step]), abs=1e-3)

    first, last = [each for step in used[:5] for each in step], [each for step in used[-5:] for each in step]
    print(f"reward {mean_reward(first):.3f} -> {mean_reward(last):.3f}")
    print(f"truth {share_right(first):.3f} -> {share_right(last):.3f}")
    assert mean_reward(last) > mean_reward(first) + 0.2
    assert share_right(last) > share_right(first) + 0.1


def train(taught: Taught, folder: Path, url: str) -> None:
    folder.mkdir()
    queries = folder / "queries.json"
    queries.write_text(json.dumps([[query.left, query.right] for query in taught.new]))
    ran = subprocess.run(
        [sys.executable, "-m", "trainer.real.trl_run", taught.policy, folder, url, str(STEPS), queries],
        cwd=folder,
        env=clean_environment() | {"PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-4000:]


def completions(folder: Path) -> tuple[list[list[Completion]], list[list[float]]]:
    """What TRL says that it trained on, a list for each step, and with which advantages."""
    steps = [parquet.read_table(path).to_pylist() for path in sorted((folder / "completions").glob("*.parquet"))]
    return (
        [
            [
                Completion(
                    query=row["prompt"][0]["content"],
                    response=row["completion"][0]["content"],
                    reward=None if row["memreward"] is None or math.isnan(row["memreward"]) else row["memreward"],
                    status=row["memreward_status"],
                )
                for row in step
            ]
            for step in steps
        ],
        [[row["advantage"] for row in step] for step in steps],
    )


def answers(proxy: RecordingProxy) -> list[list[Completion]]:
    """What the service answered, a list for each request."""
    return [
        [
            Completion(asked["query"]["text"], rollout["response"], given["reward"], given["status"])
            for asked, scored in zip(each.request["groups"], each.answer["groups"], strict=True)
            for rollout, given in zip(asked["rollouts"], scored["rollouts"], strict=True)
        ]
        for each in proxy.exchanges
        if each.path == "/v1/rewards"
    ]


def group_relative(rewards: Sequence[float | None]) -> list[float]:
    """GRPO's advantages; a rollout without a reward counts nowhere and has none."""
    advantages: list[float] = []
    for place in range(0, len(rewards), ROLLOUTS):
        group = rewards[place : place + ROLLOUTS]
        known = [each for each in group if each is not None]
        mean = sum(known) / len(known) if known else 0.0
        spread = math.sqrt(sum((each - mean) ** 2 for each in known) / (len(known) - 1)) if len(known) > 1 else 0.0
        advantages += [0.0 if each is None else (each - mean) / (spread + 1e-4) for each in group]
    return advantages


def mean_reward(rollouts: Sequence[Completion]) -> float:
    known = [each.reward for each in rollouts if each.reward is not None]
    return sum(known) / len(known)


def share_right(rollouts: Sequence[Completion]) -> float:
    """The true accuracy, which no part of the run was told."""
    return sum(parse_sum(each.query).label(each.response) for each in rollouts) / len(rollouts)
