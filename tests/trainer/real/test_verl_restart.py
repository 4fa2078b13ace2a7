"""A service that is killed in the middle of a verl run, and comes back: nothing is lost, nothing is made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.service_process import start_service, until
from trainer.real.conftest import Taught
from trainer.real.recording_proxy import recording
from trainer.real.verl_run import PROMPTS_A_STEP, ROLLOUTS, VerlRun, rewards_given

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STEPS = 6
SAMPLES = PROMPTS_A_STEP * ROLLOUTS * STEPS


def test_a_verl_run_outlives_its_service_and_no_rollout_gets_an_invented_reward(taught: Taught, tmp_path: Path) -> None:
    service = start_service(taught.copy(tmp_path / "data"))
    try:
        service.until_ready()
        with (
            recording(service.http_port) as proxy,
            VerlRun(tmp_path / "run", taught.policy, proxy.url, STEPS, taught.new) as run,
        ):
            run.until_step(2)
            until(lambda: proxy.waiting >= 3)
            service.kill()
            until(lambda: proxy.broken > 0)
            answered_before = len(proxy.rewards())
            service = start_service(service.folder, at=(service.http_port, service.grpc_port))
            assert run.until_ended() == 0, run.traces
            samples = run.samples()
            answered, given = proxy.rewards(), rewards_given(proxy)
            again = [service.post("/v1/rollouts", each) for each in proxy.submissions()]
    finally:
        service.kill()

    # The kill was in the middle: some rollouts had their answers, some were waiting, and others did not exist yet.
    print(f"{answered_before} rollouts answered before the kill, {proxy.broken} requests cut, {len(samples)} in all")
    assert 2 * PROMPTS_A_STEP * ROLLOUTS <= answered_before < SAMPLES
    assert len(answered) == SAMPLES
    assert len(samples) == len(given)
    assert {sample.place: sample.score for sample in samples} == given
    assert {answer["rollouts_present"] for answer in answered.values()} == {ROLLOUTS}
    assert {(each["group_id"], each["rollout_index"]): each for each in again} == answered
