"""When the answer that most rollouts of a group give is no evidence any more: the policy may agree on nonsense.

Two signs, both tests of one answer against what was said before, by Fisher's exact test with one side:

moved      Earlier groups of the query gave another answer, which has vanished, and this one seldom or never. An answer
           that first came later than the one before it is held against a past without it, because the votes that it
           has there are the drift itself.
spreading  The answer is that of more of a run's last queries than of its first ones. Unrelated queries have unrelated
           answers.

Neither is a proof: a policy that gets better moves from wrong answers to right ones. So a drifting answer is no wrong
one, but one that agreement says nothing about, and that a label has to decide on. Where labels have decided, nothing
drifts. Programs are left out: the key of what a program does means nothing beside other programs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

from memreward_service.groups.batch import ParsedGroup
from memreward_service.groups.history import PastAnswer, QueryHistory, past_evidence

MOVED, SPREADING = 1e-3, 1e-3
"""How unlikely the votes of a group have to be under the votes before, and the answers of a run's last queries under
those of its first ones. Chosen on half of the queries of gsm8k and commonsenseqa (trainer/…/evaluation/drift.py)."""


@dataclass(frozen=True, slots=True)
class Consensus:
    """The answer that most rollouts of a group give. `rollout`: the first that gives it; `share`: of the group;
    `moved`: whether it is not that of earlier groups of the query."""

    key: str
    rollout: int
    share: float
    moved: bool = False


def consensus_of(group: ParsedGroup, history: QueryHistory = (), step: int | None = None) -> Consensus | None:
    """The answer of at least two rollouts that is given most often, the first of equals; None where no two agree, or
    answers cannot be compared with those of other groups."""
    keys = [parsed.answer_key for parsed in group.parsed]
    votes = Counter(key for key in keys if key is not None)
    if not votes or not group.exclusive or any(rollout.behaviour is not None for rollout in group.rollouts):
        return None
    key, most = votes.most_common(1)[0]
    if most < 2:
        return None
    return Consensus(key, keys.index(key), most / len(keys), _moved(key, votes, history, group, step))


def _moved(key: str, votes: Counter[str], history: QueryHistory, group: ParsedGroup, step: int | None) -> bool:
    """Not where earlier labels speak of the answer, or found another one right, or the one before wrong."""
    if not any(answer.key != key for answer in history):
        return False
    labels = past_evidence(history, group, step)
    if labels.get(key, 0.0) != 0 or any(evidence > 0 for evidence in labels.values()):
        return False
    return unlikely_move(key, votes, [answer for answer in history if labels.get(answer.key, 0.0) >= 0]) < MOVED


def unlikely_move(key: str, votes: Counter[str], history: Sequence[PastAnswer]) -> float:
    """The probability of so many votes for `key`, beside those for the answer that had most votes before, if nothing
    had changed since; 1 where there is no other answer in the past."""
    rivals = [answer for answer in history if answer.key != key]
    if not rivals:
        return 1.0
    rival = max(rivals, key=lambda answer: answer.votes)
    own = next((answer for answer in history if answer.key == key), None)
    then = 0 if own is None or _came_later(own, rival) else own.votes
    return tail(votes[key], votes[key] + votes[rival.key], then, then + rival.votes)


def unlikely_spread(now: int, queries: int, before: int, of: int) -> float:
    """The probability that an answer is that of `now` of the last `queries`, when it was that of `before` of the `of`
    first ones, and nothing has changed."""
    return tail(now, queries, before, of)


def tail(now: int, drawn: int, before: int, of: int) -> float:
    """P(at least `now` of `drawn` are marked), for `drawn` taken at random from all, of which `now + before` are
    marked: Fisher's exact test that marks are no more frequent among the `drawn` than among the `of` others."""
    marked, every = now + before, drawn + of
    ways = sum(comb(marked, k) * comb(every - marked, drawn - k) for k in range(now, min(marked, drawn) + 1))
    return ways / comb(every, drawn)


def _came_later(own: PastAnswer, rival: PastAnswer) -> bool:
    return own.first_step is not None and rival.first_step is not None and own.first_step > rival.first_step
