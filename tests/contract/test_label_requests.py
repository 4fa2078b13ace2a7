"""Label requests from end to end: a real engine behind both transports, and callers of both in one group."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from client.callers import KINDS, caller, url_of
from memreward_client import (
    Group,
    LabelBudget,
    LabelSpending,
    RolloutReward,
    StepSpending,
    Submission,
)
from memreward_client.cli.ingestion import await_memory
from memreward_service.engine.engine import Engine
from memreward_service.network.attachment import AttachRule
from memreward_service.settings import Settings
from memreward_service.training.registry import ModelRegistry, TrainingFacts
from service.engines import ASKED, STORED, TRUTH
from service.hash_encoder import HashEncoder
from service.synthetic_groups import experience_of, lively_model
from serving import serving

SIZE, STEP, WAIT = 6, 2**40, 60.0
BUDGET = LabelBudget(share=0.34, deadline_ms=round(1000 * WAIT))


@pytest.fixture
def callers(tmp_path: Path) -> Iterator[list[Any]]:
    """One client of each kind, of a service with a model and experience; the first two may be used by threads."""
    registry = ModelRegistry(tmp_path / "models", 5)
    model = lively_model(rule=AttachRule(neighbors=64, similarity_floor=-1.0, same_domain=True))
    registry.activate(registry.save(model, TrainingFacts(0, len(STORED), 144, "hash")))
    engine = Engine(Settings(data_dir=tmp_path, torch_threads=1, calibration_share=0.0), HashEncoder())
    with serving(cast(Any, engine)) as address:
        clients = [caller(kind, url_of(address, kind)) for kind in KINDS]
        stored = clients[0].add_experience([experience_of(group) for group in STORED])
        await_memory(clients[0], stored.version)
        yield clients
        for client in clients:
            client.__exit__(None, None, None)


def _submissions(place: int) -> list[Submission]:
    group = ASKED[place]
    return [
        Submission("run-1", group.group_id, index, SIZE, group.query, rollout, 0, STEP, BUDGET)
        for index, rollout in enumerate(group.rollouts)
    ]


def _scored(clients: list[Any], sent: list[Submission], truth: list[float] | None) -> list[list[RolloutReward]]:
    """All answers to each rollout, sent by the clients in turn; None of a truth says that there is no label."""

    def answers(index: int) -> list[RolloutReward]:
        found = [clients[index % 2].submit(sent[index], deadline=WAIT)]
        while found[-1].status == "label_requested":
            rollout = replace(sent[index].rollout, label=None if truth is None else truth[index])
            again = replace(sent[index], rollout=rollout, no_label=truth is None)
            found.append(clients[(index + 1) % 2].submit(again, deadline=WAIT))
        return found

    with ThreadPoolExecutor(SIZE) as threads:
        return list(threads.map(answers, range(SIZE)))


def test_callers_of_both_transports_verify_what_they_are_asked_for(callers: list[Any]) -> None:
    blocking = callers[:2]
    asked = 0
    for place in range(4):
        for index, found in enumerate(_scored(blocking, _submissions(place), TRUTH[place])):
            *requests, last = found
            asked += len(requests)
            assert [(each.reward, each.source, each.model_version) for each in requests] == [(None,) * 3] * len(
                requests
            )
            assert all(each.label_request is not None and each.label_request.gain > 0 for each in requests)
            assert (last.status, last.source, last.label_request) == ("ok", "label" if requests else "gnn", None)
            assert not requests or last.reward == TRUTH[place][index]
            retries = [client.submit(_submissions(place)[index], deadline=WAIT) for client in callers]
            assert retries == [last] * len(callers), "settled: nothing is asked for again"
    assert 0 < asked <= int(BUDGET.share * SIZE * 4)
    expected = LabelSpending("run-1", SIZE * 4, asked, (StepSpending(STEP, SIZE * 4, asked),))
    assert [client.label_spending("run-1") for client in callers] == [expected] * len(callers)


def test_without_a_label_the_prediction_is_the_reward(callers: list[Any]) -> None:
    answers = _scored(callers[:2], _submissions(0), None)
    requested = [found[-1] for found in answers if len(found) > 1]
    assert len(requested) >= 1
    assert {(found[-1].status, found[-1].source) for found in answers} == {("ok", "gnn")}
    plain = [replace(one, run_id="run-2", label_budget=None) for one in _submissions(0)]
    with ThreadPoolExecutor(SIZE) as threads:
        unasked = list(threads.map(lambda one: callers[0].submit(one, deadline=WAIT), plain))
    assert [each.reward for each in unasked] == [found[-1].reward for found in answers]


def test_a_plan_is_charged_to_the_same_ledger(callers: list[Any]) -> None:
    groups = [Group(each.query, each.rollouts, each.group_id) for each in ASKED[:4]]
    charge = {"run_id": "run-3", "step": STEP, "label_budget": LabelBudget(0.1)}
    free = callers[0].plan_labels(groups, 10).plan
    plans = [client.plan_labels(groups, 10, **charge).plan for client in callers]
    assert plans == [free[:2]] * len(callers)
    assert callers[1].label_spending("run-3") == LabelSpending("run-3", 24, 2, (StepSpending(STEP, 24, 2),))


def test_who_cannot_verify_is_never_asked(callers: list[Any]) -> None:
    for place in range(4):
        sent = [replace(one, label_budget=BUDGET if one.rollout_index == 5 else None) for one in _submissions(place)]
        answers = _scored(callers[:2], sent, TRUTH[place])
        assert [len(found) for found in answers[:5]] == [1] * 5
        assert {found[-1].status for found in answers} == {"ok"}
