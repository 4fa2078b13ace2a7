"""What is reported and withheld by the groups that were answered, and that nobody waits for it."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from prometheus_client import REGISTRY

from memreward_proto.records import Domain, DomainTrust, Interval, Prediction, Source, Status, TrustIntervals
from memreward_service.belief.posterior import GroupBelief
from memreward_service.settings import Settings
from memreward_service.trust import trust as module
from memreward_service.trust.trust import Trust, domain_trust, out_of_bounds
from memreward_service.trust.window import AnsweredGroup, answered_group
from service.trust.answered import NONE, World, group_of
from service.waiting import until

GUESS = Prediction(1.0, 0.9, Status.OK, Source.GNN)
LABEL = Prediction(1.0, 1.0, Status.OK, Source.LABEL)


def gauge(name: str, domain: str = "math") -> float | None:
    return REGISTRY.get_sample_value(f"memreward_trust_{name}", {"domain": domain})


def alone(number: int, label: float | None, probability: float, domain: Domain = Domain.MATH) -> AnsweredGroup:
    """A group whose first rollout is labelled and was believed with that probability; nobody agrees with it."""
    belief = GroupBelief([probability, *[0.3] * 5], [None] * 6, exclusive=False)
    return answered_group(group_of(number, [label, *NONE[1:]], domain=domain), belief)


def many(count: int, label: float, probability: float, first: int = 0) -> list[AnsweredGroup]:
    return [alone(first + number, label, probability) for number in range(count)]


async def test_with_too_few_audited_rollouts_the_report_says_so_instead_of_a_figure() -> None:
    trust = Trust(Settings())
    trust.record([*many(6, 1.0, 0.9), *many(6, 0.0, 0.2, first=10)])
    (domain,) = (await trust.report()).domains
    assert (domain.audited, domain.too_few) == (12, "not enough audited rollouts: 12 of 50")
    assert (domain.figures.rollouts, domain.figures.auc) == (12, 1.0)
    assert (domain.predicted.rollouts, domain.predicted.share_abstained, domain.predicted.auc) == (60, 0.0, None)
    assert domain.interval == TrustIntervals(None, None, None)
    trust.record([*many(19, 1.0, 0.9, first=20), *many(19, 0.0, 0.2, first=50)])
    (domain,) = (await trust.report()).domains
    assert (domain.audited, domain.too_few) == (50, None)
    assert domain.interval.auc is not None
    assert domain.interval.auc.low < domain.interval.auc.high == 1.0
    assert domain.interval.false_positive_rate is not None
    assert (domain.predicted.false_positive_rate, domain.interval.false_positive_rate.low) == (0.0, 0.0)
    assert domain.interval.false_positive_rate.high > 0.1, "25 wrong ones are few"
    await trust.close()


async def test_the_report_has_domains_steps_and_all_together() -> None:
    trust = Trust(Settings())
    for step in (*range(12, 0, -1), None):
        number = step or 0
        belief = GroupBelief([0.9 if step == 7 else 0.1], ["7"])
        group = group_of(number, [0.0, *NONE[1:]])
        one = replace(group, rollouts=group.rollouts[:1])
        trust.record([answered_group(one, belief, step=step)])
    trust.record([alone(99, 1.0, 0.9, Domain.CODE)])
    report = await trust.report()
    assert [domain.domain for domain in report.domains] == [Domain.CODE, Domain.MATH]
    assert [each.step for each in report.domains[1].steps] == list(range(3, 13))
    assert [each.step for each in report.domains[1].steps if each.figures.false_positive_rate == 1.0] == [7]
    assert (report.overall.rollouts, report.domains[1].figures.rollouts) == (14, 13)
    await trust.close()


@pytest.mark.parametrize(
    ("bounds", "auc", "rate", "reason"),
    [
        ({"trust_min_auc": 0.7}, (0.4, 0.71), (0, 1), None),
        ({"trust_min_auc": 0.7}, (0.4, 0.69), (0, 1), "the AUC of the predictions is at most 0.69, under the bound "
         "of 0.7 (MEMREWARD_TRUST_MIN_AUC)"),
        ({"trust_max_false_positive_rate": 0.3}, (0, 1), (0.29, 0.5), None),
        ({"trust_max_false_positive_rate": 0.3}, (0, 1), (0.31, 0.5), "the false-positive rate of the predictions is "
         "at least 0.31, over the bound of 0.3 (MEMREWARD_TRUST_MAX_FALSE_POSITIVE_RATE)"),
        ({}, (0, 0.1), (0.9, 1), None),
    ],
)  # fmt: skip
def test_a_domain_is_out_of_bounds_where_its_whole_interval_is(
    bounds: dict[str, Any], auc: tuple[float, float], rate: tuple[float, float], reason: str | None
) -> None:
    found = out_of_bounds(Domain.MATH, 60, TrustIntervals(Interval(*auc), Interval(*rate), None), Settings(**bounds))
    if reason is None:
        assert found is None
    else:
        assert found is not None
        assert found.startswith(f"By 60 audited rollouts of math, {reason}: ")
    assert out_of_bounds(Domain.MATH, 0, TrustIntervals(None, None, None), Settings(**bounds)) is None


async def test_out_of_bounds_a_domain_abstains_until_its_labels_recover(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="memreward_service")  # commands that another test ran may have raised it
    trust = Trust(Settings(trust_window=300, trust_min_rollouts=50, trust_max_false_positive_rate=0.3))
    trust.record(many(49, 0.0, 0.9))
    await trust.report()
    assert trust.guarded(Domain.MATH, (GUESS,)) == (GUESS,), "49 are too few to judge"
    trust.record(many(1, 0.0, 0.9, first=49))
    (domain,) = (await trust.report()).domains
    assert (domain.trusted, gauge("trusted")) == (False, 0.0)
    assert domain.reason is not None
    assert domain.reason.startswith("By 50 audited rollouts of math, the false-positive rate of the predictions is at")
    invalid = Prediction(None, None, Status.INVALID, None)
    abstained = Prediction(None, 0.9, Status.ABSTAIN, None)
    assert trust.guarded(Domain.MATH, (GUESS, LABEL, invalid)) == (abstained, LABEL, invalid)
    assert trust.guarded(Domain.QA, (GUESS,)) == (GUESS,), "each domain is judged by itself"

    trust.record(many(50, 0.0, 0.1, first=100))
    assert (await trust.report()).domains[0].trusted
    assert trust.guarded(Domain.MATH, (GUESS,)) == (GUESS,)
    assert gauge("trusted") == 1.0
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"], "said when it changes, once"
    await trust.close()


def test_settings_that_could_never_judge_are_refused() -> None:
    with pytest.raises(ValueError, match="TRUST_MIN_ROLLOUTS 50 is more than TRUST_WINDOW 20"):
        Settings(trust_window=20)


async def test_a_late_label_counts_once_and_only_where_the_rollout_was_answered() -> None:
    trust = Trust(Settings())
    trust.record([alone(1, None, 0.9)])
    group = group_of(1, NONE)
    said = group.rollouts[0].response
    assert not trust.label(Domain.QA, group.query.text, said, "id", 1.0)
    assert not trust.label(Domain.MATH, group.query.text, "Something else.", "id", 1.0)
    for _ in range(2):
        assert trust.label(Domain.MATH, group.query.text, said, "id", 1.0)
        (domain,) = (await trust.report()).domains
        assert (domain.audited, domain.figures.rollouts, domain.predicted.rollouts) == (1, 1, 5)
    await trust.close()


async def test_the_event_loop_never_waits_for_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten loops of 10 ms pass while figures take a second; the gauges follow by themselves."""
    worked: list[int] = []

    def slow(domain: Domain, groups: Sequence[AnsweredGroup], settings: Settings) -> DomainTrust:
        time.sleep(1.0)
        worked.append(len(groups))
        return domain_trust(domain, groups, settings)

    monkeypatch.setattr(module, "domain_trust", slow)
    monkeypatch.setattr(module, "SECONDS", 0.05)
    trust = Trust(Settings())
    longest = 0.0
    for number in range(40):
        trust.record([alone(number, 1.0, 0.9, Domain.CODE)])
        begun = time.monotonic()
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - begun)
    assert longest < 0.5, "figures were worked out on the event loop"
    await until(lambda: gauge("rollouts", "code") == 40.0)
    assert len(worked) <= 3, "changes that come while figures are worked out are taken together"
    await trust.close()


async def test_the_gauges_show_figures_intervals_and_what_is_not_defined() -> None:
    world = World(100)
    known = np.random.default_rng(1).uniform(size=(100, 6)) < 0.2
    trust = Trust(Settings())
    trust.record(world.groups(known))
    (domain,) = (await trust.report()).domains
    assert domain.interval.auc is not None
    assert gauge("predicted_auc") == domain.predicted.auc
    assert (gauge("predicted_auc_low"), gauge("predicted_auc_high")) == (
        domain.interval.auc.low, domain.interval.auc.high,
    )  # fmt: skip
    assert gauge("audited") == known.sum() == domain.audited
    assert gauge("predicted_rollouts") == 600 - known.sum()
    trust.record([alone(1, 1.0, 0.9, Domain.QA)])
    await trust.report()
    assert math.isnan(gauge("predicted_auc_low", "qa") or 0.0)
    await trust.close()
