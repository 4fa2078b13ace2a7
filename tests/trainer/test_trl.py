"""The reward function as TRL's own code calls it, and without TRL before a service that answers by a function."""

from __future__ import annotations

import asyncio
import logging
import pickle
import threading
from collections import defaultdict
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate import PartialState
from trl import GRPOTrainer
from trl.trainer.utils import get_callable_name, is_async_callable

from fake_engine import FakeEngine
from memreward_client import (
    AsyncRewardClient,
    FakeService,
    MemRewardError,
    MockTransport,
    NotScored,
    Query,
    Retries,
    Rollout,
    Unauthenticated,
    Unreachable,
)
from memreward_trainer.trl import GroupReward
from serving import serving

URL = "http://127.0.0.1:9"


def by_length(query: Query, rollout: Rollout) -> float | None:
    return None if rollout.response == "hm" else len(rollout.response) / 10


def reward_with(error: MemRewardError | None = None, **options: Any) -> tuple[GroupReward, MockTransport]:
    """A reward function whose service answers by length, or always with this error."""
    service = FakeService(by_length)

    def answer(call: Any) -> Any:
        if error is not None:
            raise error
        return service(call)

    transport = MockTransport(answer)
    reward = GroupReward(URL, **options)
    reward.client = AsyncRewardClient(transport=transport, retries=Retries(attempts=1))
    return reward, transport


def sent(transport: MockTransport) -> list[tuple[str, list[str]]]:
    return [
        (group["query"]["text"], [rollout["response"] for rollout in group["rollouts"]])
        for call in transport.calls
        for group in call.fields["groups"]
    ]


@pytest.fixture
def background_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """As GRPOTrainer has one for async reward functions."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def trainer_without_model(reward: GroupReward, loop: asyncio.AbstractEventLoop) -> GRPOTrainer:
    """As much of a trainer as asks for rewards."""
    PartialState(cpu=True)  # as every trainer does; TRL logs and gathers by it
    trainer = object.__new__(GRPOTrainer)
    trainer.accelerator = SimpleNamespace(device="cpu", is_main_process=True)
    trainer.args = SimpleNamespace(report_to=[])
    trainer.async_loop = loop
    trainer.environments = None
    trainer.reward_funcs, trainer.reward_func_names = [reward], ["memreward"]
    trainer.reward_processing_classes = [None]
    trainer.state = SimpleNamespace(global_step=1)
    trainer._pending_extra_logs, trainer._pending_metrics = defaultdict(list), defaultdict(list)
    return trainer


def test_trl_itself_gets_every_reward_and_nan_for_none(background_loop: asyncio.AbstractEventLoop) -> None:
    engine = FakeEngine()
    with serving(engine) as address:
        reward = pickle.loads(pickle.dumps(GroupReward(address.http, domain="math", num_generations=2)))
        assert is_async_callable(reward)
        assert get_callable_name(reward) == "memreward"
        trainer = trainer_without_model(reward, background_loop)
        prompts = [[{"role": "user", "content": text}] for text in ("a?", "a?", "b?", "b?")]
        texts = ["123456", "12", "unsure", "1234567"]
        completions = [[{"role": "assistant", "content": text}] for text in texts]
        inputs = [{"prompt": prompt, "level": 3} for prompt in prompts]
        rewards = trainer._calculate_rewards(inputs, prompts, completions, [[1]] * 4)
        asyncio.run_coroutine_threadsafe(reward.client.close(), background_loop).result()
    assert rewards[[0, 1, 3], 0].tolist() == [1.0, 0.0, 1.0]
    assert torch.isnan(rewards[2, 0])
    (groups,) = engine.scored
    assert [(group.query.text, group.query.domain, len(group.rollouts)) for group in groups] == [
        ("a?", "math", 2),
        ("b?", "math", 2),
    ]
    assert trainer._pending_extra_logs["memreward_status"] == ["ok", "ok", "abstain", "ok"]
    assert trainer._pending_extra_logs["memreward_probability"] == [0.6, 0.2, 0.5, 0.7]
    assert trainer._pending_metrics["memreward/unscored"] == [1.0]


async def test_a_run_of_equal_prompts_is_a_group() -> None:
    reward, transport = reward_with()
    assert await reward(["a?", "a?", "b?", "a?"], ["1", "22", "333", "4444"]) == [0.1, 0.2, 0.3, 0.4]
    assert sent(transport) == [("a?", ["1", "22"]), ("b?", ["333"]), ("a?", ["4444"])]


async def test_num_generations_cuts_runs_into_groups_and_refuses_parts() -> None:
    reward, transport = reward_with(num_generations=2)
    await reward(["a?"] * 4, ["1", "2", "3", "4"])
    assert sent(transport) == [("a?", ["1", "2"]), ("a?", ["3", "4"])]
    with pytest.raises(ValueError, match="3 rollouts of one prompt came where groups have 2"):
        await reward(["a?"] * 3, ["1", "2", "3"])


async def test_columns_say_what_the_prompt_does_not() -> None:
    reward, transport = reward_with(query_column="question", domain_column="kind", dataset_column="source")
    columns = {"question": ["bare?"], "kind": ["qa"], "source": ["arc"], "trainer_state": object()}
    await reward(prompts=["Answer this: bare?"], completions=["A"], completion_ids=[[1]], **columns)
    (call,) = transport.calls
    assert call.fields["groups"][0]["query"] == {"text": "bare?", "domain": "qa", "dataset": "arc"}


async def test_many_rollouts_go_in_requests_of_whole_groups() -> None:
    reward, transport = reward_with()
    prompts = [f"{place // 8}?" for place in range(1_040)]
    texts = [str(place % 8) * (place % 8) + "." for place in range(1_040)]
    assert await reward(prompts, texts) == [len(text) / 10 for text in texts]
    assert [len(call.fields["groups"]) for call in transport.calls] == [128, 2]


async def test_what_could_not_be_scored_is_none_or_as_asked(caplog: pytest.LogCaptureFixture) -> None:
    reward, _ = reward_with()
    with caplog.at_level(logging.WARNING):
        assert await reward(["a?", "a?"], ["1", "hm"]) == [0.1, None]
        assert await reward(["a?"], ["hm"]) == [None]
    assert "could not score 1 of 2 rollouts. It is left out of training. In this process: 1 scored" in caplog.text
    assert "1 scored, 2 not scored (abstain 2)" in caplog.text
    stated, _ = reward_with(on_unscored=0.5)
    assert await stated(["a?", "a?"], ["1", "hm"]) == [0.1, 0.5]
    ending, _ = reward_with(on_unscored="raise")
    assert await ending(["a?"], ["1"]) == [0.1]
    with pytest.raises(NotScored, match=r"could not score 1 of 2 rollouts \(abstain\), and on_unscored is raise"):
        await ending(["a?", "a?"], ["1", "hm"])


async def test_a_service_that_is_away_scores_nothing_and_invents_nothing() -> None:
    reward, _ = reward_with(Unreachable("Nobody answers."))
    metrics: dict[str, float] = {}
    assert await reward(["a?"] * 2, ["1", "2"], log_metric=metrics.__setitem__) == [None, None]
    assert metrics == {"memreward/unscored": 2.0}


async def test_a_mistake_in_the_set_up_ends_the_training_whatever_is_asked() -> None:
    reward, _ = reward_with(Unauthenticated("Give a key."), on_unscored=0.5)
    with pytest.raises(Unauthenticated):
        await reward(["a?"], ["1"])


def test_the_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMREWARD_URL", URL)
    assert GroupReward(api_key="secret").client.url == URL
    assert "secret" not in repr(vars(GroupReward(api_key="secret")))
    with pytest.raises(ValueError, match="There is no domain 'maths'"):
        GroupReward(domain="maths")


HALF = "it is \ud83d"
CALL = [{"role": "assistant", "tool_calls": [{"function": {"name": "look"}}]}]
IMAGES = [{"role": "assistant", "content": [{"type": "image", "image": "a.png"}, {"type": "image"}]}]
BAD = {
    "long": "x" * 31_000,
    "half": HALF,
    "call": CALL,
    "images": IMAGES,
    "null": [{"role": "assistant", "content": None}],
    "empty": [],
    "none": None,
}


@pytest.fixture(scope="module")
def short_texts() -> Iterator[str]:
    with serving(max_text_chars=30_000) as address:
        yield address.http


@pytest.mark.parametrize("kind", BAD)
async def test_a_completion_that_cannot_be_read_is_none_and_its_siblings_are_scored(
    short_texts: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    reward = GroupReward(short_texts, num_generations=3)
    status: dict[str, list[Any]] = {}
    with caplog.at_level(logging.WARNING):
        found = await reward(
            ["a?"] * 3 + ["b?"] * 3, ["1234567", BAD[kind], "1234567"] + ["1234567"] * 3, log_extra=status.__setitem__
        )
    await reward.client.close()
    assert found == [1.0, None, 1.0, 1.0, 1.0, 1.0]
    assert status["memreward_status"] == ["ok", "invalid", "ok", "ok", "ok", "ok"]
    reason = status["memreward_reason"][1]
    assert reason.startswith("response ")
    assert reason in caplog.text


async def test_of_typed_blocks_the_text_is_the_completion() -> None:
    reward, transport = reward_with()
    blocks = [{"type": "image", "image": "a.png"}, {"type": "text", "text": "1234"}]
    assert await reward(["a?", "a?"], [[{"role": "assistant", "content": blocks}], "12"]) == [0.4, 0.2]
    assert sent(transport) == [("a?", ["1234", "12"])]


PICTURE = [{"role": "user", "content": [{"type": "image", "image": "a.png"}]}]


@pytest.mark.parametrize("prompt", [PICTURE, [{"role": "user"}], [], " "])
async def test_the_completions_of_a_prompt_without_text_are_none_and_others_are_scored(prompt: Any) -> None:
    reward, transport = reward_with(num_generations=2)
    found = await reward([prompt, prompt, "b?", "b?"], ["1", "22", "333", "4444"])
    assert found == [None, None, 0.3, 0.4]
    assert sent(transport) == [("b?", ["333", "4444"])]
    assert await reward([prompt, prompt], ["1", "22"]) == [None, None]


async def test_long_responses_go_in_requests_that_a_body_can_hold() -> None:
    reward, transport = reward_with(num_generations=8)
    texts = ["x" * 190_000] * 64
    assert await reward([f"{place // 8}?" for place in range(64)], texts) == [19_000.0] * 64
    assert [len(call.fields["groups"]) for call in transport.calls] == [5, 3]
