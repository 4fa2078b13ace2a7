"""Rows, neighbours and states; snapshots that survive an interruption."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from memreward_proto.records import Domain, Group, Prediction
from memreward_service.engine.scorer import Question, reply_to
from memreward_service.memory.index import QueryIndex
from memreward_service.memory.memory import Memory, grown
from memreward_service.network.attachment import AttachRule
from memreward_service.network.trained import ServingModel, states_of
from memreward_service.settings import Settings
from service.hash_encoder import DIMENSION, vectors_of
from service.synthetic_groups import RULE, batch_of, lively_model, parsed, synthetic_group, unlabelled

MODEL = ServingModel("gnn-lively", lively_model())


def filled(groups: list[Group], exact_limit: int = 1000) -> Memory:
    memory = Memory(DIMENSION, "hash", exact_limit, use_gpu=False)
    add(memory, groups)
    memory.version, memory.model_version = len(groups), MODEL.version
    return memory


def add(memory: Memory, groups: list[Group]) -> None:
    batch = batch_of(groups)
    rows = memory.put_queries(
        [g.query.id for g in groups], [g.query.domain for g in groups], batch.query_vectors.numpy()
    )
    memory.put_states(rows, states_of(MODEL.trained, batch))


def scored(memory: Memory, group: Group) -> tuple[Prediction, ...]:
    question = Question((parsed(group),), vectors_of(parsed(group).texts), explain=False)
    return reply_to([question], MODEL, memory, Settings())[0].predictions[0]


def test_a_known_query_keeps_its_row() -> None:
    memory = Memory(DIMENSION, "hash", 100)
    domains = [Domain.MATH, Domain.QA, Domain.MATH]
    first = memory.put_queries(["a", "b", "c"], domains, vectors_of(["a", "b", "c"]))
    assert sorted(first.tolist()) == [0, 1, 2]
    again = memory.put_queries(["c", "d", "a"], [Domain.MATH] * 3, vectors_of(["c", "d", "a"]))
    assert again.tolist() == [first[2], 3, first[0]]
    assert len(memory) == 4
    assert [memory.ids(row, row + 1) for row in (first[1], 3)] == [["b"], ["d"]]


def test_neighbours_are_of_the_domain_unless_all_are_wanted() -> None:
    memory = Memory(DIMENSION, "hash", 100)
    texts = [f"text {i}" for i in range(40)]
    memory.put_queries(texts, [Domain.MATH, Domain.QA] * 20, vectors_of(texts))
    asked = vectors_of(["new"])
    math = memory.near(asked, [Domain.MATH], ["new"], AttachRule(50, -1.0, True))[0]
    assert {near.query_id for near in math} == set(texts[::2])
    every = memory.near(asked, [Domain.MATH], ["new"], AttachRule(50, -1.0, False))[0]
    cosines = vectors_of(texts) @ asked[0]
    assert [near.query_id for near in every] == [texts[i] for i in np.argsort(-cosines)]
    assert [near.similarity for near in every] == pytest.approx(sorted(cosines, reverse=True), abs=1e-5)
    assert memory.near(asked, [Domain.CODE], ["new"], AttachRule(50, -1.0, True)) == [[]]
    assert [n.query_id for n in memory.similar(asked, 5)] == [near.query_id for near in every[:5]]
    assert memory.similar(vectors_of(["text 3"]), 1)[0].query_id == "text 3", "a search may find the text itself"


def test_a_query_is_never_its_own_neighbour_by_id_or_by_text() -> None:
    texts = ["same"] * 12 + [f"other {i}" for i in range(5)]
    ids = [f"id {i}" for i in range(17)]
    memory = Memory(DIMENSION, "hash", 100)
    memory.put_queries(ids, [Domain.MATH] * 17, vectors_of(texts))
    rule = AttachRule(4, -1.0, True)
    near = memory.near(vectors_of(["same"]), [Domain.MATH], ["new"], rule)[0]
    assert len(near) == 4, "its twelve copies do not take the places of others"
    assert {n.query_id for n in near} <= set(ids[12:])
    by_id = memory.near(vectors_of(["else"]), [Domain.MATH], ["id 14"], AttachRule(99, -1.0, True))[0]
    assert {n.query_id for n in by_id} == {*ids} - {"id 14"}


def test_no_neighbours_wanted() -> None:
    memory = filled([synthetic_group(i) for i in range(3)])
    assert memory.near(vectors_of(["new"]), [Domain.MATH], ["new"], replace(RULE, neighbors=0)) == [[]]


def test_an_attachment_reads_each_row_once() -> None:
    memory = filled([synthetic_group(i) for i in range(6)])
    near = memory.near(vectors_of(["x", "y"]), [Domain.MATH] * 2, ["x", "y"], AttachRule(4, -1.0, True))
    attachment = memory.attachment(near)
    rows = sorted({n.row for found in near for n in found})
    assert np.array_equal(attachment.states.numpy(), memory.states[rows])
    edges = [(rows[place], new) for place, new in attachment.edge_index.T.tolist()]
    assert edges == [(n.row, new) for new, found in enumerate(near) for n in found]
    assert attachment.similarity.tolist() == pytest.approx([n.similarity for found in near for n in found])


@pytest.mark.parametrize("exact_limit", [8, 1000])
def test_a_snapshot_gives_identical_predictions_and_goes_on(tmp_path: Path, exact_limit: int) -> None:
    groups = [synthetic_group(i, domain=list(Domain)[i % 2]) for i in range(40)]
    memory = filled(groups, exact_limit)
    memory.save(tmp_path / "snapshot")
    loaded = Memory.load(tmp_path / "snapshot", DIMENSION, "hash", exact_limit, use_gpu=False)
    assert loaded is not None
    assert (loaded.version, loaded.model_version, len(loaded)) == (40, MODEL.version, 40)
    more = [synthetic_group(i, domain=list(Domain)[i % 2]) for i in range(40, 50)]
    new = [unlabelled(synthetic_group(i, domain=list(Domain)[i % 2])) for i in range(100, 104)]
    for group in new:
        assert scored(loaded, group) == scored(memory, group)
    add(memory, more)
    add(loaded, more)
    for group in new:
        assert scored(loaded, group) == scored(memory, group)


def test_a_snapshot_of_other_embedding_weights_is_not_used(tmp_path: Path) -> None:
    assert Memory.load(tmp_path / "snapshot", DIMENSION, "hash", 10) is None
    filled([synthetic_group(1)]).save(tmp_path / "snapshot")
    assert Memory.load(tmp_path / "snapshot", DIMENSION, "other", 10) is None


def test_an_empty_memory_can_be_saved(tmp_path: Path) -> None:
    Memory(DIMENSION, "hash", 10).save(tmp_path / "snapshot")
    loaded = Memory.load(tmp_path / "snapshot", DIMENSION, "hash", 10)
    assert loaded is not None
    assert (len(loaded), loaded.version, loaded.model_version) == (0, 0, None)


class PowerCutError(Exception):
    pass


def test_a_save_interrupted_while_writing_leaves_the_old_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "snapshot"
    memory = filled([synthetic_group(i) for i in range(3)])
    memory.save(folder)
    add(memory, [synthetic_group(3)])
    memory.version = 4

    def cut(self: QueryIndex, path: Path) -> None:
        path.write_bytes(b"half")
        raise PowerCutError

    with monkeypatch.context() as patch, pytest.raises(PowerCutError):
        patch.setattr(QueryIndex, "save", cut)
        memory.save(folder)
    left = Memory.load(folder, DIMENSION, "hash", 1000)
    assert left is not None
    assert (left.version, len(left)) == (3, 3)
    memory.save(folder)
    renewed = Memory.load(folder, DIMENSION, "hash", 1000)
    assert renewed is not None
    assert (renewed.version, len(renewed)) == (4, 4)
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot"]


def test_a_save_interrupted_between_its_renames_leaves_the_old_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "snapshot"
    memory = filled([synthetic_group(i) for i in range(3)])
    memory.save(folder)
    memory.version = 4
    rename = Path.rename

    def cut(self: Path, target: Path) -> Path:
        if target == folder:
            raise PowerCutError
        return rename(self, target)

    for _ in range(2):  # the second interruption meets what the first one left
        with monkeypatch.context() as patch, pytest.raises(PowerCutError):
            patch.setattr(Path, "rename", cut)
            memory.save(folder)
        left = Memory.load(folder, DIMENSION, "hash", 1000)
        assert left is not None
        assert left.version == 3
    memory.save(folder)
    renewed = Memory.load(folder, DIMENSION, "hash", 1000)
    assert renewed is not None
    assert renewed.version == 4


def test_states_grow_by_doubling_and_keep_their_rows() -> None:
    states = np.arange(8, dtype=np.float32).reshape(4, 2)
    larger = grown(states, 5, 2)
    assert larger.shape == (8, 2)
    assert np.array_equal(larger[:4], states)
    assert grown(larger, 8, 2) is larger
    assert grown(states, 4, 3).shape[1] == 3
