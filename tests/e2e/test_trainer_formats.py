"""A trainer's own format gets from a real service the rewards that /v1/rewards gives for the same groups."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from e2e.conftest import Trained

pytestmark = pytest.mark.slow

CHAT = "<|im_start|>system\nThink.<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"


def rewards(trained: Trained, groups: list[dict[str, Any]]) -> list[list[float]]:
    """The rewards of /v1/rewards, group by group."""
    scored = trained.service.post("/v1/rewards", {"groups": groups})["groups"]
    return [[rollout["reward"] for rollout in group["rollouts"]] for group in scored]


def test_openrlhf_gets_the_rewards_of_its_groups(trained: Trained) -> None:
    groups = trained.groups(2)
    expected = rewards(trained, groups)
    assert 0.0 < sum(map(sum, expected)) < sum(map(len, expected)), "both rewards occur, or nothing is compared"
    turns = [(group["query"]["text"], rollout["response"]) for group in groups for rollout in group["rollouts"]]
    turns = turns[::2] + turns[1::2]
    prompts = [CHAT.format(text) for text, _ in turns]
    queries = [prompt + response + "<|im_end|>" for prompt, (_, response) in zip(prompts, turns, strict=True)]
    told = trained.service.post(
        "/get_reward?domain=math", {"query": queries, "prompts": prompts, "labels": ["0"] * len(turns)}
    )
    flat = [reward for group in expected for reward in group]
    assert told["rewards"] == flat[::2] + flat[1::2]


def test_slime_gets_the_reward_of_a_group_of_one(trained: Trained) -> None:
    (group,) = trained.groups(1)
    for rollout in group["rollouts"][:3]:
        alone = rewards(trained, [{**group, "rollouts": [rollout]}])
        body = {"prompt": group["query"]["text"], "response": rollout["response"] + "<|im_end|>", "label": "1"}
        assert trained.service.post("/rm?domain=math", body) == alone[0][0]


def test_rollouts_of_nemo_gym_meet_their_group(trained: Trained) -> None:
    (group,) = trained.groups(1)

    def verify(index: int) -> Any:
        content = [{"type": "output_text", "text": group["rollouts"][index]["response"]}]
        body = {
            "responses_create_params": {"input": [{"role": "user", "content": group["query"]["text"]}]},
            "response": {"output": [{"type": "message", "role": "assistant", "content": content}]},
            "memreward": {"domain": "math", "group_size": len(group["rollouts"])},
            "_ng_group_id": "formats",
            "_ng_rollout_index": index,
        }
        return trained.service.post("/verify", body)["reward"]

    with ThreadPoolExecutor(len(group["rollouts"])) as callers:
        assert list(callers.map(verify, range(len(group["rollouts"])))) == rewards(trained, [group])[0]
