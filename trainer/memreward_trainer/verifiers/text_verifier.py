"""A free text is right when it is the reference answer in its words; case, punctuation and articles do not count."""

from __future__ import annotations

import json

from memreward_proto.records import Domain, Query, Rollout
from memreward_service.answers.reading import read_rollout
from memreward_trainer.verifiers.verdicts import Attempt, Verdict, cannot_say, right, wrong


class TextVerifier:
    """Compares the final answer with the reference, or with any of several (a JSON list of texts)."""

    async def verify(self, attempt: Attempt) -> Verdict:
        """Right for the words of a reference, wrong for others.

        It cannot say without a reference, nor where one text is a part of the other: `in Paris, France` may be right.
        """
        accepted = [key for text in references(attempt.ground_truth) if (key := _key(Rollout("", answer=text)))]
        if not accepted:
            return cannot_say("the query has no reference answer")
        found = _key(Rollout(attempt.response, answer=attempt.answer))
        if found is None:
            return wrong("the response gives no answer")
        if found in accepted:
            return right("the answer matches the reference")
        if any(f" {one} " in f" {other} " for key in accepted for one, other in ((key, found), (found, key))):
            return cannot_say("the answer and the reference have words in common, and one has more of them")
        return wrong("the answer does not match the reference")


def _key(rollout: Rollout) -> str | None:
    return read_rollout(Query("", "", Domain.TEXT), rollout).answer_key


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
