"""verl's own trainer with a learning rate ten times too high and no label: the policy ends up with one answer for all
queries. Nobody stops it from that, but it is not rewarded for it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from e2e.service_process import running
from trainer.real.conftest import Taught
from trainer.real.recording_proxy import recording
from trainer.real.verl_run import ACTOR, PROMPTS_A_STEP, ROLLOUTS, VerlRun

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STEPS = 40
TENFOLD = f"{ACTOR}.optim.lr=3e-3"


def test_one_answer_for_all_queries_is_not_rewarded(taught: Taught, tmp_path: Path) -> None:
    with running(taught.copy(tmp_path / "data")) as service, recording(service.http_port) as proxy:
        service.until_ready()
        with VerlRun(tmp_path / "run", taught.policy, proxy.url, STEPS, taught.new, overrides=[TENFOLD]) as run:
            code = run.until_ended()
            traces = run.traces
        sent, answered = proxy.submissions(), proxy.rewards()
        drifting = service.metric('memreward_drift_groups_total{cause="spreading",domain="math",outcome="abstain"}')
    last = max(each["step"] for each in sent)
    final = {(each["group_id"], each["rollout_index"]): _answer(each) for each in sent if each["step"] == last}
    ((common, times),) = Counter(final.values()).most_common(1)
    rewards = [answered[place]["reward"] for place, answer in final.items() if answer == common]
    print(f"step {last}: {times} of {len(final)} say {common}, rewards {Counter(rewards)}; {drifting:g} groups drifted")
    assert drifting > 0
    assert len(final) == PROMPTS_A_STEP * ROLLOUTS
    if times > len(final) / 2:
        assert 1.0 not in rewards
    # verl ends a run by itself once no rollout of a step has a reward.
    assert code == 0 or "no materializable trajectories" in traces, traces


def _answer(submission: dict[str, object]) -> str:
    rollout = submission["rollout"]
    assert isinstance(rollout, dict)
    return str((rollout["response"].split() or [""])[-1])
