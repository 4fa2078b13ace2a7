"""A free text is right when it is the reference answer in its words; case, punctuation and articles do not count."""

from __future__ import annotations

import json

from memreward_proto.records import Domain, Query, Rollout
from memreward_service.answers.reading import read_rollout
from memreward_service.answers.words import text_key
from memreward_trainer.verifiers.verdicts import Attempt, Verdict, cannot_say, right, wrong


class TextVerifier:
    """Compares the final answer with the reference, or with any of several (a JSON list of texts)."""

    async def verify(self, attempt: Attempt) -> Verdict:
        """Right for a match, else wrong; cannot say without a reference."""
        accepted = references(attempt.ground_truth)
        if not accepted:
            return cannot_say("the query has no reference answer")
        answer = read_rollout(Query("", "", Domain.TEXT), Rollout(attempt.response, answer=attempt.answer)).answer
        if not answer.strip():
            return wrong("the response gives no answer")
        if text_key(answer) in map(text_key, accepted):
            return right("the answer matches the reference")
        return wrong("the answer does not match the reference")


def references(ground_truth: str | None) -> list[str]:
    """The texts that are accepted: one, or those of a JSON list."""
    if ground_truth is None or not ground_truth.strip():
        return []
    if ground_truth.lstrip().startswith("["):
        try:
            found = json.loads(ground_truth)
        except ValueError:
            return [ground_truth]
        if all(isinstance(text, str) for text in found):
            return [text for text in found if text.strip()]
    return [ground_truth]
