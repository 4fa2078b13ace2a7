"""Verifiers beside the labels of the real rollouts, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from memreward_client.files.rollouts import read_rollout_file
from memreward_trainer.sandbox.sandbox import LocalSandbox
from memreward_trainer.verifiers.agreement import verdicts_of
from memreward_trainer.verifiers.choice_verifier import ChoiceVerifier
from memreward_trainer.verifiers.code_verifier import CodeVerifier
from memreward_trainer.verifiers.math_verifier import MathVerifier
from memreward_trainer.verifiers.verdicts import Verifier

ROLLOUTS = Path(__file__).resolve().parents[4] / "shared" / "data"


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.skipif(not ROLLOUTS.is_dir(), reason="the real rollouts are not at hand")
@pytest.mark.parametrize(("name", "every"), [("gsm8k", 1), ("commonsenseqa", 1), ("humaneval", 4)])
async def test_verdicts_agree_with_the_labels(name: str, every: int) -> None:
    queries = list(read_rollout_file(ROLLOUTS / f"{name}.jsonl.gz"))[::every]
    agree = total = 0
    async with MathVerifier() as math:
        code = CodeVerifier(LocalSandbox())
        verifiers: dict[str, Verifier] = {"math": math, "qa": ChoiceVerifier(), "code": code}
        for query in queries:
            for _, label, verdict in await verdicts_of(query, verifiers):
                total += 1
                agree += verdict.label == label
    assert total >= 300
    assert agree / total >= 0.99
