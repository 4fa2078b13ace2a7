"""What the compute thread answers: each caller his own, whatever else is in the batch."""

from __future__ import annotations

import pytest

from engine.hash_encoder import DIMENSION, vectors_of
from engine.synthetic_groups import (
    batch_of,
    flipped,
    lively_model,
    parsed,
    synthetic_group,
    unlabelled,
    with_labels,
)  # fmt: skip
from memreward_service.engine.attachment import AttachRule
from memreward_service.engine.memory import Memory
from memreward_service.engine.scorer import Question, Reply, ServingModel, reply_to, states_of
from memreward_service.records import Group, Query, Source
from memreward_service.settings import Settings

EVERY = AttachRule(neighbors=64, similarity_floor=-1.0, same_domain=True)
MODEL = ServingModel("gnn-lively", lively_model(rule=EVERY))
STORED = [synthetic_group(i) for i in range(12)]
NEW = [unlabelled(synthetic_group(100 + i, size)) for i, size in enumerate((1, 5, 8, 3))]


def memory_of(groups: list[Group]) -> Memory:
    memory = Memory(DIMENSION, "hash", 1000, use_gpu=False)
    batch = batch_of(groups)
    rows = memory.put_queries(
        [g.query.id for g in groups], [g.query.domain for g in groups], batch.query_vectors.numpy()
    )
    memory.put_states(rows, states_of(MODEL.trained, batch))
    memory.version = 3
    return memory


def question(*groups: Group, explain: bool = False) -> Question:
    every = tuple(parsed(group) for group in groups)
    return Question(every, vectors_of([text for group in every for text in group.texts]), explain)


def probabilities(memory: Memory, *groups: Group) -> list[list[float]]:
    return as_lists(reply_to([question(*groups)], MODEL, memory, Settings())[0])


def as_lists(reply: Reply) -> list[list[float]]:
    return [[p.probability or 0.0 for p in group] for group in reply.predictions]


def test_every_caller_gets_what_he_would_get_alone() -> None:
    memory = memory_of(STORED)
    asked = [question(NEW[0], NEW[1]), question(NEW[2], explain=True), question(NEW[3])]
    together = reply_to(asked, MODEL, memory, Settings())
    assert [len(reply.predictions) for reply in together] == [2, 1, 1]
    for one, reply in zip(asked, together, strict=True):
        alone = reply_to([one], MODEL, memory, Settings())[0]
        for mine, theirs in zip(as_lists(alone), as_lists(reply), strict=True):
            assert mine == pytest.approx(theirs, abs=1e-5)
        assert reply.near == alone.near
        assert (reply.model_version, reply.memory_version) == ("gnn-lively", 3)
    why = [[p.explanation is not None for group in reply.predictions for p in group] for reply in together]
    assert why == [[False] * 6, [True] * 8, [False] * 3]
    assert [question.rollouts for question in asked] == [6, 8, 3]


@pytest.mark.parametrize("number", [0, 7])
def test_stored_labels_of_the_very_query_reach_no_prediction_of_it(number: int) -> None:
    relabelled = [flipped(g) if i == number else g for i, g in enumerate(STORED)]
    truth, lie = memory_of(STORED), memory_of(relabelled)
    again = unlabelled(STORED[number])
    query = again.query
    renamed = Group("other", Query(query.text, "another id", query.domain), again.rollouts)
    reworded = Group("other", Query(query.text + " Please.", query.id, query.domain), again.rollouts)
    for group in (again, renamed, reworded):
        assert probabilities(truth, group) == probabilities(lie, group)
    new = probabilities(truth, NEW[2])[0]
    assert new != pytest.approx(probabilities(lie, NEW[2])[0], abs=1e-5), "others do hear those labels"


def test_memory_matters() -> None:
    labels = [[r.label for r in group.rollouts] for group in STORED]
    shuffled = [with_labels(g, labels[(i + 5) % 12]) for i, g in enumerate(STORED)]
    few = ServingModel("gnn-few", lively_model(rule=AttachRule(2, -1.0, same_domain=True)))
    first, second = (
        as_lists(reply_to([question(*NEW)], few, memory_of(groups), Settings())[0]) for groups in (STORED, shuffled)
    )
    for mine, theirs in zip(first, second, strict=True):
        assert max(abs(a - b) for a, b in zip(mine, theirs, strict=True)) > 1e-5


def test_a_label_inside_the_group_reaches_its_siblings_and_not_its_own_reward() -> None:
    memory, group = memory_of(STORED), NEW[2]
    known = [1.0, *[None] * 7]
    right, wrong = with_labels(group, known), with_labels(group, [0.0, *known[1:]])
    first, second, neither = (
        reply_to([question(g)], MODEL, memory, Settings())[0].predictions[0] for g in (right, wrong, group)
    )
    assert [(p[0].reward, p[0].source) for p in (first, second)] == [(1.0, Source.LABEL), (0.0, Source.LABEL)]
    assert {p.source for p in (*first[1:], *second[1:], *neither)} == {Source.GNN}
    for other in (second, neither):
        assert any(abs(a.probability - b.probability) > 1e-4 for a, b in zip(first[1:], other[1:], strict=True))
