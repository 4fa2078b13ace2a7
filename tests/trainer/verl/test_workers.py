"""verl's reward workers on a local Ray, before a real HTTP server: what each rollout gets, and what is left out."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytest
import ray
import torch

from fake_engine import TRUST, FakeEngine
from memreward_client import NotScored
from memreward_proto.records import Experience, ExperienceReceipt, StoredRollout
from serving import Address, serving
from trainer.verl.verl_parts import (
    AgentLoop,
    RewardLoopManager,
    TrainingStep,
    byte_tokenizer,
    columns,
    verl_config,
    verl_metrics,
)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Ray and verl warn all the time
GROUPS, GROUP_SIZE = 6, 4


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[None]:
    # Ray puts Unix sockets in there, whose paths must be short.
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(num_cpus=16, include_dashboard=False, log_to_driver=False, _temp_dir=folder)
        yield
        ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def service() -> Iterator[Address]:
    with serving(FakeEngine()) as address:
        yield address


@dataclass(frozen=True)
class Workers:
    """The reward workers of a run, and the agent loop that asks them."""

    manager: RewardLoopManager
    loop: AgentLoop


Start = Callable[..., Workers]


@pytest.fixture(scope="module")
def start(ray_cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts reward workers, or gives those that run: verl names them, so there is one set at a time."""
    running: dict[tuple[str, ...], Workers] = {}

    def stop() -> None:
        for workers in running.values():
            for worker in workers.manager.reward_loop_workers:
                ray.kill(worker)
        running.clear()

    def start_workers(url: str, *overrides: str, count: int = 2) -> Workers:
        if (url, *overrides) not in running:
            stop()
            folder = tmp_path_factory.mktemp("policy")
            config = verl_config(folder, url, f"reward.num_workers={count}", *overrides, group_size=GROUP_SIZE)
            manager = RewardLoopManager(config)
            running[url, *overrides] = Workers(manager, AgentLoop(byte_tokenizer(), manager.reward_loop_worker_handles))
        return running[url, *overrides]

    yield start_workers
    stop()


def response(group: int, place: int) -> str:
    """Texts of different lengths, on which the reward of the fake engine rests."""
    return f"group {group} " + "x" * (place + group)


async def test_every_rollout_gets_its_own_answer_whichever_worker_asks(start: Start, service: Address) -> None:
    places = [(group, place) for group in range(GROUPS) for place in range(GROUP_SIZE)]
    random.Random(0).shuffle(places)
    before = len(service.engine.submitted)
    loop = start(service.http).loop
    asked = (loop.score(response(*each), **columns(f"uid-{each[0]}", each[1], f"query {each[0]}")) for each in places)
    outputs = await asyncio.gather(*asked)
    for place, output in zip(places, outputs, strict=True):
        probability = len(response(*place)) % 10 / 10
        assert output.reward_score == float(probability >= 0.5)
        assert output.extra_fields["reward_extra_info"] == {
            "reward": output.reward_score,
            "probability": probability,
            "status": "ok",
            "source": "gnn",
            "model_version": "m-2",
        }
    sent = service.engine.submitted[before:]
    assert len({each.key.run_id for each in sent}) == 1
    assert ray.get_runtime_context().get_session_name() in sent[0].key.run_id
    got = {(each.key.group_id, each.rollout_index): each for each in sent}
    assert len(got) == len(sent) == GROUPS * GROUP_SIZE
    for group, place in places:
        each = got[(f"uid-{group}", place)]
        assert (each.rollout.response, each.query.text) == (response(group, place), f"query {group}")
        assert (each.group_size, each.step, each.rollout.label) == (GROUP_SIZE, 3, None)


async def test_a_validation_in_the_workers_reaches_no_service(start: Start, service: Address) -> None:
    before = len(service.engine.submitted)
    loop = start(service.http).loop
    rows = [(f"#### {answer}", columns("v", answer, "6*7?", split="test")) for answer in range(40, 44)]
    outputs = await asyncio.gather(*(loop.score(text, **row) for text, row in rows))
    assert [output.reward_score for output in outputs] == [0.0, 0.0, 1.0, 0.0]
    assert len(service.engine.submitted) == before


SPY = """
import json
from pathlib import Path

def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    with Path({log!r}).open("a") as log:
        log.write(json.dumps(solution_str) + "\\n")
    if "fail" in solution_str:
        raise ValueError("no parse")
    return float(solution_str.endswith(ground_truth))
"""


class RememberingEngine(FakeEngine):
    """Keeps all rollouts it is to store, not only the first of a query."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: list[tuple[str, StoredRollout]] = []

    async def add_experience(self, queries: Sequence[Experience]) -> ExperienceReceipt:
        self.stored.extend((each.text, rollout) for each in queries for rollout in each.rollouts)
        return await super().add_experience(queries)


async def test_a_label_set_decides_who_is_asked_for_which_group(start: Start, tmp_path: Path) -> None:
    log, function, labels = tmp_path / "log", tmp_path / "spy.py", tmp_path / "labels.json"
    function.write_text(SPY.format(log=str(log)))
    labels.write_text(json.dumps({"seed": 0, "ratios": {"0.5": {"openai/gsm8k": ["0", "2", "4"]}}}))
    overrides = (
        f"reward.custom_reward_function.path={function}",
        f"+reward.memreward.label_set={labels}",
        "+reward.memreward.label_ratio=0.5",
    )
    places = [(group, place) for group in range(GROUPS) for place in range(GROUP_SIZE)]
    random.Random(1).shuffle(places)
    engine = RememberingEngine()

    def text(group: int, place: int) -> str:
        if (group, place) in ((0, 2), (1, 2)):
            return "fail" if group == 0 else "unsure"
        return f"{group} {place} is {42 if place == 3 else 43}"

    with serving(engine) as address:
        loop = start(address.http, *overrides).loop
        asked = (
            loop.score(
                text(*each),
                **columns(
                    f"uid-{each[0]}", each[1], f"query {each[0]}", extra_info={"split": "train", "index": each[0]}
                ),
            )
            for each in places
        )
        told = dict(zip(places, await asyncio.gather(*asked, return_exceptions=True), strict=True))
        for _ in range(600):
            if len(engine.stored) == 11 and len(engine.submitted) == len(places) - 1:
                break
            await asyncio.sleep(0.05)
    labelled = [each for each in places if each[0] % 2 == 0]
    assert sorted(map(json.loads, log.read_text().splitlines())) == sorted(text(*each) for each in labelled)
    # Those of the label set are sent too, with their labels, to be compared; (0, 2) has none.
    submitted = sorted((each.key.group_id, each.rollout_index, each.rollout.label) for each in engine.submitted)
    assert submitted == sorted(
        (f"uid-{group}", place, None if group % 2 else float(place == 3))
        for group, place in places
        if (group, place) != (0, 2)
    )
    for each, output in told.items():
        if each in ((0, 2), (1, 2)):
            assert isinstance(output, Exception)
            assert ("no parse" if each == (0, 2) else "abstain") in str(output)
            continue
        assert not isinstance(output, BaseException)
        info = output.extra_fields["reward_extra_info"]
        assert info["source"] == ("label" if each in labelled else "gnn")
        true, predicted = float(each[1] == 3), float(len(text(*each)) % 10 >= 5)
        assert output.reward_score == info["reward"] == (true if each in labelled else predicted)
    stored = sorted((query, rollout.response, rollout.label) for query, rollout in engine.stored)
    expected = [(group, place) for group, place in labelled if (group, place) != (0, 2)]
    assert stored == sorted((f"query {g}", text(g, p), float(p == 3)) for g, p in expected)
    assert {(rollout.label_source, rollout.step) for _, rollout in engine.stored} == {("verifier", 3)}
    assert len({rollout.id for _, rollout in engine.stored}) == 11


PROGRAM = "```python\ndef double(x):\n    return {body}\n```"
BODIES = ("2 * x", "x + x", "x", "3 * x")


async def test_programs_are_run_and_verified_in_the_workers(start: Start) -> None:
    overrides = (
        "++reward.memreward.domain=code",
        "+reward.memreward.label_share=0.5",
        "+reward.memreward.verifier=code",
        "+reward.memreward.remember=false",
    )
    query = 'def double(x: int) -> int:\n    """Twice x."""\n'
    row = {"extra_info": {"split": "train", "tests": ["assert double(3) == 6"]}}
    engine = FakeEngine()
    with serving(engine) as address:
        loop = start(address.http, *overrides).loop
        programs = [PROGRAM.format(body=body) for body in BODIES]
        asked = (loop.score(text, **columns("uid-c", place, query, **row)) for place, text in enumerate(programs))
        outputs = await asyncio.gather(*asked)
    assert [output.reward_score for output in outputs] == [1.0, 1.0, 0.0, 0.0]
    assert {output.extra_fields["reward_extra_info"]["source"] for output in outputs} == {"label"}
    first = {each.rollout_index: each for each in engine.submitted if each.rollout.label is None}
    again = {each.rollout_index: each for each in engine.submitted if each.rollout.label is not None}
    assert len(engine.submitted) == 8
    assert {place: each.rollout.label for place, each in again.items()} == {0: 1.0, 1: 1.0, 2: 0.0, 3: 0.0}
    assert {each.label_budget.share for each in engine.submitted if each.label_budget} == {0.5}
    behaviours = [first[place].rollout.behaviour for place in range(4)]
    assert behaviours == [again[place].rollout.behaviour for place in range(4)]
    assert None not in behaviours
    assert behaviours[0] == behaviours[1]
    assert len(set(behaviours)) == 3


def test_the_sampler_tells_where_the_rewards_of_a_step_come_from(start: Start, service: Address) -> None:
    overrides = (f"+trainer.v1.sampler.sampler_kwargs.url={service.http}", "+reward.memreward.on_unscored=0.5")
    step = TrainingStep(start(service.http, *overrides).manager, verl_metrics.measured_sampler)
    step.run({"uid-t": ["123456", "12", "unsure", "1234567"], "uid-u": ["12345678", "1", "12", "123"]})
    # The rollouts were there before they were sampled, so the answer may still be on its way.
    step.sampler.trust.settled()
    trust = TRUST
    told = {f"memreward/trust/{name}": value for name, value in asdict(trust.overall).items()}
    for domain in trust.domains:
        figures = asdict(domain.figures) | {"trusted": domain.trusted}
        figures |= {f"predicted/{name}": value for name, value in asdict(domain.predicted).items()}
        figures |= {
            f"predicted/{name}_{end}": value
            for name, interval in asdict(domain.interval).items()
            for end, value in (interval or {}).items()
        }
        figures |= {"predicted/audited": domain.audited, "agreement": domain.agreement, "drifting": domain.drifting}
        told |= {f"memreward/trust/{domain.domain}/{name}": value for name, value in figures.items()}
    assert len(told) > 6
    assert step.metrics | step.sampler.trust.metrics() == {
        "memreward/source/label": 0.0,
        "memreward/source/gnn": 0.875,
        "memreward/source/none": 0.125,
        "memreward/groups/without_gradient": 0.0,
    } | {name: value for name, value in told.items() if value is not None}


def test_a_masked_rollout_is_left_out_of_its_group_by_verls_own_parts(start: Start, service: Address) -> None:
    step = TrainingStep(start(service.http).manager)
    advantages = step.run({"uid-m": ["123456", "12", "unsure", "1234567"], "uid-w": ["12345678", "1", "12", "123"]})
    assert set(advantages) == {("uid-m", 0), ("uid-m", 1), ("uid-m", 3)} | {("uid-w", place) for place in range(4)}
    rewards = torch.tensor([1.0, 0.0, 1.0])
    expected = (rewards - rewards.mean()) / (rewards.std() + 1e-6)
    kept = [advantages["uid-m", place] for place in (0, 1, 3)]
    np.testing.assert_allclose(kept, expected.numpy(), rtol=1e-5)
    assert advantages["uid-w", 0] > 0 > advantages["uid-w", 1]


def test_raise_ends_the_step_in_the_trainers_own_process(start: Start, service: Address) -> None:
    overrides = ("+reward.memreward.on_unscored=raise", "algorithm.adv_estimator=memreward_grpo")
    step = TrainingStep(start(service.http, *overrides, count=1).manager)
    with pytest.raises(NotScored, match="1 of 4 rollouts of this step could not be scored"):
        step.run({"uid-r": ["123456", "12", "unsure", "1234567"]})
    places = set(step.run({"uid-s": ["123456", "12", "1234567", "1"]}))
    assert places == {("uid-s", place) for place in range(4)}


async def test_a_service_that_is_away_gives_what_is_stated_and_nothing_else(start: Start) -> None:
    overrides = ("+reward.memreward.on_unscored=0.25", "+reward.memreward.deadline_seconds=0.5")
    loop = start("http://127.0.0.1:9", *overrides, count=1).loop
    outputs = await asyncio.gather(*(loop.score("42", **columns("uid-1", place, "What?")) for place in range(4)))
    assert [output.reward_score for output in outputs] == [0.25] * 4
    infos = [output.extra_fields["reward_extra_info"] for output in outputs]
    assert {info["reward"] for info in infos} == {0.25}
    assert {info["source"] for info in infos} == {None}


def test_a_step_of_which_nothing_could_be_scored_ends_a_run_that_masks(start: Start) -> None:
    step = TrainingStep(start("http://127.0.0.1:9", "+reward.memreward.deadline_seconds=0.5", count=1).manager)
    with pytest.raises(RuntimeError, match="no materializable trajectories"):
        step.run({"uid-a": ["1", "2", "3", "4"], "uid-b": ["1", "2", "3", "4"]})
