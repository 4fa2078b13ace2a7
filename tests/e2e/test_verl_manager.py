"""The reward manager before a real service process: one by one from several workers is as good as one call a group."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import Trained
from e2e.service_process import running
from trainer.verl.verl_parts import (
    AgentLoop,
    GroupRewardManager,
    RewardWorker,
    byte_tokenizer,
    columns,
    verl_config,
    verl_verifier,
)

pytestmark = pytest.mark.slow
GROUPS = 5


async def test_rollouts_sent_one_by_one_get_what_their_group_gets_in_one_call(trained: Trained, tmp_path: Path) -> None:
    groups = trained.groups(GROUPS)
    whole = trained.service.post("/v1/rewards", {"groups": groups})
    size = len(groups[0]["rollouts"])
    assert {len(group["rollouts"]) for group in groups} == {size}
    outputs = await one_by_one(trained.service.url, tmp_path, groups, size)
    rewards = set()
    for group, scored in zip(groups, whole["groups"], strict=True):
        for place, told in enumerate(scored["rollouts"]):
            output = outputs[group["group_id"], place]
            info = output.extra_fields["reward_extra_info"]
            assert output.reward_score == info["reward"] == told["reward"]
            assert info["probability"] == pytest.approx(told["probability"], abs=1e-5)
            assert (info["status"], info["source"]) == ("ok", "gnn")
            assert info["model_version"] == whole["model_version"]
            rewards.add(told["reward"])
    assert rewards == {0.0, 1.0}


async def test_labelled_rollouts_are_in_the_memory_of_a_service_also_after_it_was_killed(tmp_path: Path) -> None:
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"seed": 0, "ratios": {"0.5": {"openai/gsm8k": ["7"]}}}))
    overrides = (f"+reward.memreward.label_set={labels}", "+reward.memreward.label_ratio=0.5")
    responses = ["#### 42", "#### 43", "#### 43", ""]
    with running(tmp_path / "data") as service:
        manager = GroupRewardManager(verl_config(tmp_path, service.url, *overrides), byte_tokenizer(), None)
        loop = AgentLoop(byte_tokenizer(), [RewardWorker(manager)])
        row = columns("uid-7", 0, "What is 6*7?", extra_info={"split": "train", "index": 7})
        asked = (loop.score(each, **row | {"session_id": place}) for place, each in enumerate(responses))
        assert [output.reward_score for output in await asyncio.gather(*asked)] == [1.0, 0.0, 0.0, 0.0]
        await manager.experience.settled()
        await manager.compared.settled()
        await manager.client.close()
        assert (manager.experience.stored, manager.experience.lost) == (4, 0)
        service.kill()
    with running(tmp_path / "data") as service:
        (query,) = service.get("/v1/experience")["queries"]
    assert (query["text"], query["domain"], query["dataset"]) == ("What is 6*7?", "math", "openai/gsm8k")
    stored = sorted(query["rollouts"], key=lambda rollout: rollout["id"])
    assert [rollout["id"] for rollout in stored] == [f"{manager.settings.run_id}/uid-7/{place}" for place in range(4)]
    assert [(rollout["response"], rollout["label"]) for rollout in stored] == list(
        zip(responses, [1.0, 0.0, 0.0, 0.0], strict=True)
    )
    assert {(rollout["label_source"], rollout["step"], rollout["policy"]) for rollout in stored} == {
        ("verifier", 3, tmp_path.name)
    }


async def test_rollouts_of_the_label_set_are_compared_with_their_predictions(trained: Trained, tmp_path: Path) -> None:
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"seed": 0, "ratios": {"0.5": {"openai/gsm8k": ["7"]}}}))
    overrides = (f"+reward.memreward.label_set={labels}", "+reward.memreward.label_ratio=0.5")
    before = trained.service.get("/v1/trust")["overall"]["rollouts"]
    manager = GroupRewardManager(verl_config(tmp_path, trained.service.url, *overrides), byte_tokenizer(), None)
    loop = AgentLoop(byte_tokenizer(), [RewardWorker(manager)])
    row = columns("uid-7", 0, "What is 6*7?", extra_info={"split": "train", "index": 7})
    size = int(manager.config.actor_rollout_ref.rollout.n)
    asked = (loop.score(f"#### {42 + place % 2}", **row | {"session_id": place}) for place in range(size))
    assert [output.reward_score for output in await asyncio.gather(*asked)] == [float(p % 2 == 0) for p in range(size)]
    await manager.experience.settled()
    await manager.compared.settled()
    await manager.client.close()
    assert manager.compared.failed == 0
    trust = trained.service.get("/v1/trust")
    assert trust["overall"]["rollouts"] == before + size
    assert {step["step"]: step["figures"]["rollouts"] for step in trust["domains"][0]["steps"]}[3] >= size


@pytest.mark.parametrize("verifier", ["math", "reward_function"])
async def test_the_labels_that_the_service_asks_for_are_verified_and_are_evidence_for_their_siblings(
    trained: Trained,
    tmp_path: Path,
    verifier: str,
) -> None:
    run_id, share = f"asked-{verifier}", 0.15
    groups, truths = trained.groups(20), [str(query.ground_truth) for query in trained.new[:20]]
    size = len(groups[0]["rollouts"])
    asked: list[str] = []

    def compute_score(solution_str: str, ground_truth: str, **_: Any) -> float:
        asked.append(solution_str)
        return true_label(ground_truth, solution_str)

    def true_label(ground_truth: str, response: str) -> float:
        known = {
            each.response: each.label
            for query in trained.new
            for each in query.rollouts
            if query.ground_truth == ground_truth
        }
        return float(known[response] or 0.0)

    lines = (
        f"+reward.memreward.label_share={share}",
        f"+reward.memreward.verifier={verifier}",
        "+reward.memreward.remember=false",
    )
    outputs = await one_by_one(trained.service.url, tmp_path, groups, size, run_id, truths, compute_score, *lines)
    labelled = [place for place, output in outputs.items() if source_of(output) == "label"]
    spent = trained.service.get("/v1/label-spending", run_id=run_id)
    assert len(labelled) == spent["labels"] == sum(step["labels"] for step in spent["steps"])
    assert spent["rollouts"] == len(groups) * size
    assert 0 < spent["labels"] <= share * spent["rollouts"]
    assert len(asked) == (len(labelled) if verifier == "reward_function" else 0)
    # The same labels inside the groups of one call give the same rewards.
    for group, truth in zip(groups, truths, strict=True):
        for place, rollout in enumerate(group["rollouts"]):
            if (group["group_id"], place) in labelled:
                rollout["label"] = true_label(truth, rollout["response"])
    whole = trained.service.post("/v1/rewards", {"groups": groups})
    for group in whole["groups"]:
        for place, told in enumerate(group["rollouts"]):
            output = outputs[group["group_id"], place]
            assert (output.reward_score, source_of(output)) == (told["reward"], told["source"])
    assert {outputs[place].reward_score for place in labelled} == {0.0, 1.0}


async def test_a_label_that_cannot_be_had_is_spent_and_the_group_is_predicted(trained: Trained, tmp_path: Path) -> None:
    def broken(**_: Any) -> float:
        raise ValueError("the grader is away")

    groups = trained.groups(GROUPS)
    whole = trained.service.post("/v1/rewards", {"groups": groups})
    size, truths = len(groups[0]["rollouts"]), ["0"] * GROUPS
    line = "+reward.memreward.label_share=0.5"
    outputs = await one_by_one(trained.service.url, tmp_path, groups, size, "broken", truths, broken, line)
    for group in whole["groups"]:
        for place, told in enumerate(group["rollouts"]):
            output = outputs[group["group_id"], place]
            assert (output.reward_score, source_of(output)) == (told["reward"], "gnn")
    spent = trained.service.get("/v1/label-spending", run_id="broken")
    assert 0 < spent["labels"] <= 0.5 * spent["rollouts"]


def source_of(output: Any) -> Any:
    return output.extra_fields["reward_extra_info"]["source"]


async def one_by_one(
    url: str,
    folder: Path,
    groups: list[dict[str, Any]],
    size: int,
    run_id: str = "reward-workers",
    truths: Sequence[str] | None = None,
    compute_score: Any = None,
    *overrides: str,
) -> dict[tuple[str, int], Any]:
    """(group, place) -> output of verl's agent loop, the rollouts sent in any order by three reward workers."""
    config = verl_config(folder, url, f"+reward.memreward.run_id={run_id}", *overrides, group_size=size)
    managers = [GroupRewardManager(config, byte_tokenizer(), compute_score) for _ in range(3)]
    loop = AgentLoop(byte_tokenizer(), [RewardWorker(manager) for manager in managers])
    places = [
        (group, place, truth)
        for group, truth in zip(groups, truths or [""] * len(groups), strict=True)
        for place in range(size)
    ]
    random.Random(3).shuffle(places)
    asked = (
        loop.score(
            group["rollouts"][place]["response"],
            **columns(
                group["group_id"],
                place,
                group["query"]["text"],
                data_source=group["query"]["dataset"],
                reward_model={"ground_truth": truth},
            ),
        )
        for group, place, truth in places
    )
    outputs = await asyncio.gather(*asked)
    for manager in managers:
        await manager.client.close()
        if isinstance(manager.true_rewards, verl_verifier.VerifierRewards):
            await manager.true_rewards._verifier.close()
    return {(group["group_id"], place): output for (group, place, _), output in zip(places, outputs, strict=True)}
