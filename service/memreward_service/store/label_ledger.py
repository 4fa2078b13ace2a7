"""The statements for the label ledger: what a run, and each of its training steps, has been asked for.

label_run, label_step   rollouts seen and labels granted; they stay
label_group             to which step a group counts, and which of its rollouts were granted; purged after a while

Who holds the row of the run (`_lock_run`) is alone with all rows of the run, so no two callers spend the same label.
The price of a call does not grow with what the run has done before.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from memreward_proto.errors import InvalidArgument
from memreward_proto.records import LabelBudget, LabelCharge, LabelSpending, StepSpending
from memreward_service.store.changes import MAX_STEP, check_id
from memreward_service.store.rows import chunks
from memreward_service.store.schema import is_plain, label_group, label_run, label_step

KEEP_SECONDS = 14 * 24 * 3600.0
"""How long a group is known after it was first seen: a retry, or a plan that goes on, comes sooner."""
PURGED_AT_ONCE = 1000
"""Groups purged by a call that brings new ones: no call pays for a whole run that has become old."""
NO_STEP = -1
"""The step of callers that do not say one, as stored."""
ROUNDING = 1e-9
"""What a share times rollouts may lack of a whole label: 0.29 * 100 is 28.999999999999996 in floating point."""


@dataclass(slots=True)
class Account:
    """The counters of a run, or of one of its steps."""

    rollouts: int = 0
    labels: int = 0


@dataclass(slots=True)
class Seen:
    """A group: the step it counts to, and the rollouts granted, in order."""

    step: int
    granted: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Books:
    """The rows of a run that a call touches."""

    run: Account
    steps: dict[int, Account] = field(default_factory=dict)
    groups: dict[str, Seen] = field(default_factory=dict)


def check_charge(charge: LabelCharge, groups: Mapping[str, int], wanted: Sequence[tuple[str, int]]) -> None:
    """Raise InvalidArgument for what no column can keep, and for a budget that is none."""
    check_id(charge.run_id, "run_id")
    if charge.step is not None and not 0 <= charge.step <= MAX_STEP:
        raise InvalidArgument("A step must be 0 or more and fit in 64 bits.", field="step")
    if not 0 <= charge.budget.share <= 1:
        raise InvalidArgument("The share of a label budget must be a number from 0 to 1.", field="label_budget.share")
    for key, size in groups.items():
        check_id(key, "groups")
        if size < 0:
            raise InvalidArgument("A group must have 0 or more rollouts.", field="groups")
    if any(index < 0 for _, index in wanted):
        raise InvalidArgument("The index of a rollout must be 0 or more.", field="wanted")


def grant(
    connection: Connection, charge: LabelCharge, groups: Mapping[str, int], wanted: Sequence[tuple[str, int]]
) -> list[bool]:
    """Count `groups`, and say for each (group, rollout index) of `wanted` whether its label may be asked for.

    Raises InvalidArgument for a wanted group that is neither in `groups` nor known.
    """
    if not (groups or wanted):
        return []
    books = Books(_lock_run(connection, charge.run_id))
    _read_groups(connection, charge.run_id, [*groups, *(key for key, _ in wanted)], books)
    new = [key for key in groups if key not in books.groups]
    if new:
        step = NO_STEP if charge.step is None else charge.step
        _read_step(connection, charge.run_id, step, books)
        for key in new:
            books.groups[key] = Seen(step)
            books.run.rollouts += groups[key]
            books.steps[step].rollouts += groups[key]
    answers, charged = _decide(books, charge.budget, wanted)
    if new or charged:
        _write_accounts(connection, charge.run_id, books, {books.groups[key].step for key in {*new, *charged}})
        _write_groups(connection, charge.run_id, books, new, charged.difference(new))
    if new:
        _purge(connection)  # last: it takes rows of other runs, and waits for nothing after that
    return answers


def _decide(books: Books, budget: LabelBudget, wanted: Sequence[tuple[str, int]]) -> tuple[list[bool], set[str]]:
    """The answers in order, and the groups with a label that was not granted before; `books` grow by these labels."""
    answers: list[bool] = []
    charged: set[str] = set()
    for key, index in wanted:
        if key not in books.groups:
            raise InvalidArgument(f"The group {key!r} is not known: give its size with it.", field="wanted")
        group = books.groups[key]
        account = books.steps[group.step]
        if index not in group.granted:
            if not _affordable(budget, books.run):
                answers.append(False)
                continue
            group.granted.append(index)
            account.labels += 1
            books.run.labels += 1
            charged.add(key)
        answers.append(True)
    return answers, charged


def _affordable(budget: LabelBudget, run: Account) -> bool:
    """Whether one more label is within the share of the rollouts so far: what a step does not spend, later ones may."""
    if budget.labels is not None and run.labels >= budget.labels:
        return False
    return run.labels < math.floor(budget.share * run.rollouts + ROUNDING)


def select_spending(connection: Connection, run_id: str) -> LabelSpending:
    """What the run has been asked for so far; zeros for a run that is not known."""
    of_run = select(label_run.c.rollouts, label_run.c.labels).where(label_run.c.run_id == run_id)
    total = connection.execute(of_run).one_or_none() if is_plain(run_id) else None
    if total is None:
        return LabelSpending(run_id, 0, 0, ())
    of_steps = select(label_step).where(label_step.c.run_id == run_id).order_by(label_step.c.step)
    steps = tuple(
        StepSpending(None if row.step == NO_STEP else row.step, row.rollouts, row.labels)
        for row in connection.execute(of_steps)
    )
    return LabelSpending(run_id, total.rollouts, total.labels, steps)


def _lock_run(connection: Connection, run_id: str) -> Account:
    """The counters of the run; until the transaction ends nobody else changes anything of it."""
    dialect = _dialect(connection)
    connection.execute(dialect.insert(label_run).values(run_id=run_id, rollouts=0, labels=0).on_conflict_do_nothing())
    row = connection.execute(select(label_run).where(label_run.c.run_id == run_id).with_for_update()).one()
    return Account(row.rollouts, row.labels)


def _read_groups(connection: Connection, run_id: str, keys: Sequence[str], books: Books) -> None:
    same_step = and_(label_step.c.run_id == label_group.c.run_id, label_step.c.step == label_group.c.step)
    known: Select[Any] = select(
        label_group.c.key, label_group.c.step, label_group.c.granted, label_step.c.rollouts, label_step.c.labels
    ).join(label_step, same_step)
    for chunk in chunks(keys):
        of_run = known.where(label_group.c.run_id == run_id, label_group.c.key.in_(chunk))
        for row in connection.execute(of_run.with_for_update(of=label_group)):  # a purge must not take them now
            books.groups[row.key] = Seen(row.step, json.loads(row.granted))
            books.steps[row.step] = Account(row.rollouts, row.labels)


def _read_step(connection: Connection, run_id: str, step: int, books: Books) -> None:
    if step in books.steps:
        return
    of_step = select(label_step).where(label_step.c.run_id == run_id, label_step.c.step == step)
    row = connection.execute(of_step).one_or_none()
    books.steps[step] = Account() if row is None else Account(row.rollouts, row.labels)


def _write_accounts(connection: Connection, run_id: str, books: Books, steps: set[int]) -> None:
    """The counters of the run and of these steps, as they are in `books`."""
    written = _dialect(connection).insert(label_step)
    counted = {"rollouts": written.excluded.rollouts, "labels": written.excluded.labels}
    connection.execute(
        written.on_conflict_do_update(index_elements=["run_id", "step"], set_=counted),
        [
            {"run_id": run_id, "step": step, "rollouts": books.steps[step].rollouts, "labels": books.steps[step].labels}
            for step in sorted(steps)
        ],
    )
    of_run = update(label_run).where(label_run.c.run_id == run_id)
    connection.execute(of_run.values(rollouts=books.run.rollouts, labels=books.run.labels))


def _write_groups(
    connection: Connection, run_id: str, books: Books, new: Collection[str], changed: Collection[str]
) -> None:
    now = time.time()
    granted = {key: json.dumps(books.groups[key].granted) for key in (*new, *changed)}
    if new:
        connection.execute(
            insert(label_group),
            [
                {
                    "run_id": run_id,
                    "key": key,
                    "step": books.groups[key].step,
                    "granted": granted[key],
                    "made_at": now,
                }
                for key in new
            ],
        )
    if changed:
        of_group = and_(label_group.c.run_id == run_id, label_group.c.key == bindparam("of_key"))
        connection.execute(
            update(label_group).where(of_group).values(granted=bindparam("now_granted")),
            [{"of_key": key, "now_granted": granted[key]} for key in changed],
        )


def _purge(connection: Connection) -> None:
    """Forget some of the groups that are old, of any run, but for those that another call works on."""
    old = (
        select(label_group.c.run_id, label_group.c.key)
        .where(label_group.c.made_at < time.time() - KEEP_SECONDS)
        .limit(PURGED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    if rows := connection.execute(old).all():
        connection.execute(
            delete(label_group).where(
                label_group.c.run_id == bindparam("of_run"), label_group.c.key == bindparam("of_key")
            ),
            [{"of_run": row.run_id, "of_key": row.key} for row in rows],
        )


def _dialect(connection: Connection) -> Any:
    return postgresql if connection.dialect.name == "postgresql" else sqlite
