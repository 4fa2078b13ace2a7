"""Rows, neighbours and states."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from memreward_proto.records import Domain, Group, Prediction, Query
from memreward_service.arrays import Vectors
from memreward_service.engine.scorer import Question, reply_to
from memreward_service.memory.index import QueryIndex, Rows
from memreward_service.memory.memory import Memory, grown
from memreward_service.network.attachment import AttachRule
from memreward_service.network.trained import ServingModel, states_of
from memreward_service.settings import Settings
from service.hash_encoder import DIMENSION, vectors_of
from service.synthetic_groups import RULE, batch_of, lively_model, parsed, synthetic_group, unlabelled

MODEL = ServingModel("gnn-lively", lively_model())


def filled(groups: list[Group], exact_limit: int = 1000) -> Memory:
    memory = Memory(DIMENSION, "hash", "store", exact_limit, use_gpu=False)
    add(memory, groups)
    memory.version, memory.model_version = len(groups), MODEL.version
    return memory


def add(memory: Memory, groups: list[Group]) -> None:
    batch = batch_of(groups)
    states = states_of(MODEL.trained, batch)
    memory.put([group.query for group in groups], batch.query_vectors.numpy(), states, [()] * len(groups))


def scored(memory: Memory, group: Group) -> tuple[Prediction, ...]:
    question = Question((parsed(group),), vectors_of(parsed(group).texts), explain=False)
    return reply_to([question], MODEL, memory, Settings())[0].predictions[0]


def put(memory: Memory, ids: list[str], domains: list[Domain], texts: list[str] | None = None) -> None:
    """Queries that have vectors and no states."""
    queries = [Query(text, key, domain) for text, key, domain in zip(texts or ids, ids, domains, strict=True)]
    memory.put(queries, vectors_of(texts or ids), None, [()] * len(ids))


def test_a_known_query_keeps_its_row() -> None:
    memory = Memory(DIMENSION, "hash", "store", 100)
    put(memory, ["a", "b", "c"], [Domain.MATH, Domain.QA, Domain.MATH])
    first = memory.ids(0, 3)
    assert sorted(first) == ["a", "b", "c"]
    put(memory, ["c", "d", "a"], [Domain.MATH] * 3)
    assert memory.ids(0, 9) == [*first, "d"]
    assert len(memory) == 4
    assert [memory.similar(vectors_of([key]), 1)[0].query_id for key in "abcd"] == ["a", "b", "c", "d"]


def test_a_query_whose_numbers_are_not_finite_changes_nothing() -> None:
    memory = filled([synthetic_group(i) for i in range(3)])
    before, new = memory.states[:3].copy(), vectors_of(["new"])
    width = before.shape[1]
    for vectors, state in ((new * np.nan, np.zeros((1, width))), (new, np.full((1, width), np.inf))):
        for key in ("new", "q1"):
            with pytest.raises(ValueError, match="not finite"):
                memory.put([Query("new", key, Domain.MATH)], vectors, state.astype(np.float32), [()])
    assert len(memory) == sum(map(len, memory.indexes.values())) == 3
    assert np.array_equal(memory.states[:3], before)


def test_a_row_that_the_index_does_not_take_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = filled([synthetic_group(i) for i in range(3)])
    new = synthetic_group(7)

    def full(*arguments: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(QueryIndex, "add", full)
        add(memory, [new])
    assert scored(memory, unlabelled(synthetic_group(100)))
    assert len(memory) == 3
    add(memory, [new])
    assert memory.ids(0, 9) == ["q0", "q1", "q2", "q7"]
    assert np.allclose(memory.states[3], states_of(MODEL.trained, batch_of([new]))[0], atol=1e-5)


def test_neighbours_are_of_the_domain_unless_all_are_wanted() -> None:
    memory = Memory(DIMENSION, "hash", "store", 100)
    texts = [f"text {i}" for i in range(40)]
    put(memory, texts, [Domain.MATH, Domain.QA] * 20)
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
    memory = Memory(DIMENSION, "hash", "store", 100)
    put(memory, ids, [Domain.MATH] * 17, texts)
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


def test_a_text_that_is_stored_very_often_makes_no_search_of_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory(DIMENSION, "hash", "store", 10_000)
    texts = ["same"] * 5000 + [f"other {i}" for i in range(50)]
    put(memory, [f"id {i}" for i in range(5050)], [Domain.MATH] * 5050, texts)
    widths: list[int] = []
    search = QueryIndex.search

    def noted(self: QueryIndex, vectors: Vectors, k: int) -> tuple[Rows, Vectors]:
        widths.append(k)
        return search(self, vectors, k)

    monkeypatch.setattr(QueryIndex, "search", noted)
    assert memory.near(vectors_of(["same"]), [Domain.MATH], ["new"], AttachRule(8, -1.0, True)) == [[]]
    assert max(widths) == 512
    assert len(memory.near(vectors_of(["else"]), [Domain.MATH], ["new"], AttachRule(8, -1.0, True))[0]) == 8


def test_states_grow_by_doubling_and_keep_their_rows() -> None:
    states = np.arange(8, dtype=np.float32).reshape(4, 2)
    larger = grown(states, 5, 2)
    assert larger.shape == (8, 2)
    assert np.array_equal(larger[:4], states)
    assert grown(larger, 8, 2) is larger
    assert grown(states, 4, 3).shape[1] == 3
