"""One line of a rollout file: a query with its rollouts as JSON.

    {"id", "dataset", "domain", "query", "ground_truth", "tests", "rollouts": [
        {"policy", "response", "label",
         "id"?, "thinking"?, "answer"?, "answer_key"?, "label_source"?, "step"?, "behaviour"?,
         "behaviour_version"?}]}

Only `query` and a first rollout with its `response` are required; null means the same as leaving a key out,
and keys that are not named here are passed over.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

DOMAINS = ("math", "qa", "code", "text")
"""The domains of a query."""
MAX_STEP = 2**63 - 1
"""Largest training step."""
OUTCOME_CHARACTERS = 32
"""Longest text that says what a program did on one input."""


class RolloutFileError(ValueError):
    """A line is not what a rollout file holds. The message begins with file:line and says what is wrong."""


@dataclass(frozen=True, slots=True)
class FileRollout:
    """One response. `label`: its true reward in [0, 1], None if unknown; `step`: of training, from 0.

    `behaviour`: what a program did, one list for each set of inputs, one text an input (records.Rollout).
    """

    response: str
    label: float | None = None
    policy: str | None = None
    id: str | None = None
    thinking: str | None = None
    answer: str | None = None
    answer_key: str | None = None
    label_source: str | None = None
    step: int | None = None
    behaviour: tuple[tuple[str, ...], ...] | None = None
    behaviour_version: str | None = None


@dataclass(frozen=True, slots=True)
class FileQuery:
    """One line: a query with its rollouts, at least one.

    Without an id one is derived, without a domain the dataset decides. `ground_truth` is the reference answer
    and `tests` Python test code (domain code), both for a verifier; neither is sent to the service.
    """

    query: str
    rollouts: tuple[FileRollout, ...]
    id: str | None = None
    dataset: str | None = None
    domain: str | None = None
    ground_truth: str | None = None
    tests: tuple[str, ...] | None = None


def parse_line(line: str, place: str) -> FileQuery:
    """The query of a line. `place` (file:line) begins the message of every RolloutFileError."""
    try:
        record = json.loads(line.rstrip())
    except json.JSONDecodeError as error:
        raise RolloutFileError(f"{place}: bad JSON: {error.msg} at column {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise RolloutFileError(f"{place}: bad JSON: a number too long or brackets too deep") from error
    try:
        return _query(record)
    except ValueError as error:
        raise RolloutFileError(f"{place}: {error}") from error


def format_line(query: FileQuery, place: str) -> str:
    """The line, without its end, that `parse_line` reads back equal; RolloutFileError if there is none."""
    line = json.dumps(_to_json(query), ensure_ascii=False)
    parse_line(line, place)
    return line


def _query(record: object) -> FileQuery:
    """Raises ValueError with what is wrong, which the caller turns into a RolloutFileError with the place."""
    if not isinstance(record, dict):
        raise ValueError("a line must be a JSON object")
    query = _required_text(record, "query")
    if not query.strip():
        raise ValueError("query is blank")
    domain = _text(record, "domain")
    if domain is not None and domain not in DOMAINS:
        raise ValueError(f"unknown domain {domain!r}: use one of {', '.join(DOMAINS)}")
    rollouts = record.get("rollouts")
    if not isinstance(rollouts, list) or not rollouts:
        raise ValueError("no rollouts: a line needs a list of at least one")
    return FileQuery(
        query=query,
        rollouts=tuple(_rollout(rollout, f"rollouts[{i}]") for i, rollout in enumerate(rollouts)),
        id=_id(record, "id"),
        dataset=_text(record, "dataset"),
        domain=domain,
        ground_truth=_text(record, "ground_truth"),
        tests=_tests(record.get("tests")),
    )


def _rollout(record: object, name: str) -> FileRollout:
    if not isinstance(record, dict):
        raise ValueError(f"{name} must be a JSON object")
    place = f"{name}."
    return FileRollout(
        response=_required_text(record, "response", place),
        label=_label(record.get("label"), f"{place}label"),
        policy=_text(record, "policy", place),
        id=_id(record, "id", place),
        thinking=_text(record, "thinking", place),
        answer=_text(record, "answer", place),
        answer_key=_text(record, "answer_key", place),
        label_source=_text(record, "label_source", place),
        step=_step(record.get("step"), f"{place}step"),
        behaviour=_behaviour(record.get("behaviour"), f"{place}behaviour"),
        behaviour_version=_text(record, "behaviour_version", place),
    )


def _required_text(record: dict[str, Any], key: str, place: str = "") -> str:
    text = _text(record, key, place)
    if text is None:
        raise ValueError(f"{place}{key} is missing")
    return text


def _text(record: dict[str, Any], key: str, place: str = "") -> str | None:
    text = record.get(key)
    if text is not None and not isinstance(text, str):
        raise ValueError(f"{place}{key} must be a string")
    if text is not None and not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in set(text)):
        raise ValueError(f"{place}{key} holds half of a surrogate pair, which is no character")
    return text


def _id(record: dict[str, Any], key: str, place: str = "") -> str | None:
    text = _text(record, key, place)
    if text == "":
        raise ValueError(f"{place}{key} is empty: leave it out to have one derived")
    return text


def _label(label: object, name: str) -> float | None:
    if label is None:
        return None
    if not isinstance(label, int | float) or not 0 <= label <= 1:
        raise ValueError(f"{name} must be a number from 0 to 1, not {label!r}")
    return float(label)


def _step(step: object, name: str) -> int | None:
    if step is None:
        return None
    if not isinstance(step, int) or isinstance(step, bool) or not 0 <= step <= MAX_STEP:
        raise ValueError(f"{name} must be a whole number from 0 to {MAX_STEP}")
    return step


def _behaviour(behaviour: object, name: str) -> tuple[tuple[str, ...], ...] | None:
    if behaviour is None:
        return None
    if not isinstance(behaviour, list) or not behaviour:
        raise ValueError(f"{name} must be a list of lists of texts, one list for each set of inputs")
    for outcomes in behaviour:
        if not isinstance(outcomes, list) or not outcomes or not all(map(_is_outcome, outcomes)):
            raise ValueError(
                f"{name} must hold lists of texts, one an input: 1 to {OUTCOME_CHARACTERS} printable ASCII characters"
            )
    return tuple(map(tuple, behaviour))


def _is_outcome(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) <= OUTCOME_CHARACTERS and text.isascii() and text.isprintable()


def _tests(tests: object) -> tuple[str, ...] | None:
    if tests is None:
        return None
    if not isinstance(tests, list) or not all(isinstance(test, str) for test in tests):
        raise ValueError("tests must be a list of strings")
    return tuple(tests)


def _to_json(query: FileQuery) -> dict[str, object]:
    return {
        "id": query.id,
        "dataset": query.dataset,
        "domain": query.domain,
        "query": query.query,
        "ground_truth": query.ground_truth,
        "tests": query.tests,
        "rollouts": [_rollout_to_json(rollout) for rollout in query.rollouts],
    }


def _rollout_to_json(rollout: FileRollout) -> dict[str, object]:
    optional = {
        "id": rollout.id,
        "thinking": rollout.thinking,
        "answer": rollout.answer,
        "answer_key": rollout.answer_key,
        "label_source": rollout.label_source,
        "step": rollout.step,
        "behaviour": rollout.behaviour,
        "behaviour_version": rollout.behaviour_version,
    }
    return {
        "policy": rollout.policy,
        "response": rollout.response,
        "label": rollout.label,
        **{key: value for key, value in optional.items() if value is not None},
    }
