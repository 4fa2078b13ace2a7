"""Why a rollout got its reward, in numbers and in one sentence: `explain` of POST /v1/rewards.

The sentence names what decides first: labels, then the votes of earlier rollouts, the agreement of the group, and what
the network says. The label of the rollout itself is its reward, and never evidence for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from memreward_proto.records import Explanation, Prediction, Source, Status
from memreward_service.belief.conflicts import ConflictKind, conflict_of
from memreward_service.belief.posterior import GroupBelief
from memreward_service.belief.tallies import AnswerTally, answers_of, tallies_of
from memreward_service.groups.batch import ParsedGroup
from memreward_service.groups.history import QueryHistory, earlier_answers

MOST_CHARACTERS = 60
"""Of another answer that a sentence names."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a sentence is made of. `tally` is that of the answer, without the rollout's own `label`; `right_answer`: the
    other answer that labels call right, where only one can be."""

    tally: AnswerTally
    own_probability: float
    source: Source
    """What gave `own_probability`: the network, or agreement."""
    has_answer: bool = True
    program: bool = False
    """Whether answers are what programs did."""
    label: float | None = None
    right_answer: str | None = None
    unknown: bool = False
    """Whether there was nothing to go by, so that the service abstained."""


def with_explanations(
    group: ParsedGroup, predictions: Sequence[Prediction], belief: GroupBelief, history: QueryHistory,
    step: int | None, source: Source, known: bool,
) -> tuple[Prediction, ...]:  # fmt: skip
    """The predictions, explained; the arguments are those that they were made from (rewards.py)."""
    keys, tallies = answers_of(group), tallies_of(group, earlier_answers(history, group, step))
    before = belief.before_labels()
    explained = []
    for index, prediction in enumerate(predictions):
        tally = tallies[keys[index]].without(group.rollouts[index].label)
        evidence = Evidence(
            tally,
            float(before[index]),
            source,
            has_answer=group.parsed[index].answer_key is not None,
            program=group.behaviours[index] is not None,
            label=group.rollouts[index].label,
            right_answer=_right_answer(keys[index], tally, tallies) if group.exclusive else None,
            unknown=prediction.status is Status.ABSTAIN and not known,
        )
        why = summary(evidence) if prediction.status is not Status.INVALID else "The response is blank."
        explained.append(replace(prediction, explanation=_explanation(group, index, evidence, why)))
    return tuple(explained)


def summary(evidence: Evidence) -> str:
    """One sentence in plain English."""
    tally, own = evidence.tally, f"{evidence.own_probability:.2f}"
    clauses = [
        f"its reward is its own label, {evidence.label:g}" if evidence.label is not None else "",
        *_labels(evidence),
        _conflict(tally),
        _earlier_votes(evidence),
        _agreement(evidence),
        f"network {own}" if evidence.source is Source.GNN else f"agreement alone says {own}",
    ]
    sentence = "; ".join(clause for clause in clauses if clause)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _explanation(group: ParsedGroup, index: int, evidence: Evidence, why: str) -> Explanation:
    reading, tally = group.parsed[index], evidence.tally
    return Explanation(
        answer=reading.answer,
        answer_key=reading.answer_key or "",
        agreement=tally.agreeing / tally.group,
        same_key_right=tally.right,
        same_key_wrong=tally.wrong,
        earlier_right=tally.earlier_right,
        earlier_wrong=tally.earlier_wrong,
        last_labelled_step=tally.last_labelled_step,
        earlier_votes=tally.earlier_votes,
        earlier_rollouts=tally.earlier_rollouts,
        own_probability=evidence.own_probability,
        summary=why,
    )


def _right_answer(key: str | int, tally: AnswerTally, tallies: Mapping[str | int, AnswerTally]) -> str | None:
    """The other answer that most labels call right, where this one is not called right itself."""
    others = {
        name: each.every_right - each.every_wrong
        for name, each in tallies.items()
        if name != key and each.every_right > each.every_wrong
    }
    if not others or tally.every_right > tally.every_wrong:
        return None
    best = max(others, key=lambda name: others[name])
    return best if isinstance(best, str) else ""


def _labels(evidence: Evidence) -> list[str]:
    """What labels say of the answer and of other answers."""
    tally = evidence.tally
    said = [] if evidence.has_answer else ["no final answer was found in it"]
    if tally.every_right and tally.every_wrong:
        said.append(
            f"labels contradict each other: {tally.every_right} right, {tally.every_wrong} wrong{_last_step(tally)}"
        )
    elif tally.every_right or tally.every_wrong:
        said.append(f"labelled {'right' if tally.every_right else 'wrong'} {_where(tally)}")
    if evidence.right_answer is not None:
        said.append(_other(evidence))
    if evidence.unknown:
        said.append("there is nothing to go by: no label, no sibling, no similar query")
    elif not said:
        other = "" if evidence.label is None else "else "
        said.append(f"no label says anything {other}about this answer")
    return said


def _where(tally: AnswerTally) -> str:
    """In its group; at step 12; 3 times, last at step 12."""
    here, before = tally.right + tally.wrong, tally.earlier_right + tally.earlier_wrong
    parts = [_times(here, "in its group")] if here else []
    if before:
        step = tally.last_labelled_step
        when = "earlier" if step is None else f"at step {step}" if before == 1 else f"earlier, last at step {step}"
        parts.append(_times(before, when))
    return " and ".join(parts)


def _times(count: int, where: str) -> str:
    return where if count == 1 else f"{count} times {where}"


def _last_step(tally: AnswerTally) -> str:
    return "" if tally.last_labelled_step is None else f", last at step {tally.last_labelled_step}"


def _other(evidence: Evidence) -> str:
    if evidence.program:
        return "a program that does something else is labelled right"
    answer = " ".join((evidence.right_answer or "").split())
    if not answer:
        return "another answer is labelled right"
    short = answer if len(answer) <= MOST_CHARACTERS else answer[: MOST_CHARACTERS - 1] + "…"
    return f"another answer is labelled right: {short}"


def _conflict(tally: AnswerTally) -> str:
    """The contradiction of labels is said in `_labels`."""
    if conflict_of(tally) is ConflictKind.MAJORITY:
        return "that one label stands against a large majority, so that it should be checked"
    return ""


def _earlier_votes(evidence: Evidence) -> str:
    tally = evidence.tally
    if not tally.earlier_rollouts or not evidence.has_answer:
        return ""
    same = "did the same" if evidence.program else "say the same"
    return f"{tally.earlier_votes} of {tally.earlier_rollouts} earlier rollouts {same}"


def _agreement(evidence: Evidence) -> str:
    tally = evidence.tally
    if tally.group == 1 or not evidence.has_answer:
        return ""
    if tally.agreeing == 1:
        return f"no other of the {tally.group} of its group agrees"
    return f"{tally.agreeing} of {tally.group} of its group agree"
