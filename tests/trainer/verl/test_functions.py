"""The plain reward function, called by verl's own manager, against a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_engine import FakeEngine
from memreward_client import NotScored, Unauthenticated
from memreward_trainer.adapter.connection import Connection, async_client
from memreward_trainer.verl.functions import compute_score
from serving import serving
from trainer.verl.verl_parts import (
    AgentLoop,
    NaiveRewardManager,
    RewardWorker,
    byte_tokenizer,
    columns,
    get_custom_reward_fn,
    verl_config,
)

pytestmark = pytest.mark.usefixtures("_closed_clients")
KEYS = ["score", "probability", "status", "source", "model_version"]
QUESTION = {"split": "train", "question": "What is 6*7?"}


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[str, FakeEngine]]:
    engine = FakeEngine()
    with serving(engine) as address:
        yield address.http, engine


@pytest.fixture
async def _closed_clients(service: tuple[str, FakeEngine]) -> AsyncIterator[None]:
    """What a process keeps to its end, and the event loop of a test does not."""
    yield
    await async_client(Connection(service[0])).close()


async def test_verls_naive_manager_gets_a_reward_a_rollout(service: tuple[str, FakeEngine], tmp_path: Path) -> None:
    url, engine = service
    kwargs = "+reward.custom_reward_function.reward_kwargs"
    config = verl_config(
        tmp_path,
        url,
        "reward.custom_reward_function.path=pkg://memreward_trainer.verl.functions",
        f"{kwargs}.url={url}",
        f"{kwargs}.domain=math",
    )
    manager = NaiveRewardManager(config, byte_tokenizer(), get_custom_reward_fn(config))
    loop = AgentLoop(byte_tokenizer(), [RewardWorker(manager)])
    output = await loop.score("twenty-seven", **columns("u", 0, "asked", extra_info=dict(QUESTION)))
    assert output.reward_score == 0.0
    info = output.extra_fields["reward_extra_info"]
    assert list(info) == KEYS
    assert list(info.values()) == [0.0, 0.2, "ok", "gnn", "m-2"]
    ((group,),) = engine.scored[-1:]
    assert (group.query.text, group.query.domain, group.query.dataset) == ("What is 6*7?", "math", "openai/gsm8k")
    assert [rollout.response for rollout in group.rollouts] == ["twenty-seven"]
    asked = len(engine.scored)
    output = await loop.score("#### 42", **columns("u", 0, "asked", extra_info=QUESTION | {"split": "test"}))
    assert output.reward_score == 1.0
    assert len(engine.scored) == asked


async def score(service: tuple[str, FakeEngine], response: str, **options: Any) -> Any:
    return await compute_score("openai/gsm8k", response, "42", dict(QUESTION), **{"url": service[0], **options})


async def test_a_rollout_that_cannot_be_scored_is_an_error_or_the_stated_number(
    service: tuple[str, FakeEngine], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(NotScored, match=r"could not score 1 of 1 rollouts \(abstain\)"):
        await score(service, "unsure")
    results = [await score(service, each, on_unscored=0.25) for each in ("123456", "unsure", " ")]
    assert [(each["score"], each["status"]) for each in results] == [(1.0, "ok"), (0.25, "abstain"), (0.25, "invalid")]
    assert "could not score 1 of 1 rollouts. It gets the stated reward 0.25. In this process:" in caplog.text
    away = await score(service, "123456", url="http://127.0.0.1:9", on_unscored=0.25, deadline_seconds=0.2)
    assert (away["score"], away["probability"]) == (0.25, None)
    assert away["status"] in ("unreachable", "deadline_exceeded")
    await async_client(Connection("http://127.0.0.1:9")).close()


async def test_a_mistake_in_the_set_up_is_an_error_whatever_is_stated(tmp_path: Path) -> None:
    with serving(api_keys="right") as address:
        connections = [Connection(address.http, key) for key in ("wrong", "right")]
        options = {"url": address.http, "api_key": "wrong", "on_unscored": 0.25}
        with pytest.raises(Unauthenticated, match="API key"):
            await compute_score("openai/gsm8k", "123456", "42", dict(QUESTION), **options)
        right = await compute_score("openai/gsm8k", "123456", "42", dict(QUESTION), **options | {"api_key": "right"})
        for connection in connections:
            await async_client(connection).close()
    assert right["score"] == 1.0


async def test_the_query_is_found_in_extra_info_or_asked_for(service: tuple[str, FakeEngine]) -> None:
    url, engine = service
    chat = {"split": "train", "prompt": [{"role": "user", "content": "From a chat?"}]}
    await compute_score("svamp", "1", "42", chat, url=url)
    await compute_score("svamp", "1", "42", QUESTION | {"raw": "Bare?"}, url=url, query_field="raw")
    assert [groups[0].query.text for groups in engine.scored[-2:]] == ["From a chat?", "Bare?"]
    with pytest.raises(ValueError, match=r"extra_info holds no text of the query \(looked at question, prompt"):
        await compute_score("svamp", "1", "42", {"split": "train"}, url=url)
    with pytest.raises(ValueError, match="no extra_info\\['split'\\]"):
        await compute_score("svamp", "1", "42", {"question": "?"}, url=url)
    assert (await compute_score("svamp", "1", "42", {"question": "?"}, url=url, training_splits=None))["score"] == 0.0


async def test_masking_is_not_promised(service: tuple[str, FakeEngine]) -> None:
    with pytest.raises(ValueError, match="this trainer cannot mask"):
        await compute_score("svamp", "1", "42", dict(QUESTION), url=service[0], on_unscored="mask")


async def test_an_option_that_there_is_not_is_an_error(service: tuple[str, FakeEngine]) -> None:
    with pytest.raises(TypeError, match="on_unscoerd"):
        await compute_score("svamp", "1", "42", dict(QUESTION), url=service[0], on_unscoerd=0.5)
