"""What the tour shows, on groups of a few rollouts."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from fake_engine import TRUST
from memreward_client.cli.predictions import TruthSummary
from memreward_proto.records import Interval, TrustFigures, TrustIntervals
from memreward_service.demo import figures, label_curve, one_label, second_epoch, trust_beside_truth
from memreward_service.demo.process import DemoError
from service.demo.made_up_groups import LabelClient, predicted, query

TIED = predicted([1, 0, 0, 1], ["7", "8", "8", "7"], [1, 1, 0, 1])
MISLED = predicted([0, 0, 0, 1], ["6", "8", "8", "7"], [0, 1, 1, None])
TURNS = query([0, 0, 0, 1, 1], ["8", "8", "8", "7", "7"])


def printed(table: object) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_majority_rewards_the_most_shared_answer() -> None:
    assert figures.majority_rewards(TIED) == [True, False, False, True]
    assert figures.majority_rewards(MISLED) == [False, True, True, False]
    assert figures.summarise_majority([TIED, MISLED]) == TruthSummary(8, 5 / 8, 2 / 5)
    assert figures.majority_right([TIED, MISLED], frozenset({(1, 1), (1, 3), (0, 0)})) == 7 / 8


def test_a_rollout_without_a_reward_is_not_right() -> None:
    assert figures.share_right([TIED, MISLED]) == (3 + 1) / 8


def test_only_known_labels_are_sent() -> None:
    [first, second] = figures.with_labels([TIED.query, MISLED.query], frozenset({(0, 3), (1, 0)}))
    assert [rollout.label for rollout in first.rollouts] == [None, None, None, 1]
    assert [rollout.label for rollout in second.rollouts] == [0, None, None, None]
    [scored] = figures.score_with(LabelClient().as_client(), [TURNS], frozenset({(0, 0)}))
    assert [prediction.source for prediction in scored.scored.rollouts] == ["label"] + ["gnn"] * 4
    assert figures.rewards(scored) == [False, False, False, True, True]
    assert scored.query is TURNS


def test_the_group_shown_is_the_first_misled_one(capsys: pytest.CaptureFixture[str]) -> None:
    [turns] = figures.score_with(LabelClient().as_client(), [TURNS], frozenset())
    unbelieved = predicted([0, 0, 0, 1, 1], ["8", "8", "8", "7", "7"], [0, 0, 0, 1, 1])
    [shown] = one_label.misled_groups([TIED, MISLED, unbelieved, turns])
    assert shown is turns
    with pytest.raises(DemoError):
        one_label.show_one_label(LabelClient().as_client(), Console(), [TIED, MISLED, unbelieved])
    one_label.show_one_label(LabelClient().as_client(), Console(), [TIED, turns])
    said = capsys.readouterr().out
    assert "In 1 of 2 groups" in said
    assert "0 of 5 rewards are right" in said
    assert "label of rollout 0 (majority_answer). The verifier says: wrong." in said
    assert "With one label of 5, 5 of 5 rewards are right." in said
    one_label.show_one_label(LabelClient(patience=0).as_client(), Console(), [turns])
    assert "asks for no label in this group" in capsys.readouterr().out


def test_the_curve_buys_labels_by_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_curve, "BUDGETS", (0.0, 0.1, 0.2))
    monkeypatch.setattr(label_curve, "ROUND", 3)
    client, queries = LabelClient(), [TURNS] * 10
    order = label_curve.random_labels(queries, 1)
    assert sorted(order) == [(place, index) for place in range(10) for index in range(5)]
    chance = label_curve.chance_groups(client.as_client(), queries, order)
    planned = label_curve.planned_labels(client.as_client(), queries, len(order))
    assert [len(known) for known in planned] == [0, 5, 10]
    assert client.planned == [3, 2, 3, 2]
    assert planned[1] < planned[2]
    by_plan = [(known, figures.score_with(client.as_client(), queries, known)) for known in planned]
    points = label_curve.curve(chance[0], order, chance, by_plan)
    assert [point.majority for point in points] == [0.0, 0.1, 0.2]
    assert [point.spent for point in points] == [0.0, 0.1, 0.2]
    assert [points[0].planner, points[-1].planner] == [0, 1]
    assert points[-1].planner >= points[-1].chance >= points[-1].majority
    assert "stopped" not in printed(label_curve.curve_table(points))


def test_a_planner_that_stops_is_said_to() -> None:
    client = LabelClient(patience=1)
    planned = label_curve.planned_labels(client.as_client(), [TURNS] * 10, 50)
    assert len(planned) == len(label_curve.BUDGETS)
    assert len(planned[-1]) == 1
    points = [label_curve.CurvePoint(0.2, 0.02, 0.85, 0.7, 1.0)]
    table = printed(label_curve.curve_table(points))
    assert "The planner stopped at 2.0%" in table
    assert "85.0%" in table
    assert label_curve.bar(0.5) == "·" * 14
    assert label_curve.bar(0.85).count("█") == 7


def test_the_first_epoch_is_stored_with_its_step_and_known_labels() -> None:
    [stored] = second_epoch.as_stored([TURNS], frozenset({(0, 4)}))
    assert [(rollout.step, rollout.label) for rollout in stored.rollouts] == [(1, None)] * 4 + [(1, 1)]
    rows = second_epoch.epoch_rows([TIED], [MISLED])
    assert [summary.right for summary in rows.values()] == [1.0, 3 / 4, 1 / 3]
    assert "33.3%" in printed(figures.summary_table(rows))


def test_trust_stands_beside_the_truth_of_predicted_rollouts() -> None:
    truth = trust_beside_truth.true_figures([TIED, MISLED])
    assert (truth["false_positive_rate"], truth["false_negative_rate"]) == (3 / 5, 0.0)
    # Wrong 0.9 0.1 0.1 0.9 0.9, right 0.9 0.9 0.5: two pairs of three ties, the last over two.
    assert truth["auc"] == pytest.approx((2 * (2 + 1.5) + 2) / 15)
    labelled = figures.score_with(LabelClient().as_client(), [TURNS], frozenset((0, index) for index in range(5)))
    assert np.isnan(list(trust_beside_truth.true_figures(labelled).values())).all()

    math = trust_beside_truth.of_math(TRUST)
    predicted_figures = TrustFigures(30, 0.0, 0.75, 0.5, 0.25, None)
    intervals = TrustIntervals(Interval(0.5, 0.875), Interval(0.25, 0.75), None)
    table = printed(
        trust_beside_truth.trust_table(replace(math, predicted=predicted_figures, interval=intervals), truth)
    )
    assert "0.500 to 0.875" in table
    assert "0.600" in table
    assert "Estimated for 30 rollouts from 60 labels." in table
    with pytest.raises(DemoError):
        trust_beside_truth.of_math(replace(TRUST, domains=TRUST.domains[1:]))
