"""Snapshots: the same predictions afterwards; whole after an interruption; used with their own store only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from memreward_proto.records import Domain, Group, Prediction
from memreward_service.engine.scorer import Question, reply_to
from memreward_service.groups.history import history_of
from memreward_service.memory.index import QueryIndex
from memreward_service.memory.memory import Memory
from memreward_service.memory.snapshot import opened_memory, write_snapshot
from memreward_service.network.trained import ServingModel, states_of
from memreward_service.settings import Settings
from memreward_service.store import ExperienceStore
from service.hash_encoder import DIMENSION, vectors_of
from service.synthetic_groups import (
    batch_of,
    experience_of,
    lively_model,
    parsed,
    synthetic_group,
    unlabelled,
)  # fmt: skip

MODEL = ServingModel("gnn-lively", lively_model())
GROUPS = [synthetic_group(i, domain=list(Domain)[i % 2]) for i in range(40)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ExperienceStore]:
    store = ExperienceStore(f"sqlite:///{tmp_path}/store.sqlite3")
    yield store
    store.close()


def empty(store: ExperienceStore, encoder: str = "hash", exact_limit: int = 1000) -> Memory:
    return Memory(DIMENSION, encoder, store.name(), exact_limit, use_gpu=False)


def add(memory: Memory, store: ExperienceStore, groups: list[Group]) -> None:
    memory.version = store.add_experience([experience_of(group) for group in groups]).version
    vectors, states = batch_of(groups).query_vectors.numpy(), states_of(MODEL.trained, batch_of(groups))
    histories = [history_of(parsed(group)) for group in groups]
    memory.put([group.query for group in groups], vectors, states, histories)
    memory.model_version = MODEL.version


def filled(store: ExperienceStore, groups: list[Group], exact_limit: int = 1000) -> Memory:
    memory = empty(store, exact_limit=exact_limit)
    add(memory, store, groups)
    return memory


def scored(memory: Memory, group: Group) -> tuple[Prediction, ...]:
    question = Question((parsed(group),), vectors_of(parsed(group).texts), explain=False)
    return reply_to([question], MODEL, memory, Settings())[0].predictions[0]


@pytest.mark.parametrize("exact_limit", [8, 1000])
def test_it_gives_identical_predictions_and_goes_on(tmp_path: Path, store: ExperienceStore, exact_limit: int) -> None:
    memory = filled(store, GROUPS, exact_limit)
    write_snapshot(memory, tmp_path / "snapshot")
    loaded = opened_memory(tmp_path / "snapshot", empty(store, exact_limit=exact_limit), store)
    assert (loaded.version, loaded.model_version, len(loaded)) == (1, MODEL.version, 40)
    more = [synthetic_group(i, domain=list(Domain)[i % 2]) for i in range(40, 50)]
    new = [unlabelled(synthetic_group(i, domain=list(Domain)[i % 2])) for i in range(100, 104)]
    for group in new:
        assert scored(loaded, group) == scored(memory, group)
    add(memory, store, more)
    add(loaded, store, more)
    for group in new:
        assert scored(loaded, group) == scored(memory, group)


def test_an_empty_memory_can_be_written(tmp_path: Path, store: ExperienceStore) -> None:
    folder = tmp_path / "snapshot"
    assert len(opened_memory(folder, empty(store), store)) == 0
    write_snapshot(empty(store), folder)
    loaded = opened_memory(folder, empty(store), store)
    assert (len(loaded), loaded.version, loaded.model_version) == (0, 0, None)


def test_one_of_other_embedding_weights_is_set_aside(
    tmp_path: Path, store: ExperienceStore, caplog: pytest.LogCaptureFixture
) -> None:
    write_snapshot(filled(store, GROUPS), tmp_path / "snapshot")
    assert len(opened_memory(tmp_path / "snapshot", empty(store, "other"), store)) == 0
    (line,) = caplog.messages
    assert "other embedding weights" in line


def test_one_of_another_store_is_set_aside(
    tmp_path: Path, store: ExperienceStore, caplog: pytest.LogCaptureFixture
) -> None:
    write_snapshot(filled(store, GROUPS[:3]), tmp_path / "snapshot")
    other = ExperienceStore(f"sqlite:///{tmp_path}/other.sqlite3")
    for group in GROUPS[:5]:
        other.add_experience([experience_of(group)])
    assert other.name() != store.name()
    assert len(opened_memory(tmp_path / "snapshot", empty(other), other)) == 0
    other.close()
    (line,) = caplog.messages
    assert "is of another store" in line
    assert len(opened_memory(tmp_path / "snapshot", empty(store), store)) == 3


def test_one_that_does_not_name_its_store_is_set_aside(
    tmp_path: Path, store: ExperienceStore, caplog: pytest.LogCaptureFixture
) -> None:
    write_snapshot(filled(store, GROUPS[:3]), tmp_path / "snapshot")
    manifest = tmp_path / "snapshot" / "memory.json"
    facts = json.loads(manifest.read_text())
    del facts["store"]
    manifest.write_text(json.dumps(facts))
    assert len(opened_memory(tmp_path / "snapshot", empty(store), store)) == 0
    (line,) = caplog.messages
    assert "is of another store" in line


@pytest.mark.parametrize(("added_since", "reason"), [(0, "is of version 3 and the store is at 2"), (5, "has queries")])
def test_one_of_a_store_that_was_set_back_is_set_aside(
    tmp_path: Path, added_since: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where the store has gone on since, so that its version says nothing."""
    file, backup = tmp_path / "store.sqlite3", tmp_path / "backup"
    for group in GROUPS[:2]:
        store = ExperienceStore(f"sqlite:///{file}")
        store.add_experience([experience_of(group)])
        store.close()  # the last connection moves everything into the one file
    backup.write_bytes(file.read_bytes())
    store = ExperienceStore(f"sqlite:///{file}")
    memory = empty(store)
    add(memory, store, GROUPS[:3])
    write_snapshot(memory, tmp_path / "snapshot")
    store.close()

    file.write_bytes(backup.read_bytes())
    store = ExperienceStore(f"sqlite:///{file}")
    for group in GROUPS[10 : 10 + added_since]:
        store.add_experience([experience_of(group)])
    assert len(opened_memory(tmp_path / "snapshot", empty(store), store)) == 0
    store.close()
    (line,) = caplog.messages
    assert reason in line


def test_states_that_are_not_finite_are_not_loaded(
    tmp_path: Path, store: ExperienceStore, caplog: pytest.LogCaptureFixture
) -> None:
    memory = filled(store, GROUPS[:3])
    memory.states[1] = np.nan
    write_snapshot(memory, tmp_path / "snapshot")
    assert len(opened_memory(tmp_path / "snapshot", empty(store), store)) == 0
    assert "is damaged" in caplog.messages[0]


def test_vectors_that_are_not_finite_are_not_loaded(
    tmp_path: Path, store: ExperienceStore, caplog: pytest.LogCaptureFixture
) -> None:
    write_snapshot(filled(store, GROUPS[:3]), tmp_path / "snapshot")
    (file, *_) = (tmp_path / "snapshot").glob("*.recent.npz")
    with np.load(file) as recent:
        vectors, rows = recent["vectors"], recent["rows"]
    vectors[0, 0] = np.nan
    np.savez(file, vectors=vectors, rows=rows)
    assert len(opened_memory(tmp_path / "snapshot", empty(store), store)) == 0
    assert "is damaged" in caplog.messages[0]


class PowerCutError(Exception):
    pass


def test_a_write_that_is_interrupted_leaves_the_old_snapshot(
    tmp_path: Path, store: ExperienceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "snapshot"
    memory = filled(store, GROUPS[:3])
    write_snapshot(memory, folder)
    add(memory, store, GROUPS[3:4])

    def cut(self: QueryIndex, path: Path) -> None:
        path.write_bytes(b"half")
        raise PowerCutError

    with monkeypatch.context() as patch, pytest.raises(PowerCutError):
        patch.setattr(QueryIndex, "save", cut)
        write_snapshot(memory, folder)
    left = opened_memory(folder, empty(store), store)
    assert (left.version, len(left)) == (1, 3)
    write_snapshot(memory, folder)
    renewed = opened_memory(folder, empty(store), store)
    assert (renewed.version, len(renewed)) == (2, 4)
    assert [path.name for path in tmp_path.glob("snapshot*")] == ["snapshot"]


def test_a_write_that_is_interrupted_between_its_renames_leaves_the_old_snapshot(
    tmp_path: Path, store: ExperienceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "snapshot"
    memory = filled(store, GROUPS[:3])
    write_snapshot(memory, folder)
    add(memory, store, GROUPS[3:4])
    rename = Path.rename

    def cut(self: Path, target: Path) -> Path:
        if target == folder:
            raise PowerCutError
        return rename(self, target)

    for _ in range(2):  # the second interruption meets what the first one left
        with monkeypatch.context() as patch, pytest.raises(PowerCutError):
            patch.setattr(Path, "rename", cut)
            write_snapshot(memory, folder)
        assert opened_memory(folder, empty(store), store).version == 1
    write_snapshot(memory, folder)
    assert opened_memory(folder, empty(store), store).version == 2
