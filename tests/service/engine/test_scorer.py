"""What the compute thread answers: each caller his own, whatever else is in the batch."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from memreward_proto.errors import Internal
from memreward_proto.records import Domain, Group, Neighbor, Query, Rollout, Source
from memreward_service.belief.calibration import Calibration
from memreward_service.belief.conflicts import ConflictKind
from memreward_service.belief.posterior import LABEL_NOISE, agreement_probability, belief_about
from memreward_service.engine.scorer import (
    Question,
    Reply,
    agreement_reply,
    named,
    reply_to,
)  # fmt: skip
from memreward_service.groups.history import history_of
from memreward_service.memory.memory import Memory, NearQuery
from memreward_service.network.attachment import AttachRule
from memreward_service.network.trained import ServingModel, TrainedModel, states_of
from memreward_service.settings import Settings
from service.hash_encoder import DIMENSION, vectors_of
from service.synthetic_groups import (
    batch_of,
    flipped,
    lively_model,
    lively_network,
    parsed,
    synthetic_group,
    unlabelled,
    with_labels,
)  # fmt: skip

EVERY = AttachRule(neighbors=64, similarity_floor=-1.0, same_domain=True)
MODEL = ServingModel("gnn-lively", lively_model(rule=EVERY))
STORED = [synthetic_group(i) for i in range(12)]
NEW = [unlabelled(synthetic_group(100 + i, size)) for i, size in enumerate((1, 5, 8, 3))]


def memory_of(groups: list[Group]) -> Memory:
    memory = empty_memory()
    batch = batch_of(groups)
    states = states_of(MODEL.trained, batch)
    histories = [history_of(parsed(group)) for group in groups]
    memory.put([group.query for group in groups], batch.query_vectors.numpy(), states, histories)
    memory.version = 3
    return memory


def empty_memory() -> Memory:
    return Memory(DIMENSION, "hash", "store", 1000, use_gpu=False)


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
    renamed = Group(Query(query.text, "another id", query.domain), again.rollouts, "other")
    reworded = Group(Query(query.text + " Please.", query.id, query.domain), again.rollouts, "other")
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


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_a_finite_number_is_never_answered(value: float) -> None:
    """An error, where a comparison with the threshold would make a reward of 0 of it."""
    memory, good = memory_of(STORED), question(NEW[2])
    memory.states[:] = value
    broken = lively_network()
    broken.linear.bias.fill_(value)
    model = ServingModel("gnn-broken", TrainedModel(broken, Calibration(), EVERY, {}))
    vectors = replace(good, vectors=good.vectors * np.float32(value))
    for asked, serving, known in ((good, MODEL, memory), (good, model, memory_of(STORED)), (vectors, MODEL, memory)):
        with pytest.raises(Internal, match="not a finite number"):
            reply_to([asked], serving, known, Settings())


def test_a_neighbour_that_the_store_has_lost_is_left_out() -> None:
    near = [NearQuery(0, "q0", 0.9), NearQuery(1, "q1", 0.8)]
    assert named(near, {"q1": "text"}) == (Neighbor("q1", 0.8, "text"),)


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


def test_beliefs_are_those_before_any_label() -> None:
    memory, group = memory_of(STORED), NEW[2]
    none = [None] * 8
    reply = reply_to([question(NEW[0]), question(group), question(NEW[3])], MODEL, memory, Settings())[1]
    labelled = with_labels(group, [1.0, 0.0, *none[2:]])
    (belief,), (same,) = reply.beliefs, reply_to([question(labelled)], MODEL, memory, Settings())[0].beliefs
    assert belief.probability(none).tolist() == pytest.approx(as_lists(reply)[0], abs=1e-6)
    assert same.probability(none).tolist() == pytest.approx(belief.probability(none).tolist(), abs=1e-5)


@pytest.mark.parametrize(
    ("domain", "signature", "sibling"),
    [
        (Domain.MATH, None, 0.0),
        (Domain.CODE, "prints 2", 0.0),
        (Domain.CODE, None, 0.4),
        (Domain.TEXT, None, 0.4),
    ],
)  # fmt: skip
def test_what_is_known_by_its_text_only_excludes_no_sibling(
    domain: Domain, signature: str | None, sibling: float
) -> None:
    rollouts = (Rollout("1", answer_key=signature), Rollout("2"))
    belief = belief_about(parsed(Group(Query("q", "q", domain), rollouts, "g")), [0.4, 0.4])
    assert belief.key_probability([1.0, None])[1] == pytest.approx(sibling, abs=2 * LABEL_NOISE)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("4", [0.5]),
        ("4444", [20 / 21] * 4),
        ("4455", [0.625] * 4),
        ("45670123", [0.25 / (0.25 + 0.975)] * 8),
    ],
)  # fmt: skip
def test_before_any_training_agreement_is_believed(answers: str, expected: list[float]) -> None:
    group = Group(Query("q", "q", Domain.MATH), tuple(map(Rollout, answers)), "g")
    assert agreement_probability(parsed(group)) == pytest.approx(expected)


def test_rollouts_without_an_answer_agree_with_nobody() -> None:
    group = Group(Query("q", "q", Domain.MATH), (Rollout("4"), Rollout("", answer_key=""), Rollout("")), "g")
    assert agreement_probability(parsed(group)) == pytest.approx([2 / 3 / (1.1 + 1 / 3)] * 3)


def test_programs_that_were_run_exclude_each_other_and_agree_in_part() -> None:
    behaviours = ((("va", "vb"),), (("va", "vb"),), (("va", "vc"),), (("xError", "xError"),))
    rollouts = tuple(Rollout(f"program {place}", behaviour=one) for place, one in enumerate(behaviours))
    group = parsed(Group(Query("q", "q", Domain.CODE), rollouts, "g"))
    shares = [(0.5 + 5 / 8) / 2, (0.5 + 5 / 8) / 2, (0.25 + 0.5) / 2, 0.25 / 2]
    assert agreement_probability(group) == pytest.approx([2 * s / (1.1 + s) for s in shares])
    belief = belief_about(group, [0.4] * 4)
    assert belief.votes.tolist() == [2, 1, 1]
    assert belief.key_probability([1.0, None, None, None]) == pytest.approx([1.0, 0.0, 0.0], abs=0.01)


def test_an_explanation_has_the_past_of_the_query_and_what_the_network_says() -> None:
    memory, group = memory_of(STORED), STORED[5]
    new = Group(group.query, (Rollout(f"Anew: {group.rollouts[0].response}"), Rollout("-1")), "new")
    reply = reply_to([question(new, explain=True)], MODEL, memory, Settings())[0]
    why = [prediction.explanation for prediction in reply.predictions[0]]
    stored = parsed(group)
    same = [reading.answer_key == stored.parsed[0].answer_key for reading in stored.parsed]
    labels = [rollout.label for rollout, alike in zip(group.rollouts, same, strict=True) if alike]
    first, other = why
    assert first is not None
    assert other is not None
    assert (first.earlier_votes, first.earlier_rollouts) == (sum(same), len(same))
    assert (first.earlier_right, first.earlier_wrong) == (labels.count(1.0), labels.count(0.0))
    assert (other.earlier_votes, other.earlier_right, other.earlier_wrong) == (0, 0, 0)
    assert first.own_probability == pytest.approx(float(reply.beliefs[0].before_labels()[0]))
    assert str(first.summary).endswith(f"network {first.own_probability:.2f}.")


def test_labels_that_contradict_each_other_are_answered_beside_the_predictions() -> None:
    memory, group = memory_of(STORED), STORED[5]
    response = f"Anew: {group.rollouts[0].response}"
    against = Rollout(response, label=1.0 - (group.rollouts[0].label or 0.0))
    other = NEW[3]
    reply = reply_to([question(other, Group(group.query, (against, Rollout("-1")), "new"))], MODEL, memory, Settings())
    (found,) = reply[0].conflicts
    assert (found.query_id, found.kind) == ("q5", ConflictKind.LABELS)
    assert reply_to([question(other, unlabelled(group))], MODEL, memory, Settings())[0].conflicts == ()


def test_conflicts_are_found_before_a_model_is_trained_too() -> None:
    rollouts = tuple(Rollout(f"By way {number}: the answer is 4.", label=float(number)) for number in range(2))
    reply = agreement_reply(
        [parsed(Group(Query("2+2?", "q", Domain.MATH), rollouts, "g"))], empty_memory(), Settings(), False, 1
    )
    assert [found.kind for found in reply.conflicts] == [ConflictKind.LABELS]


def test_earlier_votes_of_a_query_reach_its_prediction_and_a_stored_group_is_not_its_own_past() -> None:
    memory, without = memory_of(STORED), memory_of(STORED)
    without.histories = type(without.histories)()
    stored = unlabelled(STORED[5])
    anew = Group(stored.query, tuple(Rollout(f"Anew: {rollout.response}") for rollout in stored.rollouts), "new")

    def own(asked: Group, known: Memory) -> list[float]:
        return reply_to([question(asked)], MODEL, known, Settings())[0].beliefs[0].own.tolist()

    assert own(anew, memory) != pytest.approx(own(anew, without), abs=1e-3)
    assert own(stored, memory) == pytest.approx(own(stored, without), abs=1e-6)
