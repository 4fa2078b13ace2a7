"""Predictions beside the labels they did not see: figures worked out by hand, what counts once, and the bounds."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
import pytest
from prometheus_client import REGISTRY
from sklearn.metrics import roc_auc_score

from memreward_proto.records import (
    Domain,
    Group,
    GroupKey,
    Prediction,
    Query,
    Rollout,
    Source,
    Status,
    TrustFigures,
)  # fmt: skip
from memreward_service.belief.posterior import KeyPosterior
from memreward_service.settings import Settings
from memreward_service.trust.window import Comparison, Trust, compared_figures, comparisons, without_own_label

KEYS = ["7", "7", "8", "8"]
OWN = [0.6, 0.7, 0.3, 0.2]
BEFORE = KeyPosterior(OWN, KEYS).probability([None] * 4).tolist()
GUESS = Prediction(1.0, 0.9, Status.OK, Source.GNN)
LABEL = Prediction(1.0, 1.0, Status.OK, Source.LABEL)


def compared(
    *rows: tuple[float, float], domain: Domain = Domain.MATH, step: int | None = None, first: int = 0
) -> list[Comparison]:
    """(label, probability) of rollouts that differ, from number `first` on."""
    return [
        Comparison(domain, label, probability, step, b"%d" % number)
        for number, (label, probability) in enumerate(rows, first)
    ]


def group_of(labels: list[float | None], responses: list[str] | None = None, query: str = "2+2?") -> Group:
    texts = responses or [f"So {key}, {index}." for index, key in enumerate(KEYS)]
    rollouts = tuple(Rollout(text, label=label) for text, label in zip(texts, labels, strict=True))
    return Group("g", Query(query, "q", Domain.MATH), rollouts)


def found(group: Group, key: GroupKey | None = None, step: int | None = None) -> list[Comparison]:
    return comparisons([group], [KeyPosterior(OWN, KEYS)], key, step)


def counted(trust: Trust) -> int:
    return trust.report().overall.rollouts


def gauge(name: str, domain: str = "math") -> float | None:
    return REGISTRY.get_sample_value(f"memreward_trust_{name}", {"domain": domain})


def test_the_figures_of_eight_rollouts() -> None:
    rows = [(1, 0.9), (1, 0.6), (1, 0.35), (0.75, 0.55), (0, 0.8), (0, 0.1), (0.25, 0.45), (0, 0.6)]
    figures = compared_figures(compared(*rows), Settings(abstain_margin=0.08))
    assert figures == TrustFigures(
        rollouts=8,
        share_abstained=2 / 8,  # 0.55 and 0.45
        auc=pytest.approx((4 + 2.5 + 1 + 2) / 16),  # 0.9, 0.6 (ties with a wrong 0.6), 0.35, 0.55 over the wrong
        false_positive_rate=2 / 3,  # of 0.8, 0.1, 0.6
        false_negative_rate=1 / 3,  # of 0.9, 0.6, 0.35
        # bins 0.1: 0.1, 0.3: 0.65, 0.4: 0.2, 0.5: 0.2, 0.6: 0.4 - 0.6, 0.8: 0.8, 0.9: 0.1
        calibration_error=pytest.approx((0.1 + 0.65 + 0.2 + 0.2 + 0.2 + 0.8 + 0.1) / 8),
    )
    strict = compared_figures(compared(*rows), Settings(threshold=0.7))
    assert (strict.false_positive_rate, strict.false_negative_rate) == (1 / 4, 3 / 4)


def test_the_auc_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(5)
    score = random.uniform(size=300).round(1)
    label = (random.uniform(size=300) < score).astype(float)
    figures = compared_figures(compared(*zip(label, score, strict=True)), Settings())
    assert figures.auc == pytest.approx(roc_auc_score(label, score), abs=1e-12)


def test_what_is_not_defined_is_not_made_up() -> None:
    assert compared_figures([], Settings()) == TrustFigures(0, None, None, None, None, None)
    only_right = compared_figures(compared((1, 0.9), (1, 0.4)), Settings())
    assert (only_right.auc, only_right.false_positive_rate, only_right.false_negative_rate) == (None, None, 0.5)
    unsure = compared_figures(compared((1, 0.5), (0, 0.5)), Settings(abstain_margin=0.1))
    assert (unsure.share_abstained, unsure.auc) == (1.0, 0.5)
    assert (unsure.false_positive_rate, unsure.false_negative_rate) == (None, None)


@pytest.mark.parametrize("labels", [[1, 0, 0, None], [None, 1, None, 0], [0.25, None, None, None]])
def test_the_own_label_is_not_seen_and_those_of_siblings_are(labels: list[float | None]) -> None:
    belief = KeyPosterior(OWN, KEYS)
    unseen = without_own_label(belief, labels)
    for index, label in enumerate(labels):
        if label is None:
            assert unseen[index] is None
            continue
        others = [*labels[:index], None, *labels[index + 1 :]]
        assert unseen[index] == belief.probability(others)[index]
        for lie in (0.0, 0.5, 1.0):
            assert without_own_label(belief, [*labels[:index], lie, *labels[index + 1 :]])[index] == unseen[index]


def test_of_a_group_that_is_labelled_as_a_whole_no_label_is_seen() -> None:
    """Its query has a reference answer: rollouts of the others are predicted beside no labelled sibling."""
    for labels in ([1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]):
        assert without_own_label(KeyPosterior(OWN, KEYS), labels) == BEFORE
        assert [each.probability for each in found(group_of(list(labels)))] == BEFORE


def test_a_comparison_of_a_group_by_hand() -> None:
    alone = found(group_of([None, 1.0, None, None]))
    assert [(each.label, each.probability) for each in alone] == [(1.0, BEFORE[1])], "that of its key, no label seen"
    right, wrong = found(group_of([1.0, 1.0, None, 0.0]), step=4), found(group_of([0.0, 1.0, None, 0.0]), step=4)
    assert [each.label for each in right] == [1.0, 1.0, 0.0]
    assert right[0].probability == wrong[0].probability > 0.98
    assert right[1].probability > 0.98 > 0.6 > wrong[1].probability, "the sibling of the same answer decides"
    assert right[2].probability < 0.02
    assert {(each.domain, each.step) for each in right} == {(Domain.MATH, 4)}


def test_a_blank_response_is_not_predicted_so_not_compared() -> None:
    blank = group_of([0.0, 1.0, 0.0, None], ["It is 7.", "", " \n", "8"])
    assert [each.label for each in found(blank)] == [0.0]


def test_a_repeated_request_counts_once() -> None:
    trust = Trust(Settings())
    for labels, expected in (
        ([1.0, None, 0.0, None], 2),
        ([1.0, None, 0.0, None], 2),
        ([1.0, 1.0, 0.0, None], 3),  # one label more
        ([0.0, 1.0, 0.0, None], 4),  # another label
    ):
        trust.record(found(group_of(labels)))
        assert counted(trust) == expected
    trust.record(found(group_of([1.0, 1.0, 0.0, None], query="3+3?")))
    assert counted(trust) == 7


def test_equal_rollouts_of_one_group_are_several() -> None:
    trust = Trust(Settings())
    same = group_of([1.0, 1.0, 1.0, None], ["It is 7."] * 4)
    for _ in range(2):
        trust.record(found(same))
        assert counted(trust) == 3


def test_a_group_sent_one_by_one_counts_once_an_attempt() -> None:
    trust = Trust(Settings())
    for attempt in (0, 0, 1):
        trust.record(found(group_of([1.0, None, 0.0, None]), GroupKey("run", "g", attempt)))
    assert counted(trust) == 4
    trust.record(found(group_of([1.0, None, 0.0, 0.0]), GroupKey("run", "g", 1)))
    assert counted(trust) == 5, "a late sibling; the others counted before"


def test_the_window_holds_the_last_of_each_domain() -> None:
    trust = Trust(Settings(trust_window=3, trust_min_rollouts=1))
    trust.record(compared((1, 0.9), (1, 0.9), (0, 0.9), (0, 0.9)))
    trust.record(compared((1, 0.1), domain=Domain.QA))
    report = trust.report()
    assert (report.window, report.min_rollouts, report.overall.rollouts) == (3, 1, 4)
    math_, qa = report.domains
    assert (math_.domain, math_.figures.rollouts, math_.figures.false_positive_rate) == (Domain.MATH, 3, 1.0)
    assert (qa.domain, qa.figures.rollouts, qa.figures.false_negative_rate) == (Domain.QA, 1, 1.0)
    trust.record(compared((0, 0.1), (1, 0.9), first=0))
    assert trust.report().domains[0].figures.false_positive_rate == 0.5, "what left the window counts again"


def test_the_last_steps_are_told_apart() -> None:
    trust = Trust(Settings())
    for step in (*range(12, 0, -1), None):
        number = step or 0
        trust.record(compared((1, 0.9), (0, 0.9 if number == 7 else 0.1), step=step, first=10 * number))
    (domain,) = trust.report().domains
    assert [each.step for each in domain.steps] == list(range(3, 13))
    assert {each.figures.rollouts for each in domain.steps} == {2}
    assert [each.step for each in domain.steps if each.figures.auc != 1.0] == [7]
    assert domain.figures.rollouts == 26


BOUNDS = [
    ({"trust_min_auc": 0.7}, "the AUC of the predictions is 0.5, under the bound of 0.7 (MEMREWARD_TRUST_MIN_AUC)"),
    (
        {"trust_max_false_positive_rate": 0.3},
        "the false-positive rate of the predictions is 0.5, over the bound of 0.3 "
        "(MEMREWARD_TRUST_MAX_FALSE_POSITIVE_RATE)",
    ),
]


@pytest.mark.parametrize(("bounds", "told"), BOUNDS)
def test_out_of_bounds_a_domain_abstains_until_its_labels_recover(
    bounds: dict[str, Any], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    trust = Trust(Settings(trust_window=6, trust_min_rollouts=4, **bounds))
    trust.record(compared((0, 0.9), (1, 0.4), (0, 0.1)))
    assert trust.guarded(Domain.MATH, (GUESS,)) == (GUESS,), "three are too few to judge"
    trust.record(compared((1, 0.8), first=3))
    (domain,) = trust.report().domains
    assert (domain.trusted, gauge("trusted")) == (False, 0.0)
    assert domain.reason is not None
    assert domain.reason.startswith(f"Over the last 4 labelled rollouts of math, {told}: ")
    invalid = Prediction(None, None, Status.INVALID, None)
    abstained = Prediction(None, 0.9, Status.ABSTAIN, None)
    assert trust.guarded(Domain.MATH, (GUESS, LABEL, invalid)) == (abstained, LABEL, invalid)
    assert trust.guarded(Domain.QA, (GUESS,)) == (GUESS,), "each domain is judged by itself"
    trust.record(compared((0, 0.9), first=4))
    assert trust.report().domains[0].figures.rollouts == 5, "labels go on being compared"

    trust.record(compared(*[(1, 0.9), (0, 0.1)] * 3, first=10))
    assert trust.guarded(Domain.MATH, (GUESS,)) == (GUESS,)
    assert (trust.report().domains[0].trusted, gauge("trusted")) == (True, 1.0)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"], "told when it changes, once"


def test_without_bounds_everything_is_given() -> None:
    trust = Trust(Settings(trust_min_rollouts=1))
    trust.record(compared((0, 0.9), (1, 0.1)))
    assert trust.report().domains[0].trusted
    assert trust.guarded(Domain.MATH, (GUESS,)) == (GUESS,)


def test_a_bound_needs_a_defined_figure() -> None:
    trust = Trust(Settings(trust_min_rollouts=1, trust_min_auc=1.0, trust_max_false_positive_rate=0.0))
    trust.record(compared((1, 0.1)))
    assert trust.report().domains[0].trusted


def test_settings_that_could_never_judge_are_refused() -> None:
    with pytest.raises(ValueError, match="TRUST_MIN_ROLLOUTS 50 is more than TRUST_WINDOW 20"):
        Settings(trust_window=20)


def test_the_gauges_show_the_figures_of_now() -> None:
    trust = Trust(Settings(abstain_margin=0.1))
    trust.record(compared((1, 0.9), (1, 0.45), domain=Domain.CODE))
    names = ("rollouts", "share_abstained", "false_negative_rate", "trusted")
    assert [gauge(name, "code") for name in names] == [2.0, 0.5, 0.0, 1.0]
    assert math.isnan(gauge("auc", "code") or 0.0)
    trust.record(compared((0, 0.8), (1, 0.3), domain=Domain.CODE, first=2))
    assert [gauge(name, "code") for name in names] == [4.0, 0.25, 0.5, 1.0]
    assert gauge("auc", "code") == pytest.approx(1 / 3)
    assert gauge("false_positive_rate", "code") == 1.0
    assert gauge("calibration_error", "code") == pytest.approx((0.1 + 0.55 + 0.8 + 0.7) / 4)
