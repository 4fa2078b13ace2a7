"""What is estimated of predicted rewards: by hand, against a made-up truth, and in the window that trust keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from prometheus_client import REGISTRY

from memreward_service.engine.key_posterior import KeyPosterior
from memreward_service.engine.trust import Trust, comparisons
from memreward_service.engine.trust_estimate import AnsweredGroup, answered_groups, estimated
from memreward_service.engine.trust_figures import figures_of
from memreward_service.records import Domain, Group, GroupKey, Query, Rollout, TrustFigures
from memreward_service.settings import Settings

KEYS = ["7", "7", "7", "8", "8", "9"]
Labels = list[float | None]
NONE: Labels = [None] * 6
UNKNOWN = (None, None, None, None, None)


def group_of(number: int, labels: Labels, blank: int | None = None) -> Group:
    texts = ["" if index == blank else f"So {key}, {index}." for index, key in enumerate(KEYS)]
    rollouts = tuple(Rollout(text, label=label) for text, label in zip(texts, labels, strict=True))
    return Group(str(number), Query(f"{number}?", f"q{number}", Domain.MATH), rollouts)


class World:
    """Groups of which the network says too much: the answer 7 is right in 60%, where it says 80 to 95%."""

    def __init__(self, size: int) -> None:
        random = np.random.default_rng(3)
        said = random.uniform(0.8, 0.95, size)
        self.beliefs = [KeyPosterior([p] * 3 + [(1 - p) / 2] * 2 + [0.01], KEYS) for p in said]
        right = random.choice(["7", "8", "9", "none"], size, p=[0.6, 0.15, 0.05, 0.2])
        self.truth = [[float(key == one) for key in KEYS] for one in right]

    def groups(self, known: list[list[bool]]) -> list[Group]:
        return [
            group_of(number, [label if seen else None for label, seen in zip(labels, row, strict=True)])
            for number, (labels, row) in enumerate(zip(self.truth, known, strict=True))
        ]


def told(world: World, known: list[list[bool]]) -> tuple[TrustFigures, TrustFigures, TrustFigures]:
    """The truth about the predicted rollouts, the estimates, and the figures over labelled ones."""
    trust, groups = Trust(Settings(trust_window=10_000)), world.groups(known)
    trust.record(comparisons(groups, world.beliefs), answered_groups(groups, world.beliefs))
    (domain,) = trust.report().domains
    right, said = [], []
    for belief, truth, group in zip(world.beliefs, world.truth, groups, strict=True):
        labels = [rollout.label for rollout in group.rollouts]
        for label, probability, one in zip(labels, belief.probability(labels), truth, strict=True):
            if label is None:
                right.append(one)
                said.append(probability)
    return figures_of(np.array(right), np.array(said), Settings()), domain.predicted, domain.figures


def test_figures_of_rollouts_that_are_right_by_chance() -> None:
    figures = figures_of(np.array([0.9, 0.5, 0.2, 0.1]), np.array([0.8, 0.8, 0.3, 0.52]), Settings(abstain_margin=0.05))
    assert figures.rollouts == 4
    assert figures.share_abstained == 0.25
    assert figures.false_positive_rate == pytest.approx((0.1 + 0.5) / (0.1 + 0.5 + 0.8))
    assert figures.false_negative_rate == pytest.approx(0.2 / (0.9 + 0.5 + 0.2))
    # right at 0.8, over wrong at 0.52 and 0.3, half of those at 0.8; then 0.52 over 0.3, and each over half of its own
    wins = 1.4 * (0.9 + 0.8 + 0.6 / 2) + 0.1 * (0.8 + 0.9 / 2) + 0.2 * 0.8 / 2
    assert figures.auc == pytest.approx(wins / (1.7 * 2.3))
    assert figures.calibration_error == pytest.approx((abs(1.6 - 1.4) + 0.1 + 0.42) / 4)


def test_what_is_predicted_is_neither_labelled_nor_blank() -> None:
    belief = KeyPosterior([0.5] * 6, KEYS)
    (group,) = answered_groups([group_of(1, [1.0, *NONE[1:]], blank=4)], [belief])
    assert group.predicted == (1, 2, 3, 5)
    assert answered_groups([group_of(1, [1.0] * 6)], [belief]) == []


def test_an_answer_takes_the_place_of_the_one_before() -> None:
    belief = KeyPosterior([0.5] * 6, KEYS)

    def name(number: int, labels: Labels, key: GroupKey | None = None) -> int:
        return answered_groups([group_of(number, labels)], [belief], key)[0].name

    first, second = [1.0, *NONE[1:]], [1.0, 0.0, *NONE[2:]]
    assert name(1, first) == name(1, second) != name(2, first)
    attempts = [GroupKey("run", "g", attempt) for attempt in (0, 0, 1)]
    names = [name(1, labels, key) for labels, key in zip((first, second, second), attempts, strict=True)]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize("chosen", ["one of the first answer", "at random", "whole groups"])
def test_the_estimates_are_near_the_truth_whoever_chose_the_labels(chosen: str) -> None:
    world = World(600)
    random = np.random.default_rng(4)
    known = {
        "one of the first answer": [[True, *[False] * 5] for _ in range(600)],
        "at random": (random.uniform(size=(600, 6)) < 1 / 6).tolist(),
        "whole groups": [[bool(group % 6 == 0)] * 6 for group in range(600)],
    }[chosen]
    truth, estimate, labelled = told(world, known)
    assert estimate.rollouts == truth.rollouts
    assert estimate.false_positive_rate == pytest.approx(truth.false_positive_rate, abs=0.04)
    assert estimate.false_negative_rate == pytest.approx(truth.false_negative_rate, abs=0.08)
    assert estimate.auc == pytest.approx(truth.auc, abs=0.04)
    assert labelled.false_positive_rate is not None
    assert truth.false_positive_rate is not None
    if chosen == "one of the first answer":
        assert abs(labelled.false_positive_rate - truth.false_positive_rate) > 0.2, "no sample of the predicted ones"


def test_too_few_labels_estimate_nothing() -> None:
    world = World(30)
    known = [[place < 19, *[False] * 5] for place in range(30)]
    assert told(world, known)[1] == TrustFigures(30 * 6 - 19, *UNKNOWN)
    known[20][0] = True
    assert told(world, known)[1].auc is not None
    for truth in world.truth:
        truth[0] = 1.0
    assert told(world, [[True, *[False] * 5]] * 30)[1].auc is None, "labels of one kind calibrate nothing"
    nothing = np.empty(0)
    assert estimated([], nothing, nothing, 0, Settings()) == TrustFigures(0, *UNKNOWN)


def answered(number: int, labels: Labels) -> list[AnsweredGroup]:
    return answered_groups([group_of(number, labels)], [KeyPosterior([0.9] * 3 + [0.1] * 3, KEYS)])


def labelled(number: int, label: float) -> Group:
    return group_of(number, [label, *NONE[1:]])


def test_the_window_holds_the_last_predicted_rollouts() -> None:
    trust = Trust(Settings(trust_window=12, trust_min_rollouts=1))

    def predicted() -> int:
        return trust.report().domains[0].predicted.rollouts

    trust.record([], answered(0, NONE))
    assert trust.report().domains == (), "nothing is kept of a domain without labels"
    belief = KeyPosterior([0.9] * 3 + [0.1] * 3, KEYS)
    for number, expected in ((1, 5), (2, 10), (2, 10), (3, 10), (4, 10)):
        group = labelled(number, 1.0)
        trust.record(comparisons([group], [belief]), answered_groups([group], [belief]))
        assert predicted() == expected
    trust.record([], answered(4, [1.0, 1.0, *NONE[2:]]))
    assert predicted() == 9, "an answer with one label more takes the place of the one before"


def test_bounds_are_judged_by_the_predicted_rewards_not_by_the_ones_in_doubt() -> None:
    """Labels are asked for where the network is wrong most often; the rewards that it gives are right."""
    world = World(60)
    for truth in world.truth:
        truth[:] = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0]
    groups = world.groups([[number % 2 == 0, False, False, number % 2 == 1, False, False] for number in range(60)])
    trust = Trust(Settings(trust_max_false_positive_rate=0.3, trust_min_rollouts=20))
    trust.record(comparisons(groups, world.beliefs))
    assert not trust.report().domains[0].trusted, "the labelled ones, each without its label, are predicted right"
    again = [replace(group, query=replace(group.query, id=f"{group.query.id}b")) for group in groups]
    trust.record(comparisons(again, world.beliefs), answered_groups(again, world.beliefs))
    (domain,) = trust.report().domains
    assert (domain.trusted, domain.reason) == (True, None)
    assert domain.predicted.false_positive_rate is not None
    assert domain.predicted.false_positive_rate < 0.05


def test_the_gauges_show_the_estimates_too() -> None:
    told(World(40), [[True, *[False] * 5]] * 40)
    values = {
        name: REGISTRY.get_sample_value(f"memreward_trust_predicted_{name}", {"domain": "math"})
        for name in ("rollouts", "auc", "false_positive_rate")
    }
    assert values["rollouts"] == 200.0
    assert all(value is not None and 0 <= value <= 200 for value in values.values())
