"""Groups as arrays: who has which vector, which key, which label."""

from __future__ import annotations

import torch

from memreward_proto.records import Domain, Query, Rollout
from memreward_service.groups.batch import group_batch, parse_group
from service.hash_encoder import vectors_of
from service.synthetic_groups import batch_of, synthetic_group


def test_every_text_has_its_vector_at_its_place() -> None:
    first = parse_group(
        Query("one?", "1", Domain.TEXT),
        [Rollout("", "think a", "x", "k", 1.0), Rollout("", "think bb", "yyy", "k", None)],
    )
    second = parse_group(Query("two?", "2", Domain.TEXT), [Rollout("", "think c", "z", "k", 0.25)])
    assert first.texts == ["one?", "think a", "think bb", "x", "yyy"]

    batch = group_batch([first, second], vectors_of(first.texts + second.texts))

    assert torch.equal(batch.query_vectors, torch.from_numpy(vectors_of(["one?", "two?"])))
    assert torch.equal(batch.thinking_vectors, torch.from_numpy(vectors_of(["think a", "think bb", "think c"])))
    assert torch.equal(batch.answer_vectors, torch.from_numpy(vectors_of(["x", "yyy", "z"])))
    assert batch.group.tolist() == [0, 0, 1]
    assert batch.key.tolist() == [0, 0, 1], "the same key in two groups is two keys"
    assert batch.known.tolist() == [True, False, True]
    assert batch.label[[0, 2]].tolist() == [1.0, 0.25]
    assert batch.lengths.tolist() == [[7.0, 1.0], [8.0, 3.0], [7.0, 1.0]]


def test_a_blank_key_agrees_with_nobody() -> None:
    rollouts = [Rollout("a", answer_key=key) for key in ("k", " ", "", "k", " ")]
    group = parse_group(Query("?", "1", Domain.TEXT), rollouts)
    keys = group_batch([group], vectors_of(group.texts)).key.tolist()
    assert keys[0] == keys[3]
    assert len(set(keys)) == 4


def test_selected_groups_are_the_batch_that_they_would_make_alone() -> None:
    groups = [synthetic_group(i, size) for i, size in enumerate((3, 1, 8, 5, 2))]
    chosen = batch_of(groups).select(torch.tensor([3, 0, 4]))
    alone = batch_of([groups[3], groups[0], groups[4]])
    for name in ("query_vectors", "thinking_vectors", "answer_vectors", "group", "label", "lengths"):
        assert torch.equal(getattr(chosen, name), getattr(alone, name)), name
    same = chosen.key[:, None] == chosen.key[None]
    assert torch.equal(same, alone.key[:, None] == alone.key[None])
    assert sorted(set(chosen.key.tolist())) == list(range(int(chosen.key.max()) + 1)), "keys are dense"


def test_programs_that_do_the_same_share_a_key_unless_the_caller_gave_one() -> None:
    same, fails = (("va", "vb"),), (("xError", "xError"),)
    rollouts = [
        Rollout("def f(): return 1", behaviour=same),
        Rollout("def f(): return 2 - 1", behaviour=same),
        Rollout("def f(): return 1", answer_key="mine", behaviour=same),
        Rollout("def f(: 1", behaviour=fails),
        Rollout("def f(: 1", behaviour=fails),
        Rollout("def f(): return 3"),
    ]
    group = parse_group(Query("Write f.", "1", Domain.CODE), rollouts)
    keys = [parsed.answer_key for parsed in group.parsed]
    assert keys[0] == keys[1] is not None
    assert keys[2] == "mine"
    assert keys[3] is keys[4] is None
    assert keys[5] == "def f(): return 3", "a program of unknown behaviour is known by its text"
    assert [one is None for one in group.behaviours] == [False] * 5 + [True]
    batch = group_batch([group], vectors_of(group.texts))
    assert batch.key.tolist() == [0, 0, 1, 2, 3, 4]
    assert batch.returned.tolist() == [[0, 1]] * 3 + [[-1, -1]] * 3
    assert batch.inputs.tolist() == [2, 2, 2, 1, 1, 0]


def test_equal_values_of_two_groups_are_two_values() -> None:
    group = parse_group(Query("Write f.", "1", Domain.CODE), [Rollout("f", behaviour=(("va",),))])
    batch = group_batch([group, group], vectors_of(group.texts * 2))
    assert batch.returned.tolist() == [[0], [1]]
    assert batch.select(torch.tensor([1])).inputs.tolist() == [1]
