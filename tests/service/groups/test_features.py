"""What the group says about each rollout, against values worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from memreward_proto.records import Domain, Group, Query, Rollout
from memreward_service.groups.batch import GroupBatch
from memreward_service.groups.features import FEATURES, rollout_features
from service.synthetic_groups import batch_of, synthetic_group

NAN = math.nan


def small_batch(keys: list[int], labels: list[float], thinking: list[list[float]] | None = None) -> GroupBatch:
    """One group whose thinking vectors are unit vectors of the plane."""
    n = len(keys)
    vectors = torch.tensor(thinking or [[1.0, 0.0]] * n)
    return GroupBatch(
        query_vectors=torch.tensor([[1.0, 0.0]]),
        thinking_vectors=vectors,
        answer_vectors=vectors,
        group=torch.zeros(n, dtype=torch.int64),
        key=torch.tensor(keys),
        label=torch.tensor(labels),
        lengths=torch.tensor([[math.expm1(1 + i), math.expm1(2.0)] for i in range(n)]),
        returned=torch.empty(n, 0, dtype=torch.int64),
        inputs=torch.zeros(n),
        exclusive=torch.tensor([True]),
        step=torch.full((n,), -1),
        past_votes=torch.zeros(n),
        past_rollouts=torch.zeros(1),
        past_rival=torch.zeros(1),
    )


def columns(features: Tensor) -> dict[str, list[float]]:
    return {name: features[:, place].tolist() for place, name in enumerate(FEATURES)}


def test_a_group_of_five_by_hand() -> None:
    # Answers A A A B C.
    thinking = [[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [1.0, 0.0], [0.0, 1.0]]
    batch = small_batch([0, 0, 0, 1, 2], [1.0, 0.0, 0.75, 0.0, NAN], thinking)
    f = columns(rollout_features(batch))

    entropy = -(0.6 * math.log(0.6) + 2 * 0.2 * math.log(0.2))
    expected = {
        "share": [0.6, 0.6, 0.6, 0.2, 0.2],
        "sibling_share": [0.5, 0.5, 0.5, 0.0, 0.0],
        "log_votes": [math.log(4)] * 3 + [math.log(2)] * 2,
        "log_group_size": [math.log(5)] * 5,
        "distinct_keys": [0.6] * 5,
        "key_entropy": [entropy] * 5,
        "is_majority": [1, 1, 1, 0, 0],
        "lead": [0.4, 0.4, 0.4, -0.4, -0.4],
        "agreement": [0.6, 0.6, 0.6, 0.2, 0.2],
        "share_ever": [0.6, 0.6, 0.6, 0.2, 0.2],
        "lead_ever": [0.4, 0.4, 0.4, -0.4, -0.4],
        "log_past": [0.0] * 5,
        "relative_length": [-2, -1, 0, 1, 2],
        "log_length": [1, 2, 3, 4, 5],
        "log_answer_length": [2] * 5,
        "centrality": [1.6 / 4, 1.8 / 4, 2.8 / 4, 1.6 / 4, 1.8 / 4],
        "key_centrality": [0.6 / 2, 0.8 / 2, 1.4 / 2, 0, 0],
    }
    assert set(f) == set(expected)
    for name, values in expected.items():
        assert f[name] == pytest.approx(values, abs=1e-5), name


def test_a_tie_has_two_majorities_and_no_lead() -> None:
    f = columns(rollout_features(small_batch([0, 0, 1, 1, 2], [NAN] * 5)))
    assert f["is_majority"] == [1, 1, 1, 1, 0]
    assert f["lead"] == pytest.approx([0, 0, 0, 0, -0.2])


def test_a_group_of_one_is_finite_and_leads_itself() -> None:
    f = columns(rollout_features(small_batch([0], [NAN])))
    assert f["share"] == f["is_majority"] == f["lead"] == f["distinct_keys"] == [1.0]
    for name in ("sibling_share", "log_group_size", "key_entropy", "centrality", "key_centrality"):
        assert f[name] == [0.0], name


def test_no_label_is_read() -> None:
    batch = batch_of([synthetic_group(i) for i in range(5)])
    hidden = replace(batch, label=torch.full_like(batch.label, NAN))
    assert torch.equal(rollout_features(batch), rollout_features(hidden))
    assert not rollout_features(hidden).isnan().any()


def test_rows_do_not_depend_on_the_other_groups() -> None:
    groups = [synthetic_group(i, size) for i, size in enumerate((1, 7, 2, 30, 4))]
    batch = batch_of(groups)
    features = rollout_features(batch)
    for place, group in enumerate(groups):
        alone = batch_of([group])
        assert torch.allclose(features[batch.group == place], rollout_features(alone), atol=1e-6)


def test_two_without_an_answer_do_not_agree() -> None:
    batch = small_batch([0, 1, 2], [NAN] * 3)
    f = columns(rollout_features(batch))
    assert f["share"] == pytest.approx([1 / 3] * 3)
    assert f["key_centrality"] == [0, 0, 0]


def programs(*behaviours: tuple[tuple[str, ...], ...] | None) -> GroupBatch:
    """A group of programs with these behaviours, beside a group of texts that has none."""
    rollouts = tuple(Rollout(f"def f(): return {place}", behaviour=one) for place, one in enumerate(behaviours))
    code = Group(Query("Write f.", "c", Domain.CODE), rollouts, "c")
    return batch_of([synthetic_group(1, 3), code])


def test_programs_agree_in_part() -> None:
    # On two inputs: a1 b1, a1 b1, a1 b2, an exception on the second, and one whose behaviour is not known.
    batch = programs((("va", "vb"),), (("va", "vb"),), (("va", "vc"),), (("vz", "xError"),), None)
    f = columns(rollout_features(batch))
    assert f["agreement"][3:] == pytest.approx([(3 + 2) / 8, (3 + 2) / 8, (3 + 1) / 8, 1 / 8, 0.2])
    assert f["share"][3:] == pytest.approx([0.4, 0.4, 0.2, 0.2, 0.2])
    assert f["agreement"][:3] == f["share"][:3], "texts agree or do not"


def test_agreement_is_that_of_the_rollouts_that_are_there() -> None:
    one, other, failed = (("va", "vb"),), (("va", "vc"),), (("xError", "xError"),)
    batch = programs(one, one, other, failed)
    failing = batch.keep(torch.tensor([True] * 3 + [False] * 3 + [True]))
    assert columns(rollout_features(failing))["agreement"][3:] == [0.0]
    kept = batch.keep(torch.tensor([True] * 3 + [True, False, True, True]))
    assert torch.equal(
        rollout_features(kept)[3:, FEATURES.index("agreement")],
        rollout_features(programs(one, other, failed))[3:, FEATURES.index("agreement")],
    )


def test_programs_that_all_fail_agree_with_nobody_in_any_batch() -> None:
    fails = programs((("xError",),), (("xError",),))
    assert fails.returned.shape == (5, 0)
    assert columns(rollout_features(fails))["agreement"][3:] == [0.0, 0.0]


def test_the_past_of_a_query_by_hand() -> None:
    # Answers A A B now. Before: A once, B three times, and five times another one.
    batch = replace(
        small_batch([0, 0, 1], [NAN] * 3),
        past_votes=torch.tensor([1.0, 1.0, 3.0]),
        past_rollouts=torch.tensor([9.0]),
        past_rival=torch.tensor([5.0]),
    )
    f = columns(rollout_features(batch))
    assert f["share_ever"] == pytest.approx([3 / 12, 3 / 12, 4 / 12])
    assert f["lead_ever"] == pytest.approx([-2 / 12, -2 / 12, -1 / 12])
    assert f["log_past"] == pytest.approx([math.log(10)] * 3)
    assert f["share"] == pytest.approx([2 / 3, 2 / 3, 1 / 3])


def test_what_is_left_of_a_group_can_be_its_past() -> None:
    # A A B C C and D of another query; kept are the first A and D.
    batch = batch_of([synthetic_group(0, size=5), synthetic_group(1, size=1)])
    batch = replace(batch, key=torch.tensor([0, 0, 1, 2, 2, 3]))
    kept = batch.keep(torch.tensor([True] + [False] * 4 + [True]), torch.tensor([False] + [True] * 4 + [False]))
    assert kept.past_votes.tolist() == [1, 0]
    assert kept.past_rollouts.tolist() == [4, 0]
    assert kept.past_rival.tolist() == [2, 0]
