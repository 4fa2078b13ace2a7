"""Whether a new model is taken, and why, in a sentence for people.

A model that the service trained by itself is taken only where it was compared with what is served on enough groups that
neither learned from, and is not worse there nor on the newest audited ones: worse is a log loss whose whole interval is
higher. A model that somebody asked for is taken in any case, and the sentence warns.
"""

from __future__ import annotations

from dataclasses import dataclass

from memreward_proto.records import Interval
from memreward_service.training.comparison import Difference
from memreward_service.training.exchange import Candidate

LEAST_COMPARED = 10
"""Groups that a comparison takes to decide anything."""
FEW_GROUPS = 30
"""Groups below which a sentence warns that they are few."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it is taken, and the sentences that say why."""

    taken: bool
    reason: str


def verdict(candidate: Candidate, served: str, asked: bool) -> Verdict:
    """About a candidate. `served` names what is served now; `asked`: whether somebody asked for this training."""
    new, audited = candidate.comparison.new, candidate.comparison.audited
    few = new is None or new.groups < LEAST_COMPARED
    worse = any(_is_worse(each) for each in (new, audited))
    taken = asked or not (few or worse)
    why = " because it was asked for, not because it is better" if asked and (few or worse) else ""
    sentences = [
        f"{'Taken' if taken else 'Refused'}{why}: {_of_itself(candidate)}.",
        _compared(new, served),
        _of_audit(audited, served),
    ]
    if candidate.held_out < FEW_GROUPS:
        sentences.append(
            f"Warning: {candidate.held_out} held-out groups are few, so these figures are uncertain; from {FEW_GROUPS} "
            "on they say more."
        )
    if worse:
        sentences.append("Warning: it is worse than what was served before.")
    return Verdict(taken, " ".join(sentences))


def _is_worse(difference: Difference | None) -> bool:
    return difference is not None and difference.groups >= LEAST_COMPARED and difference.low > 0


def _of_itself(candidate: Candidate) -> str:
    area = candidate.model.metrics.get("auc")
    groups = f"{candidate.held_out} held-out groups"
    if area is None:
        return f"{groups} have labels of one kind only, so there is no AUC"
    return f"AUC {area:.3f}{_ends(candidate.intervals.auc)} on {groups}"


def _ends(interval: Interval | None) -> str:
    return "" if interval is None else f" [{interval.low:.3f}, {interval.high:.3f}]"


def _compared(new: Difference | None, served: str) -> str:
    groups = 0 if new is None else new.groups
    if new is None or groups < LEAST_COMPARED:
        return (
            f"Only {groups} labelled groups are new since {served} learned, and a comparison takes {LEAST_COMPARED}."
            if groups
            else f"No labelled group is new since {served} learned, so the two could not be compared."
        )
    areas = "" if new.auc is None or new.served_auc is None else f"AUC {new.auc:.3f} against {new.served_auc:.3f}, "
    return f"On {groups} groups that neither learned from, {served} is {_judged(new)} ({areas}{_loss(new)})."


def _of_audit(audited: Difference | None, served: str) -> str:
    groups = 0 if audited is None else audited.groups
    if audited is None or groups < LEAST_COMPARED:
        return f"{groups} of them are audited, too few to say anything." if groups else "None of them is audited."
    return f"On the {groups} audited ones {served} is {_judged(audited)} ({_loss(audited)})."


def _judged(difference: Difference) -> str:
    """How what is served compares with the candidate."""
    if difference.low > 0:
        return "better"
    return "worse" if difference.high < 0 else "neither better nor worse for certain"


def _loss(difference: Difference) -> str:
    return f"log loss {difference.loss:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
