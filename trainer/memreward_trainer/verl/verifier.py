"""The true reward of a row by a verifier of memreward_trainer.verifiers, in place of verl's own reward function."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from memreward_client import Domain
from memreward_trainer.verifiers.choose import DOMAIN_OF
from memreward_trainer.verifiers.verdicts import Attempt, Verifier
from memreward_trainer.verl.rows import RolloutRow, column, response_text
from memreward_trainer.verl.settings import VerlSettings
from memreward_trainer.verl.true_reward import NoTrueReward


class VerifierRewards:
    """Asks a verifier what it says about a row: the rewards are 1 and 0. Its `of` is that of TrueRewards.

    A verifier keeps the time of its work (verify_seconds) by itself. Its queue does not count; together they end with
    the time of the rollout.
    """

    def __init__(self, settings: VerlSettings, tokenizer: Any, verifier: Verifier) -> None:
        self._settings, self._tokenizer, self._verifier = settings, tokenizer, verifier

    async def of(self, data: Any) -> float:
        """The true reward of the last row of `data`, a DataProto.

        Raises:
            NoTrueReward: the verifier cannot say, failed, or took too long.
        """
        seconds = self._settings.deadline_seconds
        try:
            async with asyncio.timeout(seconds) as limit:
                verdict = await self._verifier.verify(await self._attempt(data[-1:][0]))
        except Exception as error:
            if isinstance(error, TimeoutError) and limit.expired():
                message = f"the verifier took more than {seconds:g} seconds, its queue included"
                raise NoTrueReward("verifier_timeout", message) from None
            message = f"the verifier failed with {type(error).__name__}: {error}"
            raise NoTrueReward("verifier_failed", message) from error
        if verdict.label is None:
            raise NoTrueReward("verifier_failed", f"the verifier cannot say: {verdict.reason}")
        return verdict.label

    async def _attempt(self, row: Any) -> Attempt:
        settings, columns = self._settings, row.non_tensor_batch
        query = RolloutRow.of(row, settings).query
        return Attempt(
            query.text,
            await response_text(row, self._tokenizer),
            self._domain(query.domain),
            ground_truth=reference(column(columns, settings.truth_field)),
            tests=tests_of(column(columns, settings.tests_field)),
        )

    def _domain(self, domain: str | None) -> Domain:
        choice = self._settings.verifier
        named = DOMAIN_OF.get(choice) if isinstance(choice, str) else None
        found = named or domain
        if found is None:
            raise ValueError("An external verifier gets the domain: set reward.memreward.domain.")
        return Domain(found)


def reference(value: Any) -> str | None:
    """The reference answer in a row as a verifier takes it: a text as it stands, all else as JSON."""
    value = plain(value)
    return value if value is None or isinstance(value, str) else json.dumps(value)


def tests_of(value: Any) -> tuple[str, ...]:
    """The tests in a row: one, or a list of them; each a text, or an object that becomes JSON."""
    value = plain(value)
    if value is None:
        return ()
    tests = value if isinstance(value, list) else [value]
    return tuple(test if isinstance(test, str) else json.dumps(test) for test in tests)


def plain(value: Any) -> Any:
    """A value of a Parquet file without NumPy's types."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
