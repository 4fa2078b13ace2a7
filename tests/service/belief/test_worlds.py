"""Many groups at once against one by one, and the likelihood of labels by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from memreward_service.belief.posterior import NOISE, KeyPosterior
from memreward_service.belief.worlds import Worlds, worlds_of_batch, worlds_of_groups
from service.synthetic_groups import batch_of, synthetic_group

Labels = list[float | None]

KEYS = ["7", "7", "8", None]
SAID = [0.6, 0.8, 0.2, 0.1]
ODDS = {"7": 0.7 / 0.3, "8": 0.25, "none": 1.0, "alone": 1 / 9}
NOBODY: Labels = [None] * 4


def likelihood(labels: Labels, exclusive: bool = True) -> float:
    worlds = worlds_of_groups([KeyPosterior(SAID, KEYS, exclusive)], [labels])
    return math.exp(worlds.log_likelihood(np.array(SAID)))


def test_every_group_is_believed_as_if_it_were_alone() -> None:
    random = np.random.default_rng(2)
    beliefs, labels = [], []
    for number in range(40):
        size = int(random.integers(1, 9))
        keys = [str(key) if key else None for key in random.integers(0, 4, size)]
        beliefs.append(KeyPosterior(random.uniform(size=size).tolist(), keys, exclusive=number % 3 > 0))
        labels.append([float(random.integers(0, 2)) if random.uniform() < 0.3 else None for _ in range(size)])
    together = worlds_of_groups(beliefs, labels).probability(np.concatenate([belief.own for belief in beliefs]))
    alone = [belief.probability(known) for belief, known in zip(beliefs, labels, strict=True)]
    assert together.tolist() == pytest.approx(np.concatenate(alone).tolist(), abs=1e-9)


def test_a_label_is_as_likely_as_the_worlds_that_say_so() -> None:
    """Up to a constant for each label: 1 - NOISE where it is as its key is, so that of right and wrong is 1."""
    total = sum(ODDS.values())
    for place, key in ((0, "7"), (2, "8"), (3, "alone")):
        chance = ODDS[key] / total
        expected = {1.0: chance * (1 - NOISE) + (1 - chance) * NOISE, 0.0: chance * NOISE + (1 - chance) * (1 - NOISE)}
        for label, probability in expected.items():
            labels: Labels = [label if index == place else None for index in range(4)]
            constant = NOISE if label else 1 - NOISE
            assert likelihood(labels) * constant == pytest.approx(probability)


def test_labels_of_one_answer_count_once_and_a_second_one_is_asked_for_freely() -> None:
    both = likelihood([1.0, 1.0, None, None]) * NOISE**2
    once = likelihood([1.0, *NOBODY[1:]]) * NOISE
    assert both == pytest.approx(once, rel=3 * NOISE), "the second one says nothing new"
    wrong_then_right = likelihood([0.0, None, 1.0, None]) * (1 - NOISE) * NOISE
    assert wrong_then_right == pytest.approx(ODDS["8"] / sum(ODDS.values()), rel=0.05)


def test_where_answers_do_not_exclude_each_other_each_key_is_its_own_matter() -> None:
    together = likelihood([1.0, None, 1.0, None], exclusive=False)
    apart = likelihood([1.0, *NOBODY[1:]], exclusive=False) * likelihood([None, None, 1.0, None], exclusive=False)
    assert together == pytest.approx(apart)
    assert likelihood([1.0, None, 1.0, None]) < together / 50


def test_a_batch_has_the_worlds_of_its_groups_in_whatever_order() -> None:
    batch = batch_of([synthetic_group(number) for number in range(6)])
    batch = replace(batch, exclusive=torch.tensor([True, False, True, True, False, True]))
    turned = batch.select(torch.tensor([4, 0, 5]))
    believed = np.random.default_rng(0).uniform(size=len(turned.group))
    probability = worlds_of_batch(turned).probability(believed)
    for place in range(3):
        rows = (turned.group == place).numpy()
        keys = [str(key) for key in turned.key[rows].tolist()]
        alone = KeyPosterior(believed[rows].tolist(), keys, bool(turned.exclusive[place]))
        unlabelled: Labels = [None] * len(keys)
        assert probability[rows].tolist() == pytest.approx(alone.probability(unlabelled).tolist(), abs=1e-9)


def test_many_labels_of_one_key_do_not_overflow() -> None:
    count = 2000
    worlds = Worlds(np.zeros(count, dtype=np.int64), np.zeros(1, dtype=np.int64), np.array([float(count)]))
    assert math.isfinite(worlds.log_likelihood(np.full(count, 0.5)))
    assert worlds.probability(np.full(count, 0.5))[0] == pytest.approx(1 - NOISE)


def test_the_variance_of_a_sum_over_right_rollouts_by_hand() -> None:
    worlds = worlds_of_groups([KeyPosterior(SAID, KEYS)], [NOBODY])
    total = sum(ODDS.values())
    sums = {"7": 1.0 + 2.0, "8": 4.0, "alone": -8.0, "none": 0.0}  # of the rollouts that are right in each world
    mean = sum(ODDS[key] / total * value for key, value in sums.items())
    expected = sum(ODDS[key] / total * (value - mean) ** 2 for key, value in sums.items())
    noise = NOISE * (1 - NOISE) * (1 + 4 + 16 + 64)
    slope = np.array([1.0, 2.0, 4.0, -8.0])
    assert worlds.variance(slope, np.array(SAID)) == pytest.approx(expected + noise)
    labelled = worlds_of_groups([KeyPosterior(SAID, KEYS)], [[1.0, *NOBODY[1:]]])
    assert labelled.variance(slope, np.array(SAID)) == pytest.approx(noise, abs=1e-4), "the label has decided"
