"""A batch of groups against one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from memreward_service.belief.hypotheses import served_probability
from memreward_service.belief.posterior import GroupBelief
from service.synthetic_groups import batch_of, synthetic_group


def test_every_group_of_a_batch_is_believed_as_if_it_were_alone_in_whatever_order() -> None:
    batch = batch_of([synthetic_group(number) for number in range(6)])
    batch = replace(batch, exclusive=torch.tensor([True, False, True, True, False, True]))
    turned = batch.select(torch.tensor([4, 0, 5]))
    believed = np.random.default_rng(0).uniform(size=len(turned.group))
    probability = served_probability(turned, believed)
    for place in range(3):
        rows = (turned.group == place).numpy()
        keys = [str(key) for key in turned.key[rows].tolist()]
        alone = GroupBelief(believed[rows].tolist(), keys, bool(turned.exclusive[place]))
        assert probability[rows].tolist() == pytest.approx(alone.probability([None] * len(keys)).tolist(), abs=1e-9)
