"""What is told beside a step's batch: shares by source, and the trust of the service."""

from __future__ import annotations

import inspect
import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from memreward_client import (
    DomainTrust,
    FakeService,
    Interval,
    MockTransport,
    Retries,
    RewardClient,
    TrustFigures,
    TrustIntervals,
    TrustReport,
    Unreachable,
)
from trainer.verl.verl_parts import ReplayBuffer, verl_metrics

FIGURES = TrustFigures(240, 0.05, 0.93, 0.125, None, 0.04)
TOLD = {
    "memreward/trust/rollouts": 240.0,
    "memreward/trust/share_abstained": 0.05,
    "memreward/trust/auc": 0.93,
    "memreward/trust/false_positive_rate": 0.125,
    "memreward/trust/calibration_error": 0.04,
}
VERLS_OWN = {
    "trainer_config": {},
    "max_off_policy_threshold": 8,
    "max_off_policy_strategy": "drop",
    "refill_fn": None,
}


def following(handler: Any) -> Any:
    return verl_metrics.TrustFollower(
        lambda: RewardClient(transport=MockTransport(handler), retries=Retries(attempts=1))
    )


def trusted(figures: TrustFigures = FIGURES) -> FakeService:
    service = FakeService(lambda *_: 1.0)
    service.trust = TrustReport(2000, 50, None, None, figures, ())
    return service


def test_an_answer_is_told_once_and_without_what_is_not_defined() -> None:
    follower = following(trusted())
    assert follower.metrics() == {}
    follower.ask()
    follower.settled()
    assert follower.metrics() == TOLD
    assert follower.metrics() == {}


def test_every_domain_is_told_beside_all_together() -> None:
    service = trusted()
    figures, predicted = TrustFigures(40, None, 0.5, None, None, None), TrustFigures(90, 0.25, None, None, None, None)
    math = DomainTrust(
        "math",
        False,
        "The AUC is under the bound.",
        figures,
        predicted,
        TrustIntervals(Interval(0.25, 0.75), None, None),
        60,
        None,
        (),
        agreement=0.75,
        drifting=2,
    )
    service.trust = replace(service.trust, domains=(math,))
    follower = following(service)
    follower.ask()
    follower.settled()
    assert follower.metrics() == TOLD | {
        "memreward/trust/math/rollouts": 40.0,
        "memreward/trust/math/auc": 0.5,
        "memreward/trust/math/trusted": 0.0,
        "memreward/trust/math/agreement": 0.75,
        "memreward/trust/math/drifting": 2.0,
        "memreward/trust/math/predicted/rollouts": 90.0,
        "memreward/trust/math/predicted/share_abstained": 0.25,
        "memreward/trust/math/predicted/auc_low": 0.25,
        "memreward/trust/math/predicted/auc_high": 0.75,
        "memreward/trust/math/predicted/audited": 60.0,
    }


def test_asking_waits_for_nobody_and_asks_one_question_at_a_time() -> None:
    gate, asked, service = threading.Event(), [], trusted()

    def slow(call: Any) -> Any:
        asked.append(call.rpc)
        gate.wait()
        return service(call)

    follower = following(slow)
    for _ in range(3):
        follower.ask()
        assert follower.metrics() == {}
    gate.set()
    follower.settled()
    assert asked == ["GetTrust"]
    assert follower.metrics() == TOLD


def test_a_service_that_does_not_answer_is_told_once_and_nothing_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def away(_: Any) -> Any:
        raise Unreachable("Nobody answers.")

    follower = following(away)
    for _ in range(2):
        follower.ask()
        follower.settled()
        assert follower.metrics() == {}
    assert caplog.text.count("The service did not report its trust") == 1


def test_the_shares_are_those_of_the_rollouts_that_tell_their_source() -> None:
    infos = [{"source": each, "status": "ok"} for each in ("gnn", "label", "gnn", None)]
    assert verl_metrics.source_shares([*infos, {"acc": 1.0}]) == {
        "memreward/source/label": 0.25,
        "memreward/source/gnn": 0.5,
        "memreward/source/none": 0.25,
    }
    assert verl_metrics.source_shares([{"acc": 1.0}]) == {}


def test_groups_whose_rewards_are_equal_give_no_gradient() -> None:
    rewards = {
        "a_0": 1.0, "a_1": 1.0, "a_2": 1.0,
        "b_0": 1.0, "b_1": 0.0,
        "c_0": 0.0, "c_1": None, "c_2": 0.0,
        "d_0": 1.0, "d_1": None,
        "e_0": 0.8, "e_10": 0.85,
    }  # fmt: skip
    infos: dict[str, Any] = {session: {"source": "gnn", "reward": reward} for session, reward in rewards.items()}
    # Of d one reward is known, so there is nothing to compare.
    assert verl_metrics.without_gradient(infos) == {"memreward/groups/without_gradient": 2 / 4}
    scores: dict[str, Any] = {session: {"source": "gnn", "score": 1.0} for session in ("f_0", "f_1")}
    assert verl_metrics.without_gradient(scores) == {"memreward/groups/without_gradient": 1.0}
    assert verl_metrics.without_gradient({"g_0": {"reward": 1.0}, "g_1": {"reward": 1.0}}) == {}, "not ours"


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What verl's queue holds as extra_fields, by key."""
    held: dict[str, Any] = {}

    def read(keys: list[str], partition_id: str, select_fields: list[str]) -> dict[str, list[Any]]:
        assert (partition_id, select_fields) == ("train", ["extra_fields"])
        return {"extra_fields": [SimpleNamespace(data=held[key]) for key in keys]}

    monkeypatch.setattr(verl_metrics.transfer_queue, "kv_batch_get", read)
    return held


@pytest.mark.parametrize(("mode", "kind"), [("sync", "MeasuredSampler"), ("colocate_async", "MeasuredAsyncSampler")])
def test_the_sampler_adds_its_metrics_to_those_of_verl(
    monkeypatch: pytest.MonkeyPatch, queue: dict[str, Any], mode: str, kind: str
) -> None:
    sources = {"a_0_0": "label", "a_0_1": "label", "a_1_0": "gnn", "b_0_0": "gnn", "b_1_0": "gnn"}
    rewards = {"a_0_0": 1.0, "a_0_1": 1.0, "a_1_0": 1.0, "b_0_0": 1.0, "b_1_0": 0.0}
    queue.update(
        {key: {"reward_extra_info": {"source": source, "reward": rewards[key]}} for key, source in sources.items()}
    )
    sampler = verl_metrics.measured_sampler(trainer_mode=mode, sampler_kwargs={"url": "http://nowhere"}, **VERLS_OWN)
    assert type(sampler).__name__ == kind
    sampler.trust = following(trusted())

    def drawn(_: Any, global_steps: int, partition_id: str, batch_size: int) -> Any:
        sampler.trust.settled()
        return SimpleNamespace(partition_id=partition_id, keys=list(sources)), {"verls": batch_size}

    monkeypatch.setattr(type(sampler).__bases__[0], "sample", drawn)
    batch, metrics = sampler.sample(global_steps=3, partition_id="train", batch_size=2)
    assert batch.keys == list(sources)
    # Two outputs of one session are one rollout.
    shares = {"memreward/source/label": 0.25, "memreward/source/gnn": 0.75, "memreward/source/none": 0.0}
    shares["memreward/groups/without_gradient"] = 0.5
    assert metrics == {"verls": 2} | shares | TOLD
    _, metrics = sampler.sample(global_steps=3, partition_id="val", batch_size=2)
    assert metrics == {"verls": 2}


def test_the_sampler_takes_what_verl_gives_to_a_sampler_of_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = inspect.signature(ReplayBuffer.__init__).parameters
    assert {"trainer_mode", "sampler_kwargs", *VERLS_OWN} <= set(taken)
    monkeypatch.setenv("MEMREWARD_URL", "http://from-the-environment:8080")
    sampler = verl_metrics.measured_sampler(trainer_mode="sync", sampler_kwargs={}, **VERLS_OWN)
    assert sampler.trust.open_client().url == "http://from-the-environment:8080"
    monkeypatch.delenv("MEMREWARD_URL")
    with pytest.raises(ValueError, match="Nothing says where the reward service is"):
        verl_metrics.measured_sampler(trainer_mode="sync", sampler_kwargs={}, **VERLS_OWN)
    with pytest.raises(ValueError, match="sampler_kwargs does not know uri: it takes url, api_key"):
        verl_metrics.measured_sampler(trainer_mode="sync", sampler_kwargs={"uri": "x"}, **VERLS_OWN)
