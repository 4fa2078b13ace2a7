"""verl's own trainer, which knows of the CPU by verl_cpu.py only, gets all its rewards from a real service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from e2e.service_process import running
from trainer.real.conftest import Taught
from trainer.real.recording_proxy import recording
from trainer.real.verl_run import PROMPTS_A_STEP, ROLLOUTS, Sample, VerlRun, rewards_given

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STEPS = 20
SAMPLES = PROMPTS_A_STEP * ROLLOUTS * STEPS


def test_every_reward_of_a_verl_run_is_the_answer_of_the_service_and_the_policy_learns(
    taught: Taught, tmp_path: Path
) -> None:
    with running(taught.copy(tmp_path / "data")) as service, recording(service.http_port) as proxy:
        service.until_ready()
        with VerlRun(tmp_path / "run", taught.policy, proxy.url, STEPS, taught.new, taught.held_out) as run:
            assert run.until_ended() == 0, run.traces
            samples, before, after = run.samples(), run.validated(0), run.validated(STEPS)
        answered, given = proxy.rewards(), rewards_given(proxy)
        scored = service.metric('memreward_rollouts_scored_total{source="gnn",status="ok"}')
        complete = service.metric('memreward_rendezvous_groups_scored_total{kind="complete"}')

    assert len(answered) == SAMPLES
    assert len(samples) == len(given)
    assert {sample.place: sample.score for sample in samples} == given
    sent = {(each["group_id"], each["rollout_index"]): each for each in proxy.submissions()}
    assert {sample.place: sample.response for sample in samples} == {
        place: sent[place]["rollout"]["response"] for place in given
    }
    assert {each["query"]["text"] for each in sent.values()} == {query.text for query in taught.new}
    assert {answer["group_size"] for answer in answered.values()} == {ROLLOUTS}
    assert not any(answer["partial"] for answer in answered.values())
    assert (scored, complete) == (len(given), SAMPLES / ROLLOUTS)

    first, last = samples_of(samples, range(1, 6)), samples_of(samples, range(STEPS - 4, STEPS + 1))
    print(f"reward {mean_score(first):.3f} -> {mean_score(last):.3f}")
    print(f"truth {share_right(first):.3f} -> {share_right(last):.3f}")
    assert mean_score(last) > mean_score(first) + 0.2
    assert share_right(last) > share_right(first) + 0.1
    # The validation, of which the service was sent nothing, has true rewards.
    for validated in (before, after):
        assert len(validated) == len(taught.held_out)
        assert [sample.score for sample in validated] == [float(sample.right) for sample in validated]
    print(f"validation {share_right(before):.3f} -> {share_right(after):.3f}")
    assert share_right(after) > share_right(before) + 0.2


def samples_of(samples: Sequence[Sample], steps: range) -> list[Sample]:
    return [sample for sample in samples if sample.step in steps]


def mean_score(samples: Sequence[Sample]) -> float:
    return sum(sample.score for sample in samples) / len(samples)


def share_right(samples: Sequence[Sample]) -> float:
    """The true accuracy, which no part of the run was told."""
    return sum(sample.right for sample in samples) / len(samples)
