"""What became of the answers of a query so far: for each answer key its votes, its labels, and when it was seen.

READ FIRST of the history. It is derived here from rollouts of the query; history_merge.py makes one history of several
accounts and keeps it small, history_lines.py writes it down, past_answers.py has its records. A label speaks for its
answer key for ever, so that a query that comes again is not asked about again. The label of a rollout never counts for
its own prediction.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memreward_proto.records import Domain, Rollout, StoredRollout
from memreward_service.answers.templates.responses import response_text
from memreward_service.groups.batch import ParsedGroup
from memreward_service.groups.behaviour import Behaviour, compared
from memreward_service.groups.history_lines import from_json, to_json
from memreward_service.groups.history_merge import bounded, merged
from memreward_service.groups.past_answers import (
    MOST_ANSWERS,
    MOST_LABELS,
    PastAnswer,
    PastBehaviour,
    PastLabel,
    PastVotes,
    QueryHistory,
    kept_key,
    kept_outcome,
)

__all__ = [
    "MOST_ANSWERS", "MOST_LABELS", "EarlierAnswer", "PastAnswer", "PastBehaviour", "PastLabel", "PastVotes",
    "QueryHistory", "from_json", "history_of", "merged", "past_evidence", "past_votes", "response_digest", "to_json",
]  # fmt: skip


def history_of(group: ParsedGroup, step: int | None = None) -> QueryHistory:
    """What the rollouts of a query say. `step` is that of rollouts which do not say theirs."""
    votes: dict[str, list[int]] = {}
    for place, reading in enumerate(group.parsed):
        if reading.answer_key is not None:
            votes.setdefault(kept_key(reading.answer_key), []).append(place)
    return bounded(_answer(group, key, places, step) for key, places in votes.items())


@dataclass(frozen=True, slots=True)
class EarlierAnswer:
    """What became of one answer before a group came: rollouts of other groups that gave it, and its labels."""

    votes: int = 0
    labels: tuple[PastLabel, ...] = ()

    @property
    def evidence(self) -> float:
        """Right labels less wrong ones."""
        return sum(2 * label.label - 1 for label in self.labels)


def earlier_answers(history: QueryHistory, group: ParsedGroup, step: int | None) -> dict[str, EarlierAnswer]:
    """Answer key -> what became of it, for the keys of `group` and for all others.

    A label of the group itself is left out: that of a stored rollout with the response and the `step` of one of them,
    and one that stands beside its response in the group, where it counts already. So are votes of `step`; and where the
    one or the other step is not known, votes of a group that has the newest response of an answer, for it is a stored
    one then.
    """
    if not history:
        return {}
    every = {response_digest(rollout.response) for rollout in group.rollouts}
    known = {response_digest(rollout.response) for rollout in group.rollouts if rollout.label is not None}
    is_stored = any(answer.newest in every for answer in history)
    now = _keys_now(history, group)
    found: dict[str, EarlierAnswer] = {}
    for answer in _comparable(history, group):
        labels = tuple(
            label
            for label in answer.labels
            if label.response not in known and not (label.response in every and _same_step(label.step, step))
        )
        votes = _votes(answer, step, is_stored)
        for key in now.get(answer.key, (answer.key,)):
            before = found.get(key, EarlierAnswer())
            found[key] = EarlierAnswer(before.votes + votes, before.labels + labels)
    return found


def past_evidence(history: QueryHistory, group: ParsedGroup, step: int | None) -> dict[str, float]:
    """Answer key -> right labels less wrong ones that it got earlier, where it got any."""
    earlier = earlier_answers(history, group, step)
    return {key: answer.evidence for key, answer in earlier.items() if answer.labels}


def past_votes(history: QueryHistory, group: ParsedGroup, step: int | None) -> dict[str, int]:
    """Answer key -> rollouts of other groups that gave it, where any did."""
    return {key: answer.votes for key, answer in earlier_answers(history, group, step).items() if answer.votes}


def _votes(answer: PastAnswer, step: int | None, is_stored: bool) -> int:
    """Rollouts that gave the answer, without those of a group of `step`, which may be stored already."""
    unsure = answer.votes - sum(cell.votes for cell in answer.by_step if cell.step is not None)
    if step is None:
        return 0 if is_stored else answer.votes
    other = sum(cell.votes for cell in answer.by_step if _other_step(cell, step))
    return other if is_stored else other + unsure


def _other_step(cell: PastVotes, step: int) -> bool:
    """Whether the votes of a cell are of another step than `step`, also where it sums several."""
    return cell.step is not None and (cell.step < step if cell.summed else cell.step != step)


def response_digest(response: str) -> str:
    """48 bits of a response: enough to tell apart the labelled rollouts of one query."""
    told = response_text(response).strip()
    return base64.urlsafe_b64encode(hashlib.sha256(told.encode("utf-8", "surrogatepass")).digest()[:6]).decode("ascii")


def _same_step(stored: int | None, asked: int | None) -> bool:
    """Whether two rollouts of equal text may be one and the same."""
    return stored is None or asked is None or stored == asked


def _comparable(history: QueryHistory, group: ParsedGroup) -> QueryHistory:
    """Answers that can be told from those of the group: programs that were run are known by what they did, so what is
    known of a program by its text alone says nothing of them."""
    if group.query.domain != Domain.CODE or all(rollout.behaviour is None for rollout in group.rollouts):
        return history
    return tuple(answer for answer in history if answer.behaviour is not None)


def _answer(group: ParsedGroup, key: str, places: Sequence[int], step: int | None) -> PastAnswer:
    cells: Counter[tuple[int | None, str | None]] = Counter()
    labels: dict[PastLabel, None] = {}
    behaviour = None
    for place in places:
        rollout = group.rollouts[place]
        at, policy, source = _facts(rollout, step)
        cells[at, policy] += 1
        if rollout.label is not None:
            labels[PastLabel(float(rollout.label), response_digest(rollout.response), at, source)] = None
        behaviour = behaviour or _behaviour(group, place)
    seen = [at for at, _ in cells if at is not None]
    by_step = tuple(PastVotes(at, policy, votes) for (at, policy), votes in cells.items())
    return PastAnswer(
        key,
        len(places),
        min(seen, default=None),
        max(seen, default=None),
        tuple(labels),
        behaviour,
        tuple(sorted(by_step, key=lambda cell: -1 if cell.step is None else cell.step)),
        response_digest(group.rollouts[places[-1]].response),
    )


def _facts(rollout: Rollout, step: int | None) -> tuple[int | None, str | None, str | None]:
    """Step, policy and source of the label."""
    if not isinstance(rollout, StoredRollout):
        return step, None, None
    return rollout.step, rollout.policy, rollout.label_source


def _behaviour(group: ParsedGroup, place: int) -> PastBehaviour | None:
    """What a program did on the inputs on which the group was compared."""
    did, compared_as = group.rollouts[place].behaviour, group.behaviours[place]
    if did is None or compared_as is None or compared_as.key is None:
        return None
    outcomes = tuple(map(kept_outcome, did[compared_as.place]))
    return PastBehaviour(compared_as.place, outcomes, group.rollouts[place].behaviour_version)


def _keys_now(history: QueryHistory, group: ParsedGroup) -> Mapping[str, tuple[str, ...]]:
    """Earlier key -> the keys in `group` that are the same answer, where they are not the same text: long keys, which
    are kept in part, and those of programs that do the same. What programs did is compared anew, because the key of a
    behaviour depends on the programs beside it."""
    keys = dict.fromkeys(key for reading in group.parsed if (key := reading.answer_key) is not None)
    found: dict[str, tuple[str, ...]] = {kept: (key,) for key in keys if (kept := kept_key(key)) != key}
    past: dict[tuple[str | None, int, int], list[PastAnswer]] = {}
    for answer in history:
        if (did := answer.behaviour) is not None:
            past.setdefault((did.version, did.place, len(did.outcomes)), []).append(answer)
    for inputs, answers in past.items():
        now = [_on_one_set(rollout, *inputs) for rollout in group.rollouts]
        then: list[Behaviour] = [(answer.behaviour.outcomes,) for answer in answers if answer.behaviour is not None]
        beside = compared([*now, *then])
        for answer, one in zip(answers, beside[len(now) :], strict=True):
            alike = {
                key
                for reading, other in zip(group.parsed, beside[: len(now)], strict=True)
                if one is not None and one.key is not None and other is not None and other.key == one.key
                and (key := reading.answer_key) is not None
            }  # fmt: skip
            if alike:
                found[answer.key] = tuple(sorted(alike))
    return found


def _on_one_set(rollout: Rollout, version: str | None, place: int, inputs: int) -> Behaviour | None:
    """What a program did on the set at `place`, if that is of this version and has so many inputs."""
    did = rollout.behaviour
    if did is None or rollout.behaviour_version != version or place >= len(did) or len(did[place]) != inputs:
        return None
    return (tuple(map(kept_outcome, did[place])),)
