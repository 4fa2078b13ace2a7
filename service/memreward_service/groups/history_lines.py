"""A history as one compact line of JSON: the form in which memory, snapshots and the store keep it."""

from __future__ import annotations

import json
from typing import Any

from memreward_service.groups.past_answers import PastAnswer, PastBehaviour, PastLabel, PastVotes, QueryHistory


def to_json(history: QueryHistory) -> str:
    """A compact line that `from_json` reads back equal; names of policies and sources stand in it once."""
    names: dict[str, int] = {}

    def number(name: str | None) -> int | None:
        return None if name is None else names.setdefault(name, len(names))

    answers = [
        [
            answer.key, answer.votes, answer.first_step, answer.last_step,
            [_short(_number(x.label), x.response, x.step, number(x.source)) for x in answer.labels],
            [_short(v.votes, v.step, number(v.policy), v.summed or None) for v in answer.by_step],
            answer.newest,
            *([] if (did := answer.behaviour) is None else [[did.place, " ".join(did.outcomes), number(did.version)]]),
        ]
        for answer in history
    ]  # fmt: skip
    return json.dumps([list(names), answers], separators=(",", ":"), ensure_ascii=False)


def from_json(line: str) -> QueryHistory:
    """Raises ValueError or TypeError where the line is none of `to_json`."""
    names, answers = json.loads(line)
    if not isinstance(names, list) or not isinstance(answers, list):
        raise ValueError("a line of a history has two lists")
    return tuple(_answer(names, *answer) for answer in answers)


def _answer(
    names: list[str], key: str, votes: int, first: int | None, last: int | None, labels: list[list[Any]],
    by_step: list[list[Any]], newest: str | None, did: list[Any] | None = None,
) -> PastAnswer:  # fmt: skip
    return PastAnswer(
        key,
        votes,
        first,
        last,
        tuple([PastLabel(float(x[0]), x[1], _at(x, 2), _name(names, x, 3)) for x in labels]),
        None if did is None else PastBehaviour(did[0], tuple(did[1].split(" ")), _name(names, did, 2)),
        tuple([PastVotes(_at(x, 1), _name(names, x, 2), x[0], len(x) > 3) for x in by_step]),
        newest,
    )


def _at(values: list[Any], place: int) -> int | None:
    """What was not left out."""
    return values[place] if len(values) > place else None


def _name(names: list[str], values: list[Any], place: int) -> str | None:
    number = values[place] if len(values) > place else None
    return None if number is None else names[number]


def _number(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _short(*values: object) -> list[object]:
    """Without what is None at the end."""
    kept = list(values)
    while kept and kept[-1] is None:
        kept.pop()
    return kept
