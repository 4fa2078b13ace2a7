"""A choice is right when it is the option that the reference answer names."""

from __future__ import annotations

from memreward_proto.records import Domain, Query, Rollout
from memreward_service.answers.choices.keys import names_several
from memreward_service.answers.choices.options import listed_options
from memreward_service.answers.reading import read_rollout
from memreward_trainer.verifiers.verdicts import Attempt, Verdict, cannot_say, right, wrong


class ChoiceVerifier:
    """Compares the option that a response names with the reference's, as a label or as the text of an option."""

    async def verify(self, attempt: Attempt) -> Verdict:
        """Right for the option of the reference; another, several or none of the options are wrong, as is no answer.

        It cannot say where the reference or the answer names none of the options, unless both are one text.
        """
        if attempt.ground_truth is None or not attempt.ground_truth.strip():
            return cannot_say("the query has no reference answer")
        wanted = _choice(attempt.query, Rollout("", answer=attempt.ground_truth))
        found = _choice(attempt.query, Rollout(attempt.response, answer=attempt.answer))
        if found is None:
            return wrong("the response gives no answer")
        if found == wanted:
            return right(f"the answer is {wanted}")
        options = listed_options(attempt.query)
        labels = options.labels or options.alphabet
        if wanted not in labels and not (wanted and names_several(wanted, labels)):
            return cannot_say(f"the reference answer names none of the options: {attempt.ground_truth[:80]}")
        if found not in options.alphabet and not names_several(found, labels):
            return cannot_say(f"the answer names none of the options: {found[:80]}")
        return wrong(f"the answer is {found[:80]}, not {wanted}")


def _choice(query: str, rollout: Rollout) -> str | None:
    return read_rollout(Query(query, "", Domain.QA), rollout).answer_key
