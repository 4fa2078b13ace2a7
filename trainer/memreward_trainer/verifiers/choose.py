"""Which verifier a configuration names, and that verifier.

| written | who says the true reward |
|---|---|
| `reward_function` | the trainer's own reward function |
| `math`, `choice`, `code`, `text` | that verifier of memreward_trainer.verifiers |
| `https://…`, `http://…` | a URL that takes JSON (verifiers/external_verifier.py) |
| a list, as `[python, /shared/grade.py]` | a command that reads JSON |
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from memreward_client import Domain
from memreward_trainer.sandbox.sandbox import Sandbox
from memreward_trainer.verifiers.choice_verifier import ChoiceVerifier
from memreward_trainer.verifiers.code_verifier import CodeVerifier
from memreward_trainer.verifiers.external_verifier import CommandVerifier, UrlVerifier
from memreward_trainer.verifiers.math_verifier import COMPARISON_SECONDS, MathVerifier
from memreward_trainer.verifiers.text_verifier import TextVerifier
from memreward_trainer.verifiers.verdicts import Verifier

REWARD_FUNCTION = "reward_function"
DOMAIN_OF: Mapping[str, Domain] = MappingProxyType(
    {"math": Domain.MATH, "choice": Domain.QA, "code": Domain.CODE, "text": Domain.TEXT}
)
"""Verifier by name -> the domain whose answers it understands."""

VerifierChoice = str | tuple[str, ...]
"""A name or a URL; a command."""


def known_verifier(given: object) -> VerifierChoice:
    """The choice as it is written in a configuration.

    Raises:
        ValueError: there is no such verifier, or the program of the command cannot be found on this machine.
    """
    if isinstance(given, str):
        if given == REWARD_FUNCTION or given in DOMAIN_OF or given.startswith(("http://", "https://")):
            return given
    elif isinstance(given, Sequence) and given:
        command = tuple(str(part) for part in given)
        if shutil.which(command[0]) is None:
            raise ValueError(
                f"The verifier's program {command[0]!r} is not on this machine: install it, or correct it."
            )
        return command
    raise ValueError(
        f"There is no verifier {given!r}: write {REWARD_FUNCTION}, {', '.join(DOMAIN_OF)}, a URL (http:// or "
        "https://), or a command as a list of texts, for example [python,/shared/grade.py]."
    )


def is_external(choice: VerifierChoice) -> bool:
    """Whether it is a command or a URL."""
    return choice != REWARD_FUNCTION and choice not in DOMAIN_OF


def chosen_verifier(choice: VerifierChoice, seconds: float, sandbox: Sandbox | None) -> Verifier:
    """The verifier; `seconds` is the longest time for one rollout, `sandbox` is where code runs.

    Raises:
        ValueError: it is the trainer's own reward function, or code without a sandbox.
    """
    if isinstance(choice, tuple):
        return CommandVerifier(choice, seconds)
    if choice == "code" and sandbox is not None:
        return CodeVerifier(sandbox, seconds)
    match choice:
        case "math":
            return MathVerifier(min(seconds, COMPARISON_SECONDS))
        case "choice":
            return ChoiceVerifier()
        case "text":
            return TextVerifier()
    if not is_external(choice):
        raise ValueError(f"The verifier {choice} cannot be made of its name alone.")
    return UrlVerifier(choice, seconds)
