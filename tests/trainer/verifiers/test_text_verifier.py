"""Free texts are compared by their words."""

from __future__ import annotations

import pytest

from memreward_client import Domain
from memreward_trainer.verifiers.text_verifier import TextVerifier
from memreward_trainer.verifiers.verdicts import Attempt


@pytest.mark.parametrize(
    ("answer", "truth", "ruling"),
    [
        ("Ada Lovelace", "Ada Lovelace", "right"), (" Ada\n", "Ada", "right"),
        ("the ada, lovelace!", "Ada Lovelace", "right"),
        ("1,000", "1000.0", "right"), ("B", '["A", "B"]', "right"), ("[A", "[A", "right"),
        ("Bob", "Ada Lovelace", "wrong"), ("Ada Smith", "Ada Lovelace", "wrong"), ("", "Ada", "wrong"),
        ("C", '["A", "B"]', "wrong"),
        ("Ada", "Ada Lovelace", "cannot_say"), ("Countess Ada Lovelace", "Ada Lovelace", "cannot_say"),
        ("in Oslo, Norway", '["Bergen", "Oslo"]', "cannot_say"), ("A", "  ", "cannot_say"), ("A", "[]", "cannot_say"),
        ("A", None, "cannot_say"),
    ],
)  # fmt: skip
async def test_a_text_is_compared_by_its_words(answer: str, truth: str | None, ruling: str) -> None:
    attempt = Attempt("Who?", answer, Domain.TEXT, answer=answer, ground_truth=truth)
    assert (await TextVerifier().verify(attempt)).ruling == ruling


@pytest.mark.parametrize(
    ("response", "ruling"),
    [("The answer is Oslo.", "right"),
     ("\\boxed{Oslo}", "right"), ("It lies north.\nOslo", "right"), ("The answer is Rome.", "wrong"),
     ("It lies in Oslo.", "cannot_say")],
)  # fmt: skip
async def test_the_answer_is_read_from_the_response(response: str, ruling: str) -> None:
    verdict = await TextVerifier().verify(Attempt("Which capital?", response, Domain.TEXT, ground_truth="Oslo"))
    assert verdict.ruling == ruling
