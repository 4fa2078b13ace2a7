"""Stores made by earlier versions: their content and ids stay, and what is new works."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, make_url, text

from memreward_proto.records import (
    Domain,
    Experience,
    LabelBudget,
    LabelCharge,
    LabelSpending,
    StepSpending,
    StoreCounts,
    StoredRollout,
)
from memreward_service.store import ExperienceStore, migrations, with_ids
from memreward_service.store.database import Database
from memreward_service.store.schema import metadata

[GIVEN] = with_ids(
    [
        Experience(
            "1+1?",
            "",
            Domain.MATH,
            "sums",
            rollouts=(
                StoredRollout("2", "t", "2", "k", 1.0, label_source="verifier", policy="policy", step=3),
                StoredRollout("3"),
            ),
        )
    ]
)


def make_old_store(url: str, revision: str) -> None:
    """The tables as that revision leaves them, and the rows that the versions of its time wrote for GIVEN."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        Path(str(parsed.database)).parent.mkdir()
    else:
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed)
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.set_main_option("path_separator", "os")
        command.upgrade(config, revision)
        names = {"q": GIVEN.id, "r0": GIVEN.rollouts[0].id, "r1": GIVEN.rollouts[1].id}
        for statement in (
            "INSERT INTO query (id, text, domain, dataset, version) VALUES (:q, '1+1?', 'math', 'sums', 1)",
            "INSERT INTO rollout (id, query_id, position, response, thinking, answer, answer_key, label, label_source, "
            "policy, step) VALUES (:r0, :q, 0, '2', 't', '2', 'k', 1.0, 'verifier', 'policy', 3), "
            "(:r1, :q, 1, '3', NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
            "UPDATE clock SET version = 1, queries = 1, rollouts = 2, labels = 1",
        ):
            connection.execute(text(statement), names)
        assert "label_group" not in inspect(connection).get_table_names()
    engine.dispose()


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_an_old_store_is_brought_up_to_date_and_keeps_its_content(store_url: str, revision: str) -> None:
    make_old_store(store_url, revision)
    store = ExperienceStore(store_url)
    database = Database(store_url, 5.0)
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()
    assert store.page(None, 10) == [GIVEN]
    again = store.add_experience([GIVEN])
    assert (again.version, again.rollouts_added, again.labels_changed) == (1, 0, 0)
    ran = StoredRollout("def f(): ...", behaviour=(("v1",),), id="ran")
    store.add_experience([replace(GIVEN, rollouts=(ran,))])
    assert store.load([GIVEN.id]) == [replace(GIVEN, rollouts=(*GIVEN.rollouts, ran))]
    assert store.counts() == StoreCounts(version=2, queries=1, rollouts=3, labels=1)
    charge = LabelCharge("run", 1, LabelBudget(0.5))
    assert store.grant_labels(charge, {"g": 2}, [("g", 0), ("g", 1)]) == [True, False]
    assert store.label_spending("run") == LabelSpending("run", 2, 1, (StepSpending(1, 2, 1),))
    store.close()
