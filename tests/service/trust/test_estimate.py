"""What is estimated of predicted rewards: by hand, against a made-up truth, and in the window that trust keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from prometheus_client import REGISTRY

from memreward_proto.records import (
    Domain,
    DomainTrust,
    Group,
    GroupKey,
    Query,
    Rollout,
    StandardErrors,
    TrustFigures,
)  # fmt: skip
from memreward_service.belief.posterior import KeyPosterior
from memreward_service.settings import Settings
from memreward_service.trust.estimate import AnsweredGroup, LastGroups, answered_groups, estimated
from memreward_service.trust.figures import figures_of, slopes_of
from memreward_service.trust.window import Trust, comparisons

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


def report(world: World, known: list[list[bool]]) -> tuple[TrustFigures, DomainTrust]:
    """The truth about the predicted rollouts, and what is told."""
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
    return figures_of(np.array(right), np.array(said), Settings()), domain


def estimate_of(world: World, known: list[list[bool]]) -> TrustFigures:
    return report(world, known)[1].predicted


CHOICES: dict[str, Callable[[int], list[list[bool]]]] = {
    "one of the first answer": lambda size: [[True, *[False] * 5] for _ in range(size)],
    "at random": lambda size: (np.random.default_rng(4).uniform(size=(size, 6)) < 1 / 6).tolist(),
    "whole groups": lambda size: [[bool(group % 6 == 0)] * 6 for group in range(size)],
}


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
    (group,) = answered_groups([group_of(1, [1.0] * 6)], [belief])
    assert (group.predicted, list(group.known)) == ((), [1.0] * 6), "evidence about the others"
    assert answered_groups([Group("g", Query("q", "q", Domain.MATH), (Rollout(" "),))], [belief]) == []


def test_an_answer_takes_the_place_of_the_one_before() -> None:
    belief = KeyPosterior([0.5] * 6, KEYS)

    def name(number: int, labels: Labels, key: GroupKey | None = None) -> int:
        return answered_groups([group_of(number, labels)], [belief], key)[0].name

    first, second = [1.0, *NONE[1:]], [1.0, 0.0, *NONE[2:]]
    assert name(1, first) == name(1, second) != name(2, first)
    attempts = [GroupKey("run", "g", attempt) for attempt in (0, 0, 1)]
    names = [name(1, labels, key) for labels, key in zip((first, second, second), attempts, strict=True)]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize("chosen", CHOICES)
def test_the_estimates_are_near_the_truth_whoever_chose_the_labels(chosen: str) -> None:
    world = World(600)
    truth, domain = report(world, CHOICES[chosen](600))
    estimate, labelled = domain.predicted, domain.figures
    assert estimate.rollouts == truth.rollouts
    assert estimate.false_positive_rate == pytest.approx(truth.false_positive_rate, abs=0.04)
    assert estimate.false_negative_rate == pytest.approx(truth.false_negative_rate, abs=0.08)
    assert estimate.auc == pytest.approx(truth.auc, abs=0.04)
    assert labelled.false_positive_rate is not None
    assert truth.false_positive_rate is not None
    if chosen == "one of the first answer":
        assert abs(labelled.false_positive_rate - truth.false_positive_rate) > 0.2, "no sample of the predicted ones"


class DrawnWorld(World):
    """Groups that are right as the network says, but for a slope and an intercept that it does not know."""

    def __init__(self, size: int, seed: int) -> None:
        random = np.random.default_rng(seed)
        logits = random.normal(0.0, 2.0, size=(size, 3)) - [0.0, 1.0, 2.0]
        self.beliefs, self.truth = [], []
        for of_key in logits:
            said = dict(zip("789", 1 / (1 + np.exp(-of_key)), strict=True))
            self.beliefs.append(KeyPosterior([said[key] for key in KEYS], KEYS))
            odds = np.exp([*(0.7 * of_key + 0.5), 0.0])
            right = random.choice(["7", "8", "9", "none"], p=odds / odds.sum())
            self.truth.append([float(key == right) for key in KEYS])


@pytest.mark.parametrize("chosen", CHOICES)
def test_the_estimates_are_as_far_off_as_they_say(chosen: str) -> None:
    off: dict[str, list[float]] = {"auc": [], "false_positive_rate": [], "false_negative_rate": []}
    for seed in range(60):
        truth, domain = report(DrawnWorld(120, seed), CHOICES[chosen](120))
        for name, seen in off.items():
            estimate, error = getattr(domain.predicted, name), getattr(domain.standard_error, name)
            seen.append((getattr(truth, name) - estimate) / error)
    for name, seen in off.items():
        assert 0.75 < np.sqrt(np.mean(np.square(seen))) < 1.3, name
        assert np.mean(np.abs(seen) < 2) > 0.88, name


def test_how_far_off_they_are_falls_with_what_is_labelled() -> None:
    few, many = (report(World(size), CHOICES["whole groups"](size))[1].standard_error for size in (60, 600))
    assert few.auc is not None
    assert many.auc is not None
    assert 2 < few.auc / many.auc < 5, "the square root of 10"


def test_the_slopes_are_those_of_the_figures() -> None:
    random = np.random.default_rng(6)
    right, probability = random.uniform(0.1, 0.9, 12), random.uniform(size=12).round(1)
    settings = Settings(abstain_margin=0.1)
    slopes = slopes_of(right, probability, settings)
    assert set(slopes) == {"auc", "false_positive_rate", "false_negative_rate"}
    for name, slope in slopes.items():
        for index, step in enumerate(np.eye(12) * 1e-6):
            more, less = (getattr(figures_of(right + s, probability, settings), name) for s in (step, -step))
            assert slope[index] == pytest.approx((more - less) / 2e-6, abs=1e-6)
    assert slopes_of(np.ones(3), np.ones(3), Settings()).keys() == {"false_negative_rate"}


def test_too_few_labels_estimate_nothing() -> None:
    world = World(30)
    known = [[place < 19, *[False] * 5] for place in range(30)]
    assert estimate_of(world, known) == TrustFigures(30 * 6 - 19, *UNKNOWN)
    known[20][0] = True
    assert estimate_of(world, known).auc is not None
    for truth in world.truth:
        truth[0] = 1.0
    assert estimate_of(world, [[True, *[False] * 5]] * 30).auc is None, "labels of one kind calibrate nothing"
    assert estimated([], [], Settings()) == (TrustFigures(0, *UNKNOWN), StandardErrors(None, None, None))


def answered(number: int, labels: Labels) -> list[AnsweredGroup]:
    return answered_groups([group_of(number, labels)], [KeyPosterior([0.9] * 3 + [0.1] * 3, KEYS)])


def labelled(number: int, label: float) -> Group:
    return group_of(number, [label, *NONE[1:]])


def test_the_last_groups_are_kept_by_what_they_count_as() -> None:
    last, (first, second, third) = LastGroups(10), (answered(number, NONE)[0] for number in range(3))
    last.put(first, 6)
    last.put(second, 3)
    last.put(first, 7)
    assert (last.groups(), last.rollouts) == ([second, first], 10), "an answer anew is the latest"
    last.put(third, 1)
    assert (last.groups(), last.rollouts) == ([first, third], 8), "the oldest went"
    last.put(first, 0)
    assert (last.groups(), last.rollouts) == ([third], 1), "nothing of it counts any more"
    last.put(second, 12)
    assert (last.groups(), last.rollouts) == ([second], 12), "one group at least"


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
    _, domain = report(World(40), [[True, *[False] * 5]] * 40)
    values = {
        name: REGISTRY.get_sample_value(f"memreward_trust_predicted_{name}", {"domain": "math"})
        for name in ("rollouts", "auc", "false_positive_rate")
    }
    assert values["rollouts"] == 200.0
    assert all(value is not None and 0 <= value <= 200 for value in values.values())
    error = REGISTRY.get_sample_value("memreward_trust_standard_error_auc", {"domain": "math"})
    assert error == domain.standard_error.auc
