"""Which candidates are taken, and what the sentence says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memreward_proto.records import Interval, TrustIntervals
from memreward_service.training.comparison import Comparison, Difference
from memreward_service.training.exchange import Candidate
from memreward_service.training.verdict import verdict
from service.synthetic_groups import lively_model

EQUAL = Difference(40, 0.001, -0.01, 0.012, 0.95, 0.944)
WORSE = Difference(40, 0.05, 0.02, 0.08, 0.9, 0.944)
FEW_AND_WORSE = replace(WORSE, groups=9)
BETTER = Difference(20, -0.05, -0.08, -0.02, 0.96, 0.9)


def candidate(new: Difference | None, audited: Difference | None = None, held_out: int = 64) -> Candidate:
    intervals = TrustIntervals(Interval(0.85, 0.94), None, None)
    return Candidate(lively_model(), intervals, held_out, Comparison(new, audited))


@pytest.mark.parametrize("new", [EQUAL, BETTER])
def test_one_that_is_not_worse_is_taken(new: Difference) -> None:
    assert verdict(candidate(new), "gnn-1", asked=False).taken


@pytest.mark.parametrize(("new", "audited"), [(WORSE, None), (EQUAL, WORSE), (WORSE, BETTER)])
def test_one_that_is_worse_anywhere_is_refused_unless_somebody_asked(
    new: Difference, audited: Difference | None
) -> None:
    refused = verdict(candidate(new, audited), "gnn-1", asked=False)
    assert not refused.taken
    assert refused.reason.startswith("Refused: ")
    asked = verdict(candidate(new, audited), "gnn-1", asked=True)
    assert asked.taken
    assert asked.reason.startswith("Taken because it was asked for, not because it is better: ")
    assert "Warning: it is worse than what was served before." in asked.reason


@pytest.mark.parametrize("new", [None, replace(BETTER, groups=9)])
def test_too_few_groups_decide_nothing(new: Difference | None) -> None:
    found = verdict(candidate(new), "gnn-1", asked=False)
    assert not found.taken
    assert "new since gnn-1 learned" in found.reason
    assert verdict(candidate(new), "gnn-1", asked=True).taken


def test_too_few_audited_groups_refuse_nothing() -> None:
    found = verdict(candidate(EQUAL, FEW_AND_WORSE), "gnn-1", asked=False)
    assert found.taken
    assert "9 of them are audited, too few to say anything." in found.reason


def test_the_sentence_has_figures_with_intervals_and_warns_of_few_groups() -> None:
    found = verdict(candidate(EQUAL, BETTER), "gnn-1", asked=False)
    assert found.reason == (
        "Taken: AUC 0.900 [0.850, 0.940] on 64 held-out groups. On 40 groups that neither learned from, gnn-1 is "
        "neither better nor worse for certain (AUC 0.950 against 0.944, log loss +0.001 [-0.010, +0.012]). On the 20 "
        "audited ones gnn-1 is worse (log loss -0.050 [-0.080, -0.020])."
    )
    assert "Warning: 29 held-out groups are few" in verdict(candidate(EQUAL, held_out=29), "gnn-1", asked=False).reason
