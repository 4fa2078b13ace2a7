"""What became of the answers of a query so far: for each answer key its votes, its labels, and when it was seen.

It is derived from the stored rollouts of the query, and small: beside the key an answer costs some 30 bytes, a label 30
more. A label speaks for its answer key for ever, so that a query that comes again is not asked about again. The
label of a rollout never counts for its own prediction.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from memreward_proto.records import Domain, Rollout, StoredRollout
from memreward_service.answers.templates.responses import response_text
from memreward_service.groups.batch import ParsedGroup
from memreward_service.groups.behaviour import Behaviour, compared

MOST_ANSWERS = 32
"""Answers of one query that are kept: those with labels first, then those with most votes."""
MOST_LABELS = 64
"""Labels of one query that are kept: the newest of every answer."""
MOST_BEHAVIOURS = 4
"""Labelled programs of one query whose behaviour is kept, to be compared with new programs."""


@dataclass(frozen=True, slots=True)
class PastLabel:
    """A label that an answer got. `response`: a digest of the response it was given to."""

    label: float
    response: str
    step: int | None = None


@dataclass(frozen=True, slots=True)
class PastAnswer:
    """One answer key of a query, as its stored rollouts gave it. `behaviour`: what such a program did."""

    key: str
    votes: int
    first_step: int | None = None
    last_step: int | None = None
    labels: tuple[PastLabel, ...] = ()
    behaviour: Behaviour | None = None


QueryHistory = tuple[PastAnswer, ...]


def history_of(group: ParsedGroup) -> QueryHistory:
    """What the stored rollouts of a query say."""
    votes: dict[str, list[int]] = {}
    for place, reading in enumerate(group.parsed):
        if reading.answer_key is not None:
            votes.setdefault(reading.answer_key, []).append(place)
    newest = _newest_labels(group)
    answers = [_answer(group, key, places, newest) for key, places in votes.items()]
    kept = sorted(answers, key=lambda answer: (-len(answer.labels), -answer.votes))[:MOST_ANSWERS]
    return (*kept[:MOST_BEHAVIOURS], *(replace(answer, behaviour=None) for answer in kept[MOST_BEHAVIOURS:]))


def past_evidence(history: QueryHistory, group: ParsedGroup, step: int | None) -> dict[str, float]:
    """Answer key -> right labels less wrong ones that it got earlier, for the keys of `group` and for all others.

    A label of the group itself is left out: that of a stored rollout with the response and the `step` of one of them,
    and one that stands beside its response in the group, where it counts already.
    """
    if not any(answer.labels for answer in history):
        return {}
    comparable = _comparable(history, group)
    every = {response_digest(rollout.response) for rollout in group.rollouts}
    known = {response_digest(rollout.response) for rollout in group.rollouts if rollout.label is not None}
    now = _keys_now(history, group)
    evidence: dict[str, float] = {}
    for answer in comparable:
        earlier = [
            2 * label.label - 1
            for label in answer.labels
            if label.response not in known and not (label.response in every and _same_step(label.step, step))
        ]
        if earlier:
            for key in now.get(answer.key, (answer.key,)):
                evidence[key] = evidence.get(key, 0.0) + sum(earlier)
    return evidence


def response_digest(response: str) -> str:
    """48 bits of a response: enough to tell apart the labelled rollouts of one query."""
    told = response_text(response).strip()
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _same_step(stored: int | None, asked: int | None) -> bool:
    """Whether two rollouts of equal text may be one and the same."""
    return stored is None or asked is None or stored == asked


def _comparable(history: QueryHistory, group: ParsedGroup) -> QueryHistory:
    """Answers that can be told from those of the group: programs that were run are known by what they did, so what is
    known of a program by its text alone says nothing of them."""
    if group.query.domain != Domain.CODE or all(rollout.behaviour is None for rollout in group.rollouts):
        return history
    return tuple(answer for answer in history if answer.behaviour is not None)


def to_json(history: QueryHistory) -> str:
    """A compact line that `from_json` reads back equal."""
    return json.dumps(
        [
            [a.key, a.votes, a.first_step, a.last_step, [[x.label, x.response, x.step] for x in a.labels], a.behaviour]
            for a in history
        ],
        separators=(",", ":"),
    )


def from_json(line: str) -> QueryHistory:
    """Raises ValueError or TypeError where the line is none of `to_json`."""
    return tuple(
        PastAnswer(
            key, votes, first, last,
            tuple(PastLabel(*label) for label in labels),
            None if behaviour is None else tuple(map(tuple, behaviour)),
        )
        for key, votes, first, last, labels, behaviour in json.loads(line)
    )  # fmt: skip


def _newest_labels(group: ParsedGroup) -> frozenset[int]:
    """Places of the labels that are kept: of every answer the newest, as many of each as there is room for."""
    ranked, seen = [], Counter[str | None]()
    for place in range(len(group.rollouts) - 1, -1, -1):
        if group.rollouts[place].label is not None:
            key = group.parsed[place].answer_key
            ranked.append((seen[key], -place))
            seen[key] += 1
    return frozenset(-place for _, place in sorted(ranked)[:MOST_LABELS])


def _step(rollout: Rollout) -> int | None:
    return rollout.step if isinstance(rollout, StoredRollout) else None


def _answer(group: ParsedGroup, key: str, places: Sequence[int], labelled: frozenset[int]) -> PastAnswer:
    steps = {place: _step(group.rollouts[place]) for place in places}
    seen = [step for step in steps.values() if step is not None]
    labels = tuple(
        PastLabel(float(rollout.label), response_digest(rollout.response), steps[place])
        for place in places
        if place in labelled and (rollout := group.rollouts[place]).label is not None
    )
    behaviour = next((found for place in places if (found := group.rollouts[place].behaviour) is not None), None)
    return PastAnswer(
        key, len(places), min(seen, default=None), max(seen, default=None), labels, behaviour if labels else None
    )


def _keys_now(history: QueryHistory, group: ParsedGroup) -> Mapping[str, tuple[str, ...]]:
    """Earlier key of a program -> the keys in `group` of programs that do the same: what programs did is compared
    anew, because the key of a behaviour depends on the programs beside it."""
    past = [answer for answer in history if answer.behaviour is not None]
    if not past:
        return {}
    behaviours = [rollout.behaviour for rollout in group.rollouts]
    beside = compared([*behaviours, *(answer.behaviour for answer in past)])
    now = beside[: len(behaviours)]
    found: dict[str, tuple[str, ...]] = {}
    for answer, then in zip(past, beside[len(behaviours) :], strict=True):
        if then is None or then.key is None:
            continue
        alike = {
            key
            for reading, other in zip(group.parsed, now, strict=True)
            if other is not None and other.key == then.key and (key := reading.answer_key) is not None
        }
        if alike:
            found[answer.key] = tuple(sorted(alike))
    return found
