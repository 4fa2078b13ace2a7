"""The label ledger: what a run and its steps may ask for, exactly, however often and by whom it is asked."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, update

from memreward_proto.errors import InvalidArgument, Unavailable
from memreward_proto.records import LabelBudget, LabelCharge, LabelSpending, StepSpending, StoreCounts
from memreward_service.store import ExperienceStore, label_ledger
from memreward_service.store.database import Database
from memreward_service.store.schema import label_group


def charge(share: float, labels: int | None = None, run: str = "run", step: int | None = 1) -> LabelCharge:
    return LabelCharge(run, step, LabelBudget(share, labels))


def every(groups: dict[str, int]) -> list[tuple[str, int]]:
    """All rollouts of the groups: the first of each, the second of each, and so on."""
    return [(key, index) for index in range(max(groups.values())) for key in groups if index < groups[key]]


@pytest.mark.parametrize(
    ("share", "size", "allowed"),
    [
        (0.17, 8, 1),
        (0.17, 5, 0),
        (0.17, 6, 1),
        (0.125, 8, 1),
        (0.29, 100, 29),
        (0.07, 100, 7),
        (1.0, 8, 8),
        (0.0, 8, 0),
    ],
)
def test_a_step_is_asked_for_its_share_rounded_down(
    store: ExperienceStore, share: float, size: int, allowed: int
) -> None:
    granted = store.grant_labels(charge(share), {"g": size}, every({"g": size}))
    assert granted == [True] * allowed + [False] * (size - allowed)
    assert store.label_spending("run") == LabelSpending("run", size, allowed, (StepSpending(1, size, allowed),))


def test_the_share_grows_with_the_groups_of_the_step(store: ExperienceStore) -> None:
    heard = [store.grant_labels(charge(0.2), {f"g{n}": 4}, [(f"g{n}", 0)]) for n in range(10)]
    assert heard == [[False], [True], [True], [True], [True], [False], [True], [True], [True], [True]]
    assert store.label_spending("run") == LabelSpending("run", 40, 8, (StepSpending(1, 40, 8),))


def test_what_one_step_does_not_spend_later_ones_may(store: ExperienceStore) -> None:
    assert store.grant_labels(charge(0.25, step=1), {"a": 8}, [("a", 0)]) == [True]
    wanted = [("b", index) for index in range(8)]
    assert store.grant_labels(charge(0.25, step=2), {"b": 8}, wanted) == [True] * 3 + [False] * 5
    assert store.label_spending("run").steps == (StepSpending(1, 8, 1), StepSpending(2, 8, 3))


def test_what_comes_first_in_the_order_of_preference_is_granted(store: ExperienceStore) -> None:
    groups = {"a": 4, "b": 4}
    assert store.grant_labels(charge(0.25), groups, [("b", 3), ("a", 0), ("b", 0)]) == [True, True, False]
    assert store.grant_labels(charge(0.25), {}, [("b", 0), ("a", 0), ("b", 3)]) == [False, True, True]


def test_a_run_is_never_asked_for_more_than_its_labels(store: ExperienceStore) -> None:
    wanted = [("g", index) for index in range(8)]
    for step, expected in ((1, 4), (2, 2), (3, 0)):
        name = f"g{step}"
        granted = store.grant_labels(charge(0.5, 6, step=step), {name: 8}, [(name, index) for _, index in wanted])
        assert granted == [True] * expected + [False] * (8 - expected)
    assert store.grant_labels(charge(0.5, 7, step=3), {"g3": 8}, [("g3", 1), ("g3", 2)]) == [True, False]
    steps = StepSpending(1, 8, 4), StepSpending(2, 8, 2), StepSpending(3, 8, 1)
    assert store.label_spending("run") == LabelSpending("run", 24, 7, steps)


def test_retries_cost_nothing_and_count_no_rollouts(store: ExperienceStore, store_url: str) -> None:
    groups = {"a": 8, "b": 8}
    wanted = [("a", 3), ("b", 1), ("b", 1), ("b", 2), ("a", 4), ("a", 3)]
    expected = [True, True, True, False, False, True]
    assert store.grant_labels(charge(0.125), groups, wanted) == expected
    spent = store.label_spending("run")
    assert spent == LabelSpending("run", 16, 2, (StepSpending(1, 16, 2),))
    replica = ExperienceStore(store_url)
    for again in (store, replica):
        assert again.grant_labels(charge(0.125), groups, wanted) == expected
        assert again.grant_labels(charge(0.0, 1), {"a": 8}, [("a", 3)]) == [True], "granted under another budget"
        assert again.label_spending("run") == spent
    replica.close()


def test_a_group_keeps_the_step_with_which_it_came_first(store: ExperienceStore) -> None:
    store.grant_labels(charge(0.25, step=1), {"old": 8}, [("old", 0)])
    assert store.grant_labels(charge(0.25, step=2), {"old": 8, "new": 4}, every({"new": 4})) == [
        True,
        True,
        False,
        False,
    ]
    groups = {"old": 8, "newer": 4}
    wanted = [("old", 1), ("old", 2), ("newer", 0), ("newer", 1)]
    for _ in range(2):
        assert store.grant_labels(charge(0.25, step=2), groups, wanted) == [True, False, False, False]
    steps = StepSpending(1, 8, 2), StepSpending(2, 8, 2)
    assert store.label_spending("run") == LabelSpending("run", 16, 4, steps)


def test_a_group_that_is_asked_for_one_label_after_another_remembers_all(store: ExperienceStore) -> None:
    for index in (5, 0, 3):
        assert store.grant_labels(charge(0.5), {"g": 8}, [("g", index)]) == [True]
    wanted = [("g", index) for index in (7, 6, 5, 3, 0)]
    assert store.grant_labels(charge(0.5), {"g": 8}, wanted) == [True, False, True, True, True]
    assert store.label_spending("run").labels == 4


def test_runs_and_steps_are_apart(store: ExperienceStore) -> None:
    for run in ("a", "b", "ünï 🙂"):
        for step in (None, 7, 0, 2**63 - 1):
            name = f"{step}"
            assert store.grant_labels(charge(0.5, 6, run, step), {name: 4}, every({name: 4})).count(True) == (
                2 if step != 2**63 - 1 else 0
            )
        steps = StepSpending(None, 4, 2), StepSpending(0, 4, 2), StepSpending(7, 4, 2), StepSpending(2**63 - 1, 4, 0)
        assert store.label_spending(run) == LabelSpending(run, 16, 6, steps)
    assert store.counts() == StoreCounts(version=0, queries=0, rollouts=0, labels=0)


def test_a_run_that_is_not_known_has_spent_nothing(store: ExperienceStore) -> None:
    store.grant_labels(charge(1.0), {"g": 1}, [("g", 0)])
    for unknown in ("ru", "RUN", "", "nul\x00", "half\ud800"):
        assert store.label_spending(unknown) == LabelSpending(unknown, 0, 0, ())


def test_nothing_given_is_nothing_granted(store: ExperienceStore) -> None:
    assert store.grant_labels(charge(1.0), {}, []) == []
    assert store.label_spending("run") == LabelSpending("run", 0, 0, ())
    assert store.grant_labels(charge(1.0), {"empty": 0}, [("empty", 0)]) == [False]
    assert store.grant_labels(charge(1.0), {"g": 3}, []) == []
    assert store.label_spending("run") == LabelSpending("run", 3, 0, (StepSpending(1, 3, 0),))


@pytest.mark.parametrize(
    ("bad", "groups", "wanted", "field"),
    [
        (charge(0.5, run=""), {"g": 1}, [], "run_id"),
        (charge(0.5, run="nul\x00"), {"g": 1}, [], "run_id"),
        (charge(0.5, step=-1), {"g": 1}, [], "step"),
        (charge(0.5, step=2**63), {"g": 1}, [], "step"),
        (charge(1.01), {"g": 1}, [], "label_budget.share"),
        (charge(float("nan")), {"g": 1}, [], "label_budget.share"),
        (charge(0.5), {"x" * 513: 1}, [], "groups"),
        (charge(0.5), {"g": -1}, [], "groups"),
        (charge(0.5), {"g": 1}, [("g", -1)], "wanted"),
        (charge(1.0), {"g": 2}, [("g", 0), ("other", 0)], "wanted"),
    ],
)
def test_what_cannot_be_charged_is_refused_and_leaves_no_trace(
    store: ExperienceStore, bad: LabelCharge, groups: dict[str, int], wanted: list[tuple[str, int]], field: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        store.grant_labels(bad, groups, wanted)
    assert refused.value.details["field"] == field
    assert store.label_spending("run") == LabelSpending("run", 0, 0, ())


def test_thousands_of_groups_in_one_call(store: ExperienceStore) -> None:
    groups = {f"g{n}": 2 for n in range(1300)}
    granted = store.grant_labels(charge(0.25), groups, every(groups))
    assert granted == [True] * 650 + [False] * 1950
    assert store.grant_labels(charge(0.25), groups, every(groups)) == granted
    assert store.label_spending("run") == LabelSpending("run", 2600, 650, (StepSpending(1, 2600, 650),))


def test_callers_at_once_spend_the_budget_exactly(store: ExperienceStore, store_url: str) -> None:
    """Four threads of two stores ask for all rollouts of two steps, each in its own order, some groups twice."""
    other = ExperienceStore(store_url)
    start = threading.Barrier(4)
    groups = [(step, f"{step}/{n}") for step in (1, 2) for n in range(20)]

    def ask(number: int) -> set[tuple[str, int]]:
        draw = random.Random(number)
        start.wait()
        granted: set[tuple[str, int]] = set()
        for step, name in draw.sample(groups * 2, len(groups) * 2):
            wanted = [(name, index) for index in draw.sample(range(4), 4)]
            heard = (store, other)[number % 2].grant_labels(charge(0.5, 70, step=step), {name: 4}, wanted)
            granted |= {label for label, yes in zip(wanted, heard, strict=True) if yes}
        return granted

    with ThreadPoolExecutor(4) as pool:
        granted = set[tuple[str, int]]().union(*pool.map(ask, range(4)))
    spent = store.label_spending("run")
    assert (spent.rollouts, spent.labels) == (160, 70)
    by_step = Counter(int(name.split("/")[0]) for name, _ in granted)
    assert [(one.step, one.rollouts, one.labels) for one in spent.steps] == [(n, 80, by_step[n]) for n in (1, 2)]
    assert max(by_step.values()) <= 40
    assert len(granted) == 70
    other.close()


def test_old_groups_are_purged_and_the_counters_stay(
    store: ExperienceStore, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names() -> set[tuple[str, str]]:
        with database.read() as connection:
            return {(row.run_id, row.key) for row in connection.execute(select(label_group))}

    def age(*keys: str) -> None:
        with database.write() as connection:
            made = select(func.max(label_group.c.made_at)).scalar_subquery()
            old = made - label_ledger.KEEP_SECONDS - 1
            connection.execute(update(label_group).where(label_group.c.key.in_(keys)).values(made_at=old))

    database = Database(store_url, 5.0)
    for key in ("a", "b", "c", "d"):
        store.grant_labels(charge(0.5, run=f"run {key}"), {key: 4}, [(key, 0)])
    age("a", "b", "c")
    monkeypatch.setattr(label_ledger, "PURGED_AT_ONCE", 2)
    assert store.grant_labels(charge(0.5, run="run a"), {"a": 4}, [("a", 0)]) == [True]
    assert len(names()) == 4, "only a call that brings groups purges"
    store.grant_labels(charge(0.5), {"new": 2}, [("new", 0)])
    assert len(names()) == 3, "no more at once than is said"
    store.grant_labels(charge(0.5), {"newer": 2}, [])
    assert names() == {("run d", "d"), ("run", "new"), ("run", "newer")}
    assert [store.label_spending(f"run {key}").labels for key in "abcd"] == [1, 1, 1, 1]
    database.close()


def test_a_purge_takes_no_group_that_another_call_works_on(postgres: object, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("postgres").new_database()
    store, database = ExperienceStore(url, lock_timeout_s=0.2), Database(url, 5.0)
    store.grant_labels(charge(0.5, run="other"), {"held": 4, "free": 4}, [("held", 0)])
    with database.write() as connection:
        connection.execute(update(label_group).values(made_at=0.0))
    with database.write() as connection:
        connection.execute(select(label_group).where(label_group.c.key == "held").with_for_update()).one()
        assert store.grant_labels(charge(0.5), {"new": 2}, [("new", 0)]) == [True]
        left = set(connection.scalars(select(label_group.c.key)))
    assert left == {"held", "new"}
    assert store.grant_labels(charge(0.0, run="other"), {}, [("held", 0)]) == [True]
    database.close()
    store.close()


def test_a_run_that_another_process_charges_is_waited_for(postgres: object, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("postgres").new_database()
    store, database = ExperienceStore(url, lock_timeout_s=0.1), Database(url, 5.0)
    store.grant_labels(charge(0.5), {"g": 4}, [("g", 0)])
    with database.write() as connection:
        connection.exec_driver_sql("SELECT labels FROM label_run WHERE run_id = 'run' FOR UPDATE")
        with pytest.raises(Unavailable):
            store.grant_labels(charge(0.5), {"g": 4}, [("g", 1)])
        assert store.grant_labels(charge(0.5, run="other"), {"g": 4}, [("g", 1)]) == [True]
    assert store.grant_labels(charge(0.5), {"g": 4}, [("g", 1), ("g", 2)]) == [True, False]
    database.close()
    store.close()
