"""The verifier of the query's domain: what a training run asks."""

from __future__ import annotations

from collections.abc import Mapping

from memreward_client import Domain
from memreward_trainer.verifiers.verdicts import Attempt, Verdict, Verifier, cannot_say


class DomainVerifier:
    """Hands each attempt to the verifier of its domain."""

    def __init__(self, verifiers: Mapping[Domain, Verifier]) -> None:
        self._verifiers = dict(verifiers)

    async def verify(self, attempt: Attempt) -> Verdict:
        """The verdict of the domain's verifier; without one it cannot say."""
        verifier = self._verifiers.get(attempt.domain)
        if verifier is None:
            return cannot_say(f"there is no verifier for the domain {attempt.domain}")
        return await verifier.verify(attempt)
