"""GRPO for verl that stops at a rollout without a reward: the advantage estimator `memreward_grpo`.

verl's V1 trainer drops a rollout whose reward manager raises and trains on with its siblings, so an error there cannot
end a run. Advantages are computed in the trainer's own process, where an error does. verl imports this module in that
process because it loads the class of the reward manager there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from verl.trainer.ppo.core_algos import compute_grpo_outcome_advantage, register_adv_est

from memreward_client import NotScored
from memreward_trainer.verl.settings import STOPPING_ESTIMATOR


@register_adv_est(STOPPING_ESTIMATOR)  # type: ignore[untyped-decorator]
def compute_scored_grpo_advantage(
    token_level_rewards: torch.Tensor,
    response_mask: torch.Tensor,
    index: np.ndarray[Any, Any],
    config: Any = None,
    **_: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """verl's own GRPO advantages and returns, where every rollout has a reward.

    Args:
        token_level_rewards: float (batch, response_length); NaN marks a rollout that could not be scored.
        response_mask: (batch, response_length), 1 on tokens of the response.
        index: group of each rollout (batch,).

    Raises:
        NotScored: a rollout has no reward.
    """
    unscored = torch.isnan(token_level_rewards.sum(dim=-1))
    if bool(unscored.any()):
        raise NotScored(
            f"{int(unscored.sum())} of {len(unscored)} rollouts of this step could not be scored, and "
            "reward.memreward.on_unscored=raise ends the run. The log of the reward workers says why."
        )
    by_std = True if config is None else bool(config.get("norm_adv_by_std_in_grpo", True))
    advantages, returns = compute_grpo_outcome_advantage(
        token_level_rewards=token_level_rewards,
        response_mask=response_mask,
        index=index,
        norm_adv_by_std_in_grpo=by_std,
    )
    return advantages, returns
