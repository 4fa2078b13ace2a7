"""Programs of rollouts: where they run, what is sent of what they did, and what a machine without a sandbox is told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from memreward_client import FakeService
from memreward_trainer.behaviour.run import rollout_behaviour
from memreward_trainer.sandbox.isolation import Isolation, SandboxUnavailable
from memreward_trainer.sandbox.sandbox import LocalSandbox
from memreward_trainer.verl.settings import VerlSettings
from trainer.sandbox.fusion_server import FakeServer, listening
from trainer.verl.verl_parts import (
    AgentLoop,
    RewardWorker,
    byte_tokenizer,
    columns,
    manager_before,
    verl_config,
    verl_programs,
)

URL = "http://127.0.0.1:9"
QUERY = 'def double(x: int) -> int:\n    """Twice x."""\n'
RIGHT, ALIKE, WRONG = (f"```python\ndef double(x):\n    return {body}\n```" for body in ("2 * x", "x + x", "x"))
CODE = ("++reward.memreward.domain=code",)


def sandbox_of(folder: Path, *overrides: str) -> Any:
    config = verl_config(folder, URL, *overrides)
    return verl_programs.sandbox_for(VerlSettings.of(config), config)


async def sent(folder: Path, responses: list[str], *overrides: str, service: Any = None) -> tuple[Any, list[Any]]:
    """The manager, and the rollouts that its service was sent."""
    service = service or FakeService(lambda *_: 0.25)
    manager = manager_before(verl_config(folder, URL, *overrides), service)
    loop = AgentLoop(byte_tokenizer(), [RewardWorker(manager)])
    asked = (loop.score(each, **columns("uid-1", place, QUERY)) for place, each in enumerate(responses))
    await asyncio.gather(*asked)
    return manager, [service.submitted[key].rollout for key in sorted(service.submitted)]


async def test_a_program_is_sent_with_what_it_does(tmp_path: Path) -> None:
    manager, (right, alike, wrong, prose) = await sent(tmp_path, [RIGHT, ALIKE, WRONG, "I do not know."], *CODE)
    assert right.behaviour == await rollout_behaviour(QUERY, RIGHT, LocalSandbox())
    assert right.behaviour == alike.behaviour != wrong.behaviour
    assert [len(outcomes) for outcomes in right.behaviour] == [len(outcomes) for outcomes in wrong.behaviour]
    assert not any(outcome.startswith("v") for outcomes in prose.behaviour or () for outcome in outcomes)
    assert manager.behaviour.found + manager.behaviour.missing == 4


async def test_other_domains_run_no_program_unless_they_are_to(tmp_path: Path) -> None:
    manager, rollouts = await sent(tmp_path, [RIGHT])
    assert (rollouts[0].behaviour, manager.behaviour.found) == (None, 0)
    _, rollouts = await sent(tmp_path, [RIGHT], *CODE, "+reward.memreward.behaviour=false")
    assert rollouts[0].behaviour is None
    _, rollouts = await sent(tmp_path, [RIGHT], "+reward.memreward.behaviour=true")
    assert rollouts[0].behaviour is not None


async def test_in_a_mixed_run_the_rows_of_the_domain_code_are_run(tmp_path: Path) -> None:
    service = FakeService(lambda *_: 0.25)
    manager = manager_before(verl_config(tmp_path, URL, "+reward.memreward.domains={humaneval:code}"), service)
    loop = AgentLoop(byte_tokenizer(), [RewardWorker(manager)])
    await loop.score(RIGHT, **columns("uid-1", 0, QUERY, data_source="humaneval"))
    await loop.score(RIGHT, **columns("uid-2", 0, QUERY))
    assert [each.rollout.behaviour is not None for each in service.submitted.values()] == [True, False]


async def test_a_rollout_that_is_labelled_and_stored_keeps_its_behaviour(tmp_path: Path) -> None:
    service = FakeService(lambda *_: 0.25, wants_label=lambda *_: True)
    tests = ("+reward.memreward.label_share=0.5", "+reward.memreward.verifier=code")
    manager = manager_before(verl_config(tmp_path, URL, *CODE, *tests), service)
    loop = AgentLoop(byte_tokenizer(), [RewardWorker(manager)])
    info = {"split": "train", "tests": ["assert double(3) == 6"]}
    asked = (
        loop.score(text, **columns("u", place, QUERY, extra_info=info)) for place, text in enumerate((RIGHT, WRONG))
    )
    outputs = await asyncio.gather(*asked)
    assert [output.reward_score for output in outputs] == [1.0, 0.0]
    await manager.experience.settled()
    (query,) = service.experience.values()
    assert len(query.rollouts) == 2
    for rollout in query.rollouts:
        response = rollout.response
        assert rollout.label == float(response == RIGHT)
        behaviour = await rollout_behaviour(QUERY, response, LocalSandbox())
        assert behaviour is not None
        assert rollout.behaviour == behaviour


async def test_a_sandbox_that_fails_leaves_the_rollout_without_behaviour_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing(*_: Any) -> None:
        raise SandboxUnavailable("No process could be started: too many.")

    monkeypatch.setattr(verl_programs, "rollout_behaviour", failing)
    manager, rollouts = await sent(tmp_path, [RIGHT, WRONG], *CODE)
    assert [rollout.behaviour for rollout in rollouts] == [None, None]
    assert (manager.behaviour.found, manager.behaviour.missing) == (0, 2)
    assert "compared by its text only: SandboxUnavailable: No process could be started: too many." in caplog.text
    assert "In this worker: 0 were run, 2 not." in caplog.text


async def test_programs_that_wait_too_long_for_their_turn_are_sent_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def hanging(*_: Any) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(verl_programs, "rollout_behaviour", hanging)
    _, rollouts = await sent(tmp_path, [RIGHT], *CODE, "+reward.memreward.deadline_seconds=0.4")
    assert rollouts[0].behaviour is None
    assert "it took more than 0.2 seconds, the wait for the sandbox included" in caplog.text


@pytest.mark.parametrize("why", [("behaviour", *CODE), ("verifier=code", "+reward.memreward.verifier=code")])
def test_a_machine_without_a_sandbox_is_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: tuple[str, str]
) -> None:
    async def unavailable(_: LocalSandbox) -> Isolation:
        raise SandboxUnavailable("Model-written programs cannot be isolated here. bubblewrap: it is not installed.")

    monkeypatch.setattr(LocalSandbox, "prepare", unavailable)
    with pytest.raises(ValueError, match=rf"lets programs run here \({why[0]}.*bubblewrap: it is.*set behaviour=false"):
        sandbox_of(tmp_path, why[1], "+reward.memreward.label_share=0.2")
    assert sandbox_of(tmp_path) is None
    assert sandbox_of(tmp_path, *CODE, "+reward.memreward.behaviour=false") is None


async def test_programs_run_on_the_sandbox_server_of_verls_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(_: LocalSandbox) -> Isolation:
        raise SandboxUnavailable("not on this machine")

    monkeypatch.setattr(LocalSandbox, "prepare", unavailable)
    verify = ("+reward.memreward.label_share=0.5", "+reward.memreward.verifier=code")
    service, server = FakeService(lambda *_: 0.25, wants_label=lambda *_: True), FakeServer()
    with listening(server) as url:
        fusion = (f"reward.sandbox_fusion.url={url}", "reward.sandbox_fusion.max_concurrent=2")
        manager = manager_before(verl_config(tmp_path, URL, *CODE, *verify, *fusion), service)
        loop = AgentLoop(byte_tokenizer(), [RewardWorker(manager)])
        info = {"split": "train", "tests": ["assert double(3) == 6"]}
        outputs = await asyncio.gather(
            *(
                loop.score(text, **columns("u", place, QUERY, extra_info=info))
                for place, text in enumerate((RIGHT, WRONG))
            )
        )
        await manager.experience.settled()
    assert [output.reward_score for output in outputs] == [1.0, 0.0]
    right, wrong = (service.submitted[key].rollout.behaviour for key in sorted(service.submitted))
    assert right is not None
    assert right != wrong
    assert len(server.requests) >= 6, "a program is loaded and called for its behaviour, and again for its tests"


async def test_workers_share_the_processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verl_programs.os, "cpu_count", lambda: 8)
    made = {workers: sandbox_of(tmp_path, *CODE, f"reward.num_workers={workers}") for workers in (1, 3, 100)}
    assert {workers: sandbox._permits._value for workers, sandbox in made.items() if sandbox} == {1: 8, 3: 2, 100: 1}
