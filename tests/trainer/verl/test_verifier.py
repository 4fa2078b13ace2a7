"""What a verifier is asked about a row of verl, and what becomes of its verdict."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memreward_service.answers import math_values
from memreward_service.answers.mathematics import pool
from memreward_trainer.verifiers.math_verifier import MathVerifier
from memreward_trainer.verifiers.verdicts import Attempt, Verdict, cannot_say, right, wrong
from memreward_trainer.verl.settings import VerlSettings
from trainer.verl.verl_parts import (
    DataProto,
    batch_of,
    byte_tokenizer,
    columns,
    verl_config,
    verl_true_reward,
    verl_verifier,
)

NoTrueReward = verl_true_reward.NoTrueReward
FAKE_WORKER = (sys.executable, str(Path(__file__).parents[1] / "verifiers" / "fake_math_worker.py"))
LABELS = ("+reward.memreward.label_set=labels.json", "+reward.memreward.label_ratio=0.2")


class Examiner:
    """A verifier that keeps what it is asked, and says or raises what it was told to."""

    def __init__(self, verdict: Verdict | Exception | None) -> None:
        self.verdict = verdict
        self.asked: list[Attempt] = []

    async def verify(self, attempt: Attempt) -> Verdict:
        self.asked.append(attempt)
        if self.verdict is None:
            await asyncio.sleep(60)
        if isinstance(self.verdict, Exception):
            raise self.verdict
        assert self.verdict is not None
        return self.verdict


def rewards(folder: Path, verdict: Verdict | Exception | None, *overrides: str) -> tuple[Any, Examiner]:
    settings = VerlSettings.of(verl_config(folder, "http://127.0.0.1:9", *LABELS, *overrides))
    examiner = Examiner(verdict)
    return verl_verifier.VerifierRewards(settings, byte_tokenizer(), examiner), examiner


def row(response: str, **others: Any) -> DataProto:
    data = batch_of([response], [{}])
    for name, value in columns("uid-1", 2, "What is 6*7?", **others).items():
        data.non_tensor_batch[name] = np.array([value], dtype=object)
    data.non_tensor_batch["raw_prompt"] = np.empty(1, dtype=object)
    data.non_tensor_batch["raw_prompt"][0] = [{"role": "user", "content": "What is 6*7?"}]
    return data


async def test_a_verdict_is_a_reward_of_1_or_0(tmp_path: Path) -> None:
    for verdict, reward in ((right("same"), 1.0), (wrong("other"), 0.0)):
        made, examiner = rewards(tmp_path, verdict, "+reward.memreward.verifier=choice")
        assert await made.of(row("ünï 42")) == reward
        assert examiner.asked == [Attempt("What is 6*7?", "ünï 42", "qa", ground_truth="42")]


async def test_an_external_verifier_is_told_the_domain_of_the_row(tmp_path: Path) -> None:
    overrides = ("+reward.memreward.verifier='http://grader'", "+reward.memreward.domains={arc:qa}")
    made, examiner = rewards(tmp_path, right(""), *overrides)
    await made.of(row("42"))
    await made.of(row("42", data_source="arc"))
    assert [attempt.domain for attempt in examiner.asked] == ["math", "qa"]


async def test_reference_and_tests_stand_where_the_configuration_says(tmp_path: Path) -> None:
    overrides = (
        "+reward.memreward.verifier=code",
        "+reward.memreward.truth_field=extra_info.solution",
        "+reward.memreward.tests_field=reward_model.ground_truth",
    )
    made, examiner = rewards(tmp_path, right(""), *overrides)
    info = {"split": "train", "solution": "def f(): ..."}
    for tests in ("assert f() == 1", np.array(["assert f()", "assert g()"], dtype=object), None):
        await made.of(row("def f(): ...", extra_info=info, reward_model={"ground_truth": tests}))
    assert [attempt.ground_truth for attempt in examiner.asked] == ["def f(): ..."] * 3
    assert [attempt.tests for attempt in examiner.asked] == [("assert f() == 1",), ("assert f()", "assert g()"), ()]


def test_values_of_parquet_files_become_texts() -> None:
    assert verl_verifier.reference(np.int64(42)) == "42"
    assert verl_verifier.reference(np.array(["yes", "aye"], dtype=object)) == '["yes", "aye"]'
    assert verl_verifier.reference(None) is None
    pair = {"inputs": np.array(["1\n"], dtype=object), "outputs": np.array(["2\n"], dtype=object)}
    (test,) = verl_verifier.tests_of(pair)
    assert json.loads(test) == {"inputs": ["1\n"], "outputs": ["2\n"]}


@pytest.mark.parametrize(
    ("verdict", "status", "sentence"),
    [
        (cannot_say("the query has no tests"), "verifier_failed", "the verifier cannot say: the query has no tests"),
        (RuntimeError("a mistake"), "verifier_failed", "the verifier failed with RuntimeError: a mistake"),
        (TimeoutError("of its own"), "verifier_failed", "the verifier failed with TimeoutError: of its own"),
        (None, "verifier_timeout", "the verifier took more than 0.3 seconds, its queue included"),
    ],
)
async def test_without_a_verdict_there_is_no_reward(tmp_path: Path, verdict: Any, status: str, sentence: str) -> None:
    seconds = "+reward.memreward.deadline_seconds=0.3"
    made, _ = rewards(tmp_path, verdict, "+reward.memreward.verifier=choice", seconds)
    with pytest.raises(NoTrueReward, match=sentence) as told:
        await made.of(row("42"))
    assert told.value.status == status


async def test_many_slow_comparisons_at_once_all_get_a_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their queue is longer than the time that the verification of one of them may take."""
    math_values.close()
    monkeypatch.setattr(pool, "WORKER", FAKE_WORKER)
    math_values.forget()
    lines = ("+reward.memreward.verifier=math", "+reward.memreward.verify_seconds=1.2")
    settings = VerlSettings.of(verl_config(tmp_path, "http://127.0.0.1:9", *LABELS, *lines))
    async with MathVerifier(settings.verify_seconds) as verifier:
        made = verl_verifier.VerifierRewards(settings, byte_tokenizer(), verifier)
        truth = {"ground_truth": "x+y"}
        asked = (made.of(row(f"\\boxed{{x+{number}}}", reward_model=truth)) for number in range(16))
        assert await asyncio.gather(*asked) == [1.0] * 16
    math_values.forget()
