"""Programs that do the same on the same inputs get the same answer key; how far the others agree with their group.

A behaviour (records.Rollout) holds, for each set of inputs, one outcome an input. Its first letter says what happened:
v a value or changed arguments, n None, x an exception, t no answer in time, s not tried after others were late, l a
value beyond the limit, e the program was stopped; what follows differs between values and between
exceptions. The service runs no code: the trainer does (memreward_trainer/behaviour/run.py).

Sets differ in the types of the arguments, the likeliest first, and the group decides which one is compared: the first
on which its programs return nearly as many values as on any. The result does not depend on the order of the rollouts,
nor on how fast a machine is: inputs on which a running program was late are left out.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

Behaviour = tuple[tuple[str, ...], ...]

LIKELY_SHARE = 0.3
"""The likeliest set of inputs is kept on which programs return at least this share of the most values."""
LATE_SHARE = 1 / 3
"""A program that runs out of time on more of its inputs than this has failed."""

VALUE, NOTHING, RAISED = "v", "n", "x"
LATE = ("t", "s", "e")
RETURNS = (VALUE, NOTHING)


@dataclass(frozen=True, slots=True)
class ComparedBehaviour:
    """One program beside the others of its group."""

    key: str | None
    """Equal for equal behaviour; None for a program that fails everywhere: it agrees with nobody."""
    agreement: float
    """Mean share of the group that returned the same, over the inputs: in [0, 1]."""
    returned: tuple[str, ...] = ()
    """What it returned, one text an input on which it did: equal in two programs for the same value on the same one."""
    inputs: int = 1
    """On how many inputs it was compared, at least 1."""
    place: int = 0
    """Of the set of inputs on which it was compared."""


def compared(
    behaviours: Sequence[Behaviour | None], versions: Sequence[str | None] | None = None
) -> list[ComparedBehaviour | None]:
    """How the programs of one group compare, in their order; None where no behaviour is known.

    Only behaviours of one shape (as many sets, and in each as many inputs) and of one version of the inputs have inputs
    in common. `versions` None: all are of one.
    """
    named = list(zip(behaviours, versions or [None] * len(behaviours), strict=True))
    found: dict[tuple[Behaviour, str | None], ComparedBehaviour] = {}
    by_inputs: dict[tuple[str, tuple[int, ...]], Counter[Behaviour]] = {}
    for behaviour, version in named:
        if behaviour is not None:
            by_inputs.setdefault((version or "", tuple(map(len, behaviour))), Counter())[behaviour] += 1
    total = sum(times.total() for times in by_inputs.values())
    for number, inputs in enumerate(sorted(by_inputs)):
        version = inputs[0] or None
        of_shape = _of_one_shape(number, by_inputs[inputs], total, version)
        found |= {(behaviour, version): one for behaviour, one in of_shape.items()}
    return [None if behaviour is None else found[behaviour, version or None] for behaviour, version in named]


def _of_one_shape(
    number: int, times: Counter[Behaviour], group_size: int, version: str | None
) -> dict[Behaviour, ComparedBehaviour]:
    """The distinct behaviours of shape `number` on inputs of `version`, each shown so many `times` among `group_size`
    programs."""
    place = _kept_set(times)
    failed = ComparedBehaviour(None, 0.0)
    if place is None:
        return dict.fromkeys(times, failed)
    running = {one: one[place] for one in times if _runs(one[place])}
    made = dict.fromkeys(times, failed)
    columns = zip(*running.values(), strict=True)
    inputs = [column for column, given in enumerate(columns) if not any(one.startswith(LATE) for one in given)]
    if not inputs:
        return made
    rows = {one: [row[column] for column in inputs] for one, row in running.items()}
    returned = {
        one: tuple(
            f"{number}.{column}:{outcome}"
            for column, outcome in zip(inputs, row, strict=True)
            if outcome.startswith(RETURNS)
        )
        for one, row in rows.items()
    }
    votes: Counter[str] = Counter()
    for one, values in returned.items():
        for value in values:
            votes[value] += times[one]
    for one, values in returned.items():
        agreement = sum(votes[value] for value in values) / group_size / len(inputs)
        made[one] = ComparedBehaviour(_key(version, place, rows[one]), agreement, values, len(inputs), place)
    return made


def _kept_set(times: Counter[Behaviour]) -> int | None:
    """The first set on which programs return nearly as many values as on any; None where they return none at all."""
    shares = []
    for place, inputs in enumerate(next(iter(times))):
        values = sum(n * sum(outcome.startswith(VALUE) for outcome in one[place]) for one, n in times.items())
        shares.append(values / max(1, len(inputs)))
    most = max(shares, default=0.0)
    return next((place for place, share in enumerate(shares) if share >= LIKELY_SHARE * most), None) if most else None


def _runs(outcomes: Sequence[str]) -> bool:
    """Whether a program returns a value on some inputs, and seldom runs out of time or dies."""
    late = sum(outcome.startswith(LATE) for outcome in outcomes)
    return late <= LATE_SHARE * len(outcomes) and any(outcome.startswith(VALUE) for outcome in outcomes)


def _key(version: str | None, place: int, row: Sequence[str]) -> str:
    """Which exception a program raises does not count: a query seldom says it, and right programs differ in it."""
    told = [RAISED if outcome.startswith(RAISED) else outcome for outcome in row]
    content = [place, *told] if version is None else [version, place, *told]
    return f"does:{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:20]}"
