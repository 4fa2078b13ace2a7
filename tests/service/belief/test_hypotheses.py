"""A batch of groups against one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from memreward_service.belief.hypotheses import AnswerHypotheses
from memreward_service.belief.posterior import GroupBelief, label_log_odds
from service.synthetic_groups import batch_of, synthetic_group


def test_every_group_of_a_batch_is_believed_as_if_it_were_alone_in_whatever_order() -> None:
    batch = batch_of([synthetic_group(number) for number in range(6)])
    batch = replace(batch, exclusive=torch.tensor([True, False, True, True, False, True]))
    turned = batch.select(torch.tensor([4, 0, 5]))
    believed = np.random.default_rng(0).uniform(size=len(turned.group))
    probability = AnswerHypotheses(turned).served_probability(believed)
    for place in range(3):
        rows = (turned.group == place).numpy()
        keys = [str(key) for key in turned.key[rows].tolist()]
        alone = GroupBelief(believed[rows].tolist(), keys, bool(turned.exclusive[place]))
        assert probability[rows].tolist() == pytest.approx(alone.probability([None] * len(keys)).tolist(), abs=1e-9)


def test_the_likelihood_of_labels_by_hand() -> None:
    """Odds 3 and 1/3 against 1 for "none is right"; the labels of a group agree with some of these three."""
    batch = replace(batch_of([synthetic_group(0, size=2)]), key=torch.tensor([0, 1]), exclusive=torch.tensor([True]))
    own, total = np.array([0.75, 0.25]), 3 + 1 / 3 + 1
    unknown, noise = np.nan, 1e-9
    given = label_log_odds(noise)
    for labels, agreeing, certain in (
        ([unknown, unknown], total, 0.0),
        ([0.0, unknown], 1 / 3 + 1, 0.0),
        ([0.0, 0.0], 1.0, 0.0),
        ([1.0, 0.0], 3.0, given),
        ([unknown, 1.0], 1 / 3, given),
    ):
        hypotheses = AnswerHypotheses(replace(batch, label=torch.tensor(labels)), noise)
        assert hypotheses.log_likelihood(own) == pytest.approx(np.log(agreeing / total) + certain, abs=1e-6)
