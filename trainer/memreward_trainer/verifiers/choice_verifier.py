"""A choice is right when it is the letter of the reference answer."""

from __future__ import annotations

from memreward_proto.records import Domain, Query, Rollout
from memreward_service.answers.reading import read_rollout
from memreward_trainer.verifiers.verdicts import Attempt, Verdict, cannot_say, right, wrong


class ChoiceVerifier:
    """Compares the choice that a response names with the reference, as a letter or as the text of an option."""

    async def verify(self, attempt: Attempt) -> Verdict:
        """Right for the one choice that is the reference; several choices, or none of them, are wrong."""
        if attempt.ground_truth is None or not attempt.ground_truth.strip():
            return cannot_say("the query has no reference answer")
        wanted = _choice(attempt.query, Rollout("", answer=attempt.ground_truth))
        found = _choice(attempt.query, Rollout(attempt.response, answer=attempt.answer))
        if found is None:
            return wrong("the response gives no answer")
        if found == wanted:
            return right(f"the answer is {wanted}")
        return wrong(f"the answer is {found[:80]}, not {wanted}")


def _choice(query: str, rollout: Rollout) -> str | None:
    return read_rollout(Query(query, "", Domain.QA), rollout).answer_key
