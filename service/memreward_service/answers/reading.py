"""How a rollout is read: its thinking, its final answer, and the key in which equal answers agree.

READ FIRST `read_groups`. Two stages: where the final answer stands (templates/responses.py, places/,
choices/places.py, programs/), then what its value is (math_values.py, choices/keys.py, programs/, words.py). What the
caller gave wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from memreward_proto.records import Domain, Query, Rollout, filled
from memreward_service.answers.choices.keys import choice_key
from memreward_service.answers.choices.options import listed_options
from memreward_service.answers.choices.places import placed_choice
from memreward_service.answers.math_values import group_keys
from memreward_service.answers.places.rules import FinalAnswer, given_answer, placed_answer
from memreward_service.answers.programs import code_key, program
from memreward_service.answers.templates.responses import split_response
from memreward_service.answers.words import text_key

REMEMBERED = 4_096
"""Responses of which is kept where their answer stands: the texts of a request come again with their labels."""
LONGEST_REMEMBERED = 8_000
"""Characters of a response beyond which it is not kept."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rollout says. `answer_key` is None without an answer: it agrees with nobody. `rule` names what found the
    answer (places/rules.py).
    """

    thinking: str
    answer: str
    answer_key: str | None
    rule: str = "given"
    language: str = ""
    """The language of a program, where it shows."""


def read_groups(groups: Sequence[tuple[Query, Sequence[Rollout]]]) -> list[tuple[Reading, ...]]:
    """The readings of every rollout, group by group.

    The thinking is what stands in <think> tags, else the text before the statement of the final answer, else
    the whole response.
    """
    placed = [[_placed(query, rollout) for rollout in rollouts] for query, rollouts in groups]
    finals = [[final for _, final in group] for group in placed]
    domains = [Domain(filled(query.domain)) for query, _ in groups]
    math = iter(group_keys([group for group, domain in zip(finals, domains, strict=True) if domain is Domain.MATH]))
    keys = [
        next(math) if domain is Domain.MATH else [_key(domain, query.text, final) for final in group]
        for (query, _), group, domain in zip(groups, finals, domains, strict=True)
    ]
    return [
        tuple(
            _reading(rollout, thinking, final, key)
            for rollout, (thinking, final), key in zip(rollouts, placed_group, group_key, strict=True)
        )
        for (_, rollouts), placed_group, group_key in zip(groups, placed, keys, strict=True)
    ]


def read_rollout(query: Query, rollout: Rollout) -> Reading:
    """The reading of one rollout by itself."""
    return read_groups([(query, [rollout])])[0][0]


def _reading(rollout: Rollout, thinking: str, final: FinalAnswer, read_key: str) -> Reading:
    key = rollout.answer_key if rollout.answer_key is not None else read_key
    return Reading(
        thinking=rollout.thinking if rollout.thinking is not None else thinking,
        answer=rollout.answer if rollout.answer is not None else final.answer,
        answer_key=key if key.strip() else None,
        rule="given" if rollout.answer is not None else final.rule or final.mark.value,
        language=final.language,
    )


def _placed(query: Query, rollout: Rollout) -> tuple[str, FinalAnswer]:
    """The thinking and where the final answer stands."""
    domain = Domain(filled(query.domain))
    if rollout.answer is not None:
        tagged, _ = split_response(rollout.response)
        final = program(rollout.answer, query.text) if domain is Domain.CODE else given_answer(domain, rollout.answer)
        return (tagged if tagged is not None else rollout.response.strip()), final
    read = _remembered if len(rollout.response) <= LONGEST_REMEMBERED else _read
    return read(domain, query.text, rollout.response)


def _read(domain: Domain, query_text: str, response: str) -> tuple[str, FinalAnswer]:
    """A response that never left its thinking has only what it boxed or stated there."""
    tagged, rest = split_response(response)
    finished, text = bool(rest), rest or tagged or ""
    match domain:
        case Domain.CODE:
            final = program(rest, query_text)
        case Domain.QA:
            final = placed_choice(listed_options(query_text), text, finished)
        case _:
            final = placed_answer(domain, text, finished)
    return (tagged if tagged is not None else final.before or rest), final


_remembered = lru_cache(maxsize=REMEMBERED)(_read)


def _key(domain: Domain, query_text: str, final: FinalAnswer) -> str:
    if domain is Domain.QA:
        return choice_key(listed_options(query_text), final)
    return code_key(final.answer, final.language) if domain is Domain.CODE else text_key(final.answer)
