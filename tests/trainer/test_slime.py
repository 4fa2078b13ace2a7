"""slime's custom reward model, called as slime's rm_hub does: `await custom_rm(args, sample or samples)`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from fake_engine import FakeEngine
from memreward_client import NotScored
from memreward_trainer.adapter.connection import Connection, async_client
from memreward_trainer.slime import custom_rm
from serving import serving


@dataclass
class Sample:
    """The fields of slime's Sample that a reward may rest on."""

    group_index: int | None
    response: str
    prompt: Any = "a?"
    label: str | None = "42"
    metadata: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[str, FakeEngine]]:
    engine = FakeEngine()
    with serving(engine) as address:
        yield address.http, engine


@pytest.fixture
async def url(service: tuple[str, FakeEngine]) -> AsyncIterator[str]:
    yield service[0]
    await async_client(Connection(service[0])).close()


def arguments(url: str, samples: int = 4, **others: Any) -> Namespace:
    return Namespace(n_samples_per_prompt=samples, rm_url=None, **{"memreward_url": url, **others})


async def test_samples_of_a_group_are_scored_together_in_their_order(url: str, service: tuple[str, FakeEngine]) -> None:
    samples = [Sample(7, "123456"), Sample(8, "12", "b?"), Sample(7, "1"), Sample(8, "1234567", "b?")]
    rewards = await custom_rm(arguments(url, memreward_domain="math", memreward_dataset="sums"), samples)
    assert rewards == [1.0, 0.0, 0.0, 1.0]
    (groups,) = service[1].scored[-1:]
    assert [(group.query.text, group.query.dataset, len(group.rollouts)) for group in groups] == [
        ("a?", "sums", 2),
        ("b?", "sums", 2),
    ]
    assert all(rollout.label is None for group in groups for rollout in group.rollouts)


@pytest.mark.parametrize("index", [None, 0])
async def test_two_prompts_are_never_one_group(url: str, service: tuple[str, FakeEngine], index: int | None) -> None:
    samples = [Sample(index, "123456", "3 + 4?"), Sample(index, "1", "5 + 1?"), Sample(index, "2", "3 + 4?")]
    assert await custom_rm(arguments(url), samples) == [1.0, 0.0, 0.0]
    assert [(group.query.text, len(group.rollouts)) for group in service[1].scored[-1]] == [
        ("3 + 4?", 2),
        ("5 + 1?", 1),
    ]


async def test_a_rendered_chat_has_its_query_in_the_metadata(url: str, service: tuple[str, FakeEngine]) -> None:
    sample = Sample(0, "1", "<|user|>Bare?<|end|>", metadata={"question": "Bare?"})
    await custom_rm(arguments(url, memreward_query_key="question"), [sample])
    assert service[1].scored[-1][0].query.text == "Bare?"


async def test_a_single_sample_is_only_a_group_where_groups_have_one(url: str) -> None:
    assert await custom_rm(arguments(url, samples=1), Sample(0, "123456")) == 1.0
    with pytest.raises(ValueError, match="add --group-rm"):
        await custom_rm(arguments(url), Sample(0, "123456"))


async def test_what_could_not_be_scored_ends_the_run_or_gets_the_stated_number(url: str) -> None:
    samples = [Sample(0, "123456"), Sample(0, "unsure")]
    with pytest.raises(NotScored, match="abstain"):
        await custom_rm(arguments(url), samples)
    assert await custom_rm(arguments(url, memreward_on_unscored=0.5), samples) == [1.0, 0.5]
    with pytest.raises(ValueError, match="this trainer cannot mask a rollout"):
        await custom_rm(arguments(url, memreward_on_unscored="mask"), samples)


async def test_a_service_that_is_away_ends_the_run_or_gets_the_stated_number() -> None:
    away = {"url": "http://127.0.0.1:9", "memreward_deadline_seconds": 0.2}
    with pytest.raises(NotScored, match="deadline_exceeded"):
        await custom_rm(arguments(**away), [Sample(0, "123456")])
    assert await custom_rm(arguments(**away, memreward_on_unscored=0.5), [Sample(0, "123456")]) == [0.5]


async def test_a_sample_that_cannot_be_read_gets_the_stated_number_alone(url: str) -> None:
    image = [{"role": "user", "content": [{"type": "image"}]}]
    samples = [Sample(1, "1234567"), Sample(1, "so \ud83d"), Sample(1, " "), Sample(2, "1234567", image)]
    found = await custom_rm(arguments(url, memreward_on_unscored=0.25), samples)
    assert found == [1.0, 0.25, 0.25, 0.25]
    long = [Sample(3, "x" * 200_001), Sample(3, "1234567")]
    assert await custom_rm(arguments(url, memreward_on_unscored=0.25), long) == [0.25, 1.0]
