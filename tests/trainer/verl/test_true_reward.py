"""How long a reward function may take, and what one that hangs takes along."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer.verl.verl_parts import batch_of, byte_tokenizer, verl_config, verl_true_reward

NoTrueReward, TrueRewards = verl_true_reward.NoTrueReward, verl_true_reward.TrueRewards


def true_rewards(folder: Path, function: Callable[..., Any], seconds: float = 30.0) -> Any:
    config = verl_config(folder, "http://127.0.0.1:9")
    return TrueRewards(config, byte_tokenizer(), function, None, None, seconds)


async def returned(rewards: Any) -> None:
    """Wait until no call hangs any more."""
    for _ in range(1_000):
        if not rewards.hanging:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{rewards.hanging} calls hang")


def rollout(response: str = "42") -> Any:
    return batch_of([response], [{}])


async def test_a_function_that_hangs_takes_no_place_from_others_and_is_counted_until_it_returns(tmp_path: Path) -> None:
    gate = threading.Event()
    rewards = true_rewards(tmp_path, lambda solution_str, **_: gate.wait() if solution_str == "hang" else 0.5, 0.2)
    asked = [rewards.of(rollout("hang" if place % 2 else "42")) for place in range(40)]
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert told[::2] == [0.5] * 20
    assert {each.status for each in told[1::2] if isinstance(each, NoTrueReward)} == {"verifier_timeout"}
    assert rewards.hanging == 20
    gate.set()
    await returned(rewards)


async def test_when_too_many_hang_no_other_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verl_true_reward, "PARALLEL", 2)
    gate = threading.Event()
    calls: list[str] = []

    def hang(solution_str: str, **_: Any) -> float:
        calls.append(solution_str)
        gate.wait()
        return 1.0

    rewards = true_rewards(tmp_path, hang, 0.05)
    for response in "abc":
        with pytest.raises(NoTrueReward):
            await rewards.of(rollout(response))
    with pytest.raises(NoTrueReward, match="2 calls of the reward function hang"):
        await rewards.of(rollout("d"))
    assert calls == ["a", "b"]
    gate.set()
    await returned(rewards)
    assert await rewards.of(rollout("e")) == 1.0


async def test_a_coroutine_is_awaited_within_the_time_and_cancelled_after_it(tmp_path: Path) -> None:
    cancelled = []

    async def judge(solution_str: str, **_: Any) -> dict[str, float]:
        try:
            await asyncio.sleep(60 if solution_str == "hang" else 0)
        except asyncio.CancelledError:
            cancelled.append(solution_str)
            raise
        return {"score": 0.75}

    rewards = true_rewards(tmp_path, judge, 0.2)
    assert await rewards.of(rollout()) == 0.75
    with pytest.raises(NoTrueReward, match=r"took more than 0\.2 seconds"):
        await rewards.of(rollout("hang"))
    assert cancelled == ["hang"]


async def test_a_timeout_of_the_functions_own_is_a_failure(tmp_path: Path) -> None:
    def blocking(**_: Any) -> float:
        raise TimeoutError("the judge is away")

    async def awaiting(**_: Any) -> float:
        raise TimeoutError("the judge is away")

    for function in (blocking, awaiting):
        with pytest.raises(NoTrueReward, match="failed with TimeoutError: the judge is away") as told:
            await true_rewards(tmp_path, function).of(rollout())
        assert told.value.status == "verifier_failed"


async def test_a_function_that_exits_ends_no_worker(tmp_path: Path) -> None:
    def leave(**_: Any) -> float:
        sys.exit(3)

    with pytest.raises(NoTrueReward, match="SystemExit: 3"):
        await true_rewards(tmp_path, leave).of(rollout())


async def test_a_set_up_without_a_reward_function_for_the_data_is_one_to_correct(tmp_path: Path) -> None:
    data = rollout()
    data.non_tensor_batch["data_source"][0] = "nobody/knows"
    with pytest.raises(NoTrueReward, match="nobody/knows") as told:
        await true_rewards(tmp_path, None).of(data)  # type: ignore[arg-type]
    assert told.value.to_correct
