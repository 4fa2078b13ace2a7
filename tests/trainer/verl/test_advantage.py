from __future__ import annotations

import numpy as np
import pytest
import torch

from memreward_client import NotScored
from trainer.verl.verl_parts import DataProto, compute_advantage


def batch(rewards: list[float]) -> DataProto:
    """Two groups of equal size; the reward of each rollout is on its last token."""
    tokens = torch.zeros(len(rewards), 3)
    tokens[:, 2] = torch.tensor(rewards)
    groups = np.array(["a", "b"], dtype=object).repeat(len(rewards) // 2)
    tensors = {"token_level_rewards": tokens, "response_mask": torch.tensor([[1, 1, 1]] * len(rewards))}
    return DataProto.from_dict(tensors, {"uid": groups})


@pytest.mark.parametrize("by_std", [True, False])
def test_with_all_rewards_the_advantages_are_those_of_verl(by_std: bool) -> None:
    rewards = [1.0, 0.0, 0.0, 0.25, 0.5, 0.5]
    config = {"norm_adv_by_std_in_grpo": by_std}
    ours = compute_advantage(batch(rewards), adv_estimator="memreward_grpo", config=config)
    verls = compute_advantage(batch(rewards), adv_estimator="grpo", norm_adv_by_std_in_grpo=by_std)
    assert torch.equal(ours.batch["advantages"], verls.batch["advantages"])
    assert ours.batch["advantages"][0, 2] > 0
    assert ours.batch["advantages"][3, 2] < 0


def test_a_rollout_without_a_reward_ends_the_step_where_the_trainer_computes_it() -> None:
    with pytest.raises(NotScored, match="2 of 6 rollouts of this step could not be scored"):
        compute_advantage(
            batch([1.0, float("nan"), 0.0, 0.25, 0.5, float("nan")]), adv_estimator="memreward_grpo", config={}
        )
