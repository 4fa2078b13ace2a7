from __future__ import annotations

import sys

import pytest

from memreward_trainer.sandbox.sandbox import LocalSandbox
from memreward_trainer.verifiers.choice_verifier import ChoiceVerifier
from memreward_trainer.verifiers.choose import chosen_verifier, is_external, known_verifier
from memreward_trainer.verifiers.code_verifier import CodeVerifier
from memreward_trainer.verifiers.external_verifier import CommandVerifier, UrlVerifier
from memreward_trainer.verifiers.math_verifier import MathVerifier
from memreward_trainer.verifiers.text_verifier import TextVerifier
from memreward_trainer.verifiers.verdicts import Attempt, Ruling


@pytest.mark.parametrize("given", ["reward_function", "math", "choice", "code", "text", "https://grader/verify"])
def test_a_name_or_a_url_is_taken_as_it_is_written(given: str) -> None:
    assert known_verifier(given) == given


def test_a_command_is_a_list_whose_program_is_on_this_machine() -> None:
    assert known_verifier([sys.executable, "grade.py", 3]) == (sys.executable, "grade.py", "3")
    with pytest.raises(ValueError, match="program '/nowhere/grade' is not on this machine"):
        known_verifier(["/nowhere/grade"])


@pytest.mark.parametrize("given", ["maths", "python grade.py", [], None, 7, "ftp://grader"])
def test_what_is_no_verifier_is_told_with_what_there_is(given: object) -> None:
    with pytest.raises(ValueError, match=r"write reward_function, math, choice, code, text, a URL .* or a command"):
        known_verifier(given)


def test_each_choice_is_its_verifier() -> None:
    sandbox = LocalSandbox()
    made = {name: type(chosen_verifier(name, 5.0, sandbox)) for name in ("math", "choice", "code", "text")}
    assert made == {"math": MathVerifier, "choice": ChoiceVerifier, "code": CodeVerifier, "text": TextVerifier}
    assert isinstance(chosen_verifier("http://grader", 5.0, None), UrlVerifier)
    assert isinstance(chosen_verifier(("grade",), 5.0, None), CommandVerifier)
    for name in ("reward_function", "code"):
        with pytest.raises(ValueError, match="cannot be made of its name alone"):
            chosen_verifier(name, 5.0, None)
    assert [is_external(choice) for choice in ("reward_function", "math", "http://grader", ("grade",))] == [
        False,
        False,
        True,
        True,
    ]


async def test_an_external_verifier_is_waited_for_as_long_as_it_is_said() -> None:
    slow = chosen_verifier((sys.executable, "-c", "import time; time.sleep(60)"), 0.2, None)
    verdict = await slow.verify(Attempt("6*7?", "42", "math"))
    assert (verdict.ruling, verdict.reason) == (Ruling.CANNOT_SAY, "the command gave no answer in 0.2 s")
