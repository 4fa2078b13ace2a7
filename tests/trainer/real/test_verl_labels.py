"""verl's own trainer in regime rollouts: the service asks for some labels, the reward workers verify those."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.service_process import running
from trainer.real.conftest import Taught
from trainer.real.recording_proxy import recording
from trainer.real.verl_run import PROMPTS_A_STEP, ROLLOUTS, VerlRun, rewards_given

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STEPS = 6
A_STEP = PROMPTS_A_STEP * ROLLOUTS
SHARE = 0.17


def test_a_verl_run_verifies_what_the_service_asks_for_and_no_more(taught: Taught, tmp_path: Path) -> None:
    with running(taught.copy(tmp_path / "data")) as service, recording(service.http_port) as proxy:
        service.until_ready()
        before = service.get("/v1/memory")["stored"]
        overrides = [
            f"+reward.memreward.label_share={SHARE}",
            "trainer.v1.sampler.custom_sampler.path=pkg://memreward_trainer.verl.sampler",
            "trainer.v1.sampler.custom_sampler.name=measured_sampler",
            f"+trainer.v1.sampler.sampler_kwargs.url={service.url}",
        ]
        with VerlRun(tmp_path / "run", taught.policy, proxy.url, STEPS, taught.new, overrides=overrides) as run:
            assert run.until_ended() == 0, run.traces
            samples = {sample.place: sample for sample in run.samples()}
            shares, auc = run.metrics("memreward/source/label"), run.metrics("memreward/trust/auc")
            first_loss = run.metrics("actor/pg_loss")
        answered, asked, sent = proxy.rewards(), proxy.label_requests(), proxy.submissions()
        given = rewards_given(proxy)
        (run_id,) = {each["run_id"] for each in sent}
        spent = service.get("/v1/label-spending", run_id=run_id)
        stored = service.get("/v1/memory")["stored"]

    # What verl trained on is what the service answered.
    assert len(answered) == A_STEP * STEPS
    assert {place: sample.score for place, sample in samples.items()} == given
    # Every label that was asked for was told, and is the truth.
    told = {
        (each["group_id"], each["rollout_index"]): each["rollout"]["label"]
        for each in sent
        if "label" in each["rollout"]
    }
    assert asked
    assert told == {place: float(samples[place].right) for place in asked}
    assert not any(each.get("no_label") for each in sent)
    assert asked == {place for place, answer in answered.items() if answer["source"] == "label"}
    # The budget holds in every step.
    assert spent["labels"] == len(asked)
    assert [step["step"] for step in spent["steps"]] == list(range(1, STEPS + 1))
    for step in spent["steps"]:
        assert step["rollouts"] == A_STEP
        assert step["labels"] <= SHARE * A_STEP
    # verl's own loggers tell it.
    assert {step: round(share * A_STEP) for step, share in shares.items()} == {
        step["step"]: step["labels"] for step in spent["steps"]
    }
    assert set(first_loss) == set(range(1, STEPS + 1))
    print(f"labels {len(asked)} of {len(samples)}; trust {auc}")
    assert all(0 <= value <= 1 for value in auc.values())
    # Experience is stored in the background of the workers, which end with the run.
    assert 0 < stored["labels"] - before["labels"] <= len(asked)
