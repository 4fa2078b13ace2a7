"""A candidate beside what is served: on queries that neither learned from, with an interval over groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from memreward_service.belief.posterior import agreement_probability
from memreward_service.network.trained import TrainedModel
from memreward_service.training.comparison import Comparison, Served, _difference, candidate_figures
from memreward_service.training.fit import CrossFitted, train_best
from memreward_service.training.task import TrainingSet
from service.synthetic_groups import RULE, batch_of, flipped, lively_model, parsed, synthetic_group

GROUPS = [synthetic_group(i) for i in range(60)]
DATA = TrainingSet(batch_of(GROUPS), torch.zeros(60, dtype=torch.int64))
SEEDS = 3
ROLLOUTS = len(DATA.batch.group)


@pytest.fixture(scope="module")
def fitted() -> CrossFitted:
    return train_best(DATA, RULE, seeds=SEEDS, epochs=30, seed=0, threshold=0.5, label_noise=0.002)


def served(model: TrainedModel | None, learned: int = 0, audited: int = 0) -> Served:
    """It learned from the first `learned` queries; the first `audited` rollouts were drawn."""
    agreement = torch.tensor([p for group in GROUPS for p in agreement_probability(parsed(group))]).double()
    return Served(model, agreement, torch.arange(60) < learned, torch.arange(ROLLOUTS) < audited)


def compared(fitted: CrossFitted, now: Served) -> Comparison:
    return candidate_figures(fitted, DATA, now, 0, SEEDS, 0.5, 0.002)[2]


def test_random_weights_are_beaten_for_certain(fitted: CrossFitted) -> None:
    found = compared(fitted, served(lively_model())).new
    assert found is not None
    assert found.groups == 36
    assert found.high < 0
    assert (found.auc or 0) > (found.served_auc or 1)


def test_a_candidate_of_wrong_labels_is_worse_for_certain(fitted: CrossFitted) -> None:
    wrong = TrainingSet(batch_of([flipped(group) for group in GROUPS]), DATA.domain)
    taught_wrong = train_best(wrong, RULE, seeds=SEEDS, epochs=30, seed=0, threshold=0.5, label_noise=0.002)
    for now in (served(fitted.model), served(None)):
        found = compared(taught_wrong, now).new
        assert found is not None
        assert found.low > 0


def test_only_queries_count_that_the_served_one_did_not_learn_from(fitted: CrossFitted) -> None:
    held_out = fitted.chosen.tolist()
    found = compared(fitted, served(None, learned=30, audited=40 * 6))
    assert found.new is not None
    assert found.audited is not None
    assert found.new.groups == sum(query >= 30 for query in held_out)
    assert found.audited.groups == sum(30 <= query < 40 for query in held_out)
    assert compared(fitted, served(None, learned=60, audited=360)) == Comparison(None, None)


def test_no_label_of_a_query_reaches_what_is_said_of_it(fitted: CrossFitted) -> None:
    """With the labels of one held-out query turned round, its AUC turns round: what is said of it is the same."""
    mixed = [query for query in fitted.chosen.tolist() if len({r.label for r in GROUPS[query].rollouts}) == 2]
    query = mixed[0]
    rows = DATA.batch.group == query
    label = torch.where(rows, 1 - DATA.batch.label, DATA.batch.label)
    other = TrainingSet(replace(DATA.batch, label=label), DATA.domain)
    alone = replace(served(lively_model()), learned=torch.arange(60) != query)
    before, now = (candidate_figures(fitted, data, alone, 0, SEEDS, 0.5, 0.002)[2].new for data in (DATA, other))
    assert before is not None
    assert now is not None
    assert before.served_auc == pytest.approx(1 - (now.served_auc or 0))


def test_equal_predictions_differ_by_nothing_and_one_group_says_nothing() -> None:
    label, probability = np.array([1.0, 0, 1, 0]), np.array([0.9, 0.2, 0.6, 0.7])
    found = _difference(label, np.array([0, 0, 1, 1]), probability, probability)
    assert found is not None
    assert (found.groups, found.loss, found.low, found.high) == (2, 0, 0, 0)
    alone = _difference(label, np.zeros(4, dtype=np.int64), probability, 1 - probability)
    assert alone is not None
    assert (alone.low, alone.high) == (-np.inf, np.inf)


def test_the_interval_holds_the_true_difference_about_95_times_of_100() -> None:
    """Groups of four rollouts that share their fate; both sides say chances that are off by a known amount."""
    random, held = np.random.default_rng(0), 0
    ours, theirs = 0.7, 0.6
    truth = -(0.65 * np.log(ours / theirs) + 0.35 * np.log((1 - ours) / (1 - theirs)))
    group = np.repeat(np.arange(15), 4)
    for _ in range(400):
        label = np.repeat((random.random(15) < 0.65).astype(np.float64), 4)
        found = _difference(label, group, np.full(60, ours), np.full(60, theirs))
        assert found is not None
        held += found.low <= truth <= found.high
    assert 0.91 < held / 400 < 0.99
