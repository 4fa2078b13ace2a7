"""The reward manager as verl's agent loop calls it, in one process, before a service that answers by a function."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memreward_client import ModelNotTrained, NotScored, Query, Rollout, Unreachable
from trainer.verl.verl_parts import (
    AgentLoop,
    RewardWorker,
    byte_tokenizer,
    columns,
    manager_with,
    process_validation_metrics,
    verl_config,
)

URL = "http://127.0.0.1:9"
KEYS = {"reward", "probability", "status", "source", "model_version"}


def by_length(query: Query, rollout: Rollout) -> float:
    return len(rollout.response) / 100


def unsure(query: Query, rollout: Rollout) -> None:
    return None


def loop_of(manager: Any) -> AgentLoop:
    return AgentLoop(byte_tokenizer(), [RewardWorker(manager)])


async def test_a_rollout_is_sent_with_its_place_in_its_group_and_gets_its_reward(tmp_path: Path) -> None:
    manager, service = manager_with(verl_config(tmp_path, URL, group_size=8), by_length)
    output = await loop_of(manager).score("Six times seven is 42. ünï", **columns("uid-1", 5, "What is 6*7?"))
    (identity, sent), *others = service.submitted.items()
    assert not others
    assert identity == (manager.settings.run_id, "uid-1", 0, 5)
    assert (sent.group_size, sent.step) == (8, 3)
    assert sent.query == Query("What is 6*7?", domain="math", dataset="openai/gsm8k")
    assert sent.rollout == Rollout("Six times seven is 42. ünï")
    assert output.reward_score == 0.26
    assert output.extra_fields["reward_extra_info"] == {
        "reward": 0.26,
        "probability": 0.26,
        "status": "ok",
        "source": "gnn",
        "model_version": "fake",
    }


async def test_of_a_session_with_several_outputs_the_last_one_is_scored_whole(tmp_path: Path) -> None:
    manager, service = manager_with(verl_config(tmp_path, URL), by_length)
    await loop_of(manager).score(["a first and much longer output", "no", "last"], **columns("uid-1", 0, "What?"))
    assert [sent.rollout.response for sent in service.submitted.values()] == ["last"]


async def test_validation_rows_get_the_true_reward_and_are_never_sent(tmp_path: Path) -> None:
    manager, service = manager_with(verl_config(tmp_path, URL), by_length)
    loop = loop_of(manager)
    right = await loop.score("#### 42", **columns("uid-1", 0, "What is 6*7?", split="test"))
    wrong = await loop.score("#### 43", **columns("uid-1", 1, "What is 6*7?", split="validation"))
    assert (right.reward_score, wrong.reward_score) == (1.0, 0.0)
    assert right.extra_fields["reward_extra_info"] == {
        "acc": 1.0,
        "probability": None,
        "status": "ok",
        "source": "label",
        "model_version": None,
    }
    assert not service.submitted


async def test_a_row_that_does_not_tell_its_split_is_an_error(tmp_path: Path) -> None:
    manager, service = manager_with(verl_config(tmp_path, URL), by_length)
    with pytest.raises(ValueError, match=r"A row has no extra_info\.split"):
        await loop_of(manager).score("42", **columns("uid-1", 0, "What is 6*7?", extra_info={"index": 0}))
    assert not service.submitted


async def test_the_split_may_stand_elsewhere_or_nowhere(tmp_path: Path) -> None:
    elsewhere = ("+reward.memreward.split_field=part", "+reward.memreward.training_splits=[learn,more]")
    manager, service = manager_with(verl_config(tmp_path, URL, *elsewhere), by_length)
    await loop_of(manager).score("42", **columns("uid-1", 0, "What?", part="more"))
    await loop_of(manager).score("42", **columns("uid-2", 0, "What?", part="train"))
    assert [identity[1] for identity in service.submitted] == ["uid-1"]
    manager, service = manager_with(verl_config(tmp_path, URL, "+reward.memreward.split_field=null"), by_length)
    await loop_of(manager).score("42", **columns("uid-3", 0, "What?", extra_info={}))
    assert [identity[1] for identity in service.submitted] == ["uid-3"]


async def test_the_query_and_its_domain_are_taken_from_where_the_configuration_says(tmp_path: Path) -> None:
    overrides = (
        "+reward.memreward.query_field=extra_info.question",
        "+reward.memreward.domains={arc:qa}",
        "+reward.memreward.datasets={arc:arc-challenge}",
    )
    manager, service = manager_with(verl_config(tmp_path, URL, *overrides), by_length)
    row = columns("uid-1", 0, "Which? Answer with a letter.", data_source="arc")
    row["extra_info"]["question"] = "Which?"
    await loop_of(manager).score("B", **row)
    assert service.submitted[(manager.settings.run_id, "uid-1", 0, 0)].query == Query(
        "Which?", domain="qa", dataset="arc-challenge"
    )
    with pytest.raises(ValueError, match=r"no text at extra_info\.question"):
        await loop_of(manager).score("B", **columns("uid-1", 1, "Which?"))


async def test_rows_of_a_trainer_without_groups_are_refused(tmp_path: Path) -> None:
    manager, _ = manager_with(verl_config(tmp_path, URL), by_length)
    row = columns("uid-1", 0, "What?")
    del row["session_id"]
    with pytest.raises(ValueError, match="use its V1 trainer"):
        await loop_of(manager).score("42", **row)


async def test_masked_means_an_error_on_which_verl_leaves_the_rollout_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manager, _ = manager_with(verl_config(tmp_path, URL), unsure)
    with caplog.at_level(logging.WARNING), pytest.raises(NotScored, match="rollout 2 of group uid-1"):
        await loop_of(manager).score("42", **columns("uid-1", 2, "What?"))
    with pytest.raises(NotScored):
        await loop_of(manager).score("43", **columns("uid-1", 3, "What?"))
    assert (
        "MemReward could not score rollout 2 of group uid-1 (step 3): abstain. It is left out of training. "
        "In this worker: 0 scored, 1 not scored (abstain 1)." in caplog.text
    )
    assert "rollout 3 of group uid-1" in caplog.text
    assert "0 scored, 2 not scored (abstain 2)" in caplog.text


async def test_a_stated_number_is_given_and_marked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    manager, _ = manager_with(verl_config(tmp_path, URL, "+reward.memreward.on_unscored=0.5"), unsure)
    output = await loop_of(manager).score("42", **columns("uid-1", 2, "What?"))
    assert output.reward_score == 0.5
    assert output.extra_fields["reward_extra_info"] == {
        "reward": 0.5,
        "probability": 0.5,
        "status": "abstain",
        "source": None,
        "model_version": "fake",
    }
    assert "It gets the stated reward 0.5." in caplog.text


async def test_a_service_that_is_away_gives_the_stated_number_too(tmp_path: Path) -> None:
    config = verl_config(tmp_path, URL, "+reward.memreward.on_unscored=0.5")
    manager, _ = manager_with(config, Unreachable("Nobody answers."))
    output = await loop_of(manager).score("42", **columns("uid-1", 2, "What?"))
    assert output.reward_score == 0.5
    told = output.extra_fields["reward_extra_info"]
    assert set(told) == KEYS
    assert (told["status"], told["source"]) == ("unreachable", None)


async def test_a_mistake_in_the_set_up_never_gets_the_stated_number(tmp_path: Path) -> None:
    config = verl_config(tmp_path, URL, "+reward.memreward.on_unscored=0.5")
    manager, _ = manager_with(config, ModelNotTrained("Train first."))
    with pytest.raises(NotScored, match="model_not_trained: Train first"):
        await loop_of(manager).score("42", **columns("uid-1", 2, "What?"))


@pytest.mark.parametrize("judge", [unsure, ModelNotTrained("Train first."), Unreachable("Nobody answers.")])
async def test_raise_gives_what_the_estimator_ends_the_run_at(tmp_path: Path, judge: Any) -> None:
    overrides = ("+reward.memreward.on_unscored=raise", "algorithm.adv_estimator=memreward_grpo")
    manager, _ = manager_with(verl_config(tmp_path, URL, *overrides), judge)
    output = await loop_of(manager).score("42", **columns("uid-1", 2, "What?"))
    assert output.reward_score is not None
    assert math.isnan(output.reward_score)
    assert set(output.extra_fields["reward_extra_info"]) == KEYS
    assert output.extra_fields["reward_extra_info"]["reward"] is None


async def test_what_stands_beside_a_reward_passes_the_metrics_of_a_validation(tmp_path: Path) -> None:
    manager, _ = manager_with(verl_config(tmp_path, URL), by_length)
    loop = loop_of(manager)
    answers = ["#### 42", "#### 43", "#### 42", "#### 42"]
    outputs = [
        await loop.score(answer, **columns("uid-1", place, "What is 6*7?", split="test"))
        for place, answer in enumerate(answers)
    ]
    infos: dict[str, list[Any]] = {"reward": [output.reward_score for output in outputs]}
    for output in outputs:
        for key, value in output.extra_fields["reward_extra_info"].items():
            infos.setdefault(key, []).append(value)
    assert {len(values) for values in infos.values()} == {4}
    metrics = process_validation_metrics(["gsm8k"] * 4, ["uid-1"] * 4, infos)["gsm8k"]
    assert set(metrics) == {"reward", "acc"}
    assert metrics["reward"]["mean@4"] == metrics["acc"]["mean@4"] == 0.75


async def test_what_stands_beside_a_reward_can_be_batched_and_dumped(tmp_path: Path) -> None:
    config = verl_config(tmp_path, URL, "+reward.memreward.on_unscored=0.5")
    manager, _ = manager_with(config, lambda _, rollout: None if rollout.response == "hm" else 1.0)
    outputs = [
        await loop_of(manager).score(text, **columns("uid-1", place, "What?"))
        for place, text in enumerate(("42", "hm"))
    ]
    infos = [output.extra_fields["reward_extra_info"] for output in outputs]
    batched = {key: np.array([info[key] for info in infos]).tolist() for key in infos[0]}
    assert json.loads(json.dumps(batched)) == {
        "reward": [1.0, 0.5],
        "probability": [1.0, 0.5],
        "status": ["ok", "abstain"],
        "source": ["gnn", None],
        "model_version": ["fake", "fake"],
    }


async def test_too_few_reward_workers_for_a_step_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    manager_with(verl_config(tmp_path, URL, "data.train_batch_size=1024", group_size=3), by_length)
    assert "A step has 3072 rollouts, and the reward workers hold 3000 calls" in caplog.text
    caplog.clear()
    manager_with(verl_config(tmp_path, URL, "data.train_batch_size=1000", group_size=3), by_length)
    assert not caplog.text


async def test_a_prompt_without_text_makes_its_rollouts_invalid(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manager, service = manager_with(verl_config(tmp_path, URL), by_length)
    image = [{"role": "user", "content": [{"type": "image", "image": "a.png"}]}]
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(NotScored, match="query is blank: there is no text in the prompt"),
    ):
        await loop_of(manager).score("42", **columns("uid-1", 2, "What?", raw_prompt=image))
    assert service.submitted == {}
    assert "invalid: query is blank" in caplog.text


async def test_a_blank_response_is_invalid_and_says_why(tmp_path: Path) -> None:
    manager, service = manager_with(verl_config(tmp_path, URL), by_length)
    with pytest.raises(NotScored, match="invalid: response is blank: there is no answer in it"):
        await loop_of(manager).score(" ", **columns("uid-1", 2, "What?"))
    assert len(service.submitted) == 1, "it is sent, so that its siblings do not wait for it"
