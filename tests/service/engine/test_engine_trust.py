"""Trust through the engine: labels that come in, whichever way, and abstentions that go out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from memreward_proto.records import (
    Experience,
    Group,
    Label,
    LabelBudget,
    PlanReason,
    RolloutReward,
    Scored,
    Source,
    Status,
    Submission,
)
from memreward_service.engine.engine import Engine
from service.engines import ASKED, LABELLED, TRUTH, StartEngine
from service.synthetic_groups import experience_of, synthetic_group, unlabelled, with_labels


def first_is(label: float, group: Group) -> Group:
    """With a label on its first rollout."""
    return with_labels(group, [label, *[None] * 5])


async def submitted(engine: Engine, group: Group, step: int) -> list[RolloutReward]:
    alone = (
        Submission("run", group.group_id, index, 6, group.query, rollout, 0, step, deadline_ms=20_000)
        for index, rollout in enumerate(group.rollouts)
    )
    return await asyncio.gather(*map(engine.submit, alone))


def probabilities(scored: Scored) -> list[float | None]:
    return [prediction.probability for group in scored.groups for prediction in group.rollouts]


async def test_a_domain_out_of_bounds_abstains_until_labels_show_it_may_be_within(start: StartEngine) -> None:
    engine = await start(trust_window=96, trust_min_rollouts=16, trust_min_auc=0.5)
    groups = [unlabelled(synthetic_group(300 + number)) for number in range(32)]
    guesses = await engine.score(groups)
    assert {prediction.source for group in guesses.groups for prediction in group.rollouts} == {Source.GNN}

    order = sorted(range(32), key=lambda i: guesses.groups[i].rollouts[0].probability or 0.0)
    low, high = ([groups[i] for i in places] for places in (order[:8], order[-8:]))
    *early, last = [first_is(1.0, group) for group in low] + [first_is(0.0, group) for group in high]
    await engine.score(early)
    (domain,) = (await engine.trust()).domains
    assert (domain.trusted, domain.too_few) == (True, "not enough audited rollouts: 15 of 16")
    await submitted(engine, last, step=41)
    (domain,) = (await engine.trust()).domains
    assert (domain.trusted, domain.audited, domain.figures.auc) == (False, 16, 0.0)
    assert domain.interval.auc is not None
    assert domain.interval.auc.high < 0.5
    assert [(each.step, each.figures.rollouts) for each in domain.steps] == [(41, 1)]
    assert await submitted(engine, last, step=42)
    assert (await engine.trust()).domains == (domain,), "a repeated rollout does not count twice"
    withheld = await engine.score(groups)
    assert {p.status for group in withheld.groups for p in group.rollouts} == {Status.ABSTAIN}
    assert probabilities(withheld) == pytest.approx(probabilities(guesses), abs=1e-6)

    await engine.score([first_is(0.0, group) for group in low] + [first_is(1.0, group) for group in high])
    (domain,) = (await engine.trust()).domains
    assert (domain.trusted, domain.reason, domain.figures.auc) == (True, None, 1.0)
    again = await engine.score([first_is(1.0, groups[0])])
    assert {p.source for p in again.groups[0].rollouts} == {Source.GNN, Source.LABEL}


async def test_the_comparison_of_a_label_does_not_see_it(start: StartEngine) -> None:
    engine = await start()
    (alone, *_) = probabilities(await engine.score([ASKED[4]]))
    assert alone is not None
    for label in (1.0, 0.0):
        await engine.score([first_is(label, ASKED[4])])
        overall = (await engine.trust()).overall
        assert (overall.rollouts, overall.calibration_error) == (1, pytest.approx(abs(label - alone), abs=1e-6))


def late(experience: Experience, labels: Sequence[float | None]) -> list[Label]:
    return [
        Label(stored.id, label, "test")
        for stored, label in zip(experience.rollouts, labels, strict=True)
        if label is not None
    ]


async def test_a_label_is_the_same_to_trust_inside_the_group_and_after_it(start: StartEngine) -> None:
    """POST /v1/labels for rollouts that were predicted, and for rollouts that are only stored."""
    labels: list[float | None] = [TRUTH[4][0], None, TRUTH[4][2], None, None, TRUTH[4][5]]
    reports = []
    for predicted, step in ((True, None), (False, 7)):
        engine = await start()
        if not reports:
            await engine.score([with_labels(ASKED[4], labels)])
            reports.append((await engine.trust()).domains[0])
            await engine.stop()
            engine = await start()
        if predicted:
            await engine.score([ASKED[4]])
        stored = experience_of(replace(ASKED[4], query=replace(ASKED[4].query, id=f"late-{predicted}")))
        stored = replace(
            stored, rollouts=tuple(replace(each, id=f"{predicted}/{each.id}", step=step) for each in stored.rollouts)
        )
        others = replace(experience_of(ASKED[5]).rollouts[0], id=f"{predicted}/other", step=8)
        stored = replace(stored, rollouts=(*stored.rollouts, others))
        await engine.add_experience([stored])
        await engine.add_labels(late(stored, [*labels, None]))
        await engine.add_labels(late(stored, [*labels, None]))
        await engine.caught_up()
        reports.append((await engine.trust()).domains[0])
        await engine.stop()
    inside, after, only_stored = reports
    assert inside.audited == after.audited == 3
    assert (inside.figures.rollouts, inside.predicted.rollouts) == (3, 3)
    for name in ("auc", "false_positive_rate", "false_negative_rate", "calibration_error"):
        assert getattr(after.figures, name) == pytest.approx(getattr(inside.figures, name), abs=1e-6)
        assert getattr(only_stored.figures, name) == pytest.approx(getattr(inside.figures, name), abs=1e-6)
    assert after.predicted.rollouts == 3
    assert (only_stored.figures.rollouts, only_stored.predicted.rollouts) == (3, 0), "no reward was given"
    assert [(each.step, each.figures.rollouts) for each in only_stored.steps] == [(7, 3)]


async def test_a_label_that_was_stored_before_says_nothing_of_the_predictions(start: StartEngine) -> None:
    """The model may have learned from it: labels that are sent again, after a restart say, are no audit."""
    engine = await start()
    labels: list[float | None] = [*TRUTH[4][:2], None, None, None, None]
    stored = experience_of(with_labels(ASKED[4], labels))
    await engine.add_experience([stored])
    await engine.score([ASKED[5]])
    await engine.add_labels(late(stored, labels))
    (domain,) = (await engine.trust()).domains
    assert (domain.figures.rollouts, domain.audited) == (0, 0)
    await engine.add_labels(late(stored, [*TRUTH[4][:3], None, None, None]))
    (domain,) = (await engine.trust()).domains
    assert domain.audited == 1, "only the third label is new"


async def test_of_a_planners_labels_only_its_audit_counts(start: StartEngine) -> None:
    """By a plan, and one by one: what is asked for because it is in doubt says nothing of the others."""
    engine = await start(calibration_share=0.5, trust_min_rollouts=1)
    plan = await engine.plan_labels(ASKED, 24)
    sampled = {(one.group_id, one.rollout_index) for one in plan.sample}
    assert sampled
    asked = {(one.group_id, one.rollout_index) for one in plan.plan}
    doubted = {(one.group_id, one.rollout_index) for one in plan.plan if one.reason is not PlanReason.CALIBRATION}
    assert doubted
    await engine.score([
        with_labels(group, [label if (group.group_id, i) in asked else None for i, label in enumerate(truth)])
        for group, truth in zip(ASKED, TRUTH, strict=True)
    ])  # fmt: skip
    (domain,) = (await engine.trust()).domains
    assert domain.figures.rollouts == len(asked)
    assert 0 < domain.audited <= len(sampled)
    assert domain.predicted.rollouts == 72 - len(asked)
    await engine.stop()

    engine = await start(calibration_share=0.4, trust_min_rollouts=1)
    budget, reasons = LabelBudget(share=0.5, deadline_ms=60_000), []
    for group, truth in zip(LABELLED, TRUTH, strict=True):

        async def one(index: int, group: Group = unlabelled(group), truth: Sequence[float] = truth) -> None:  # noqa: B008
            sent = Submission(
                "planned", group.group_id, index, 6, group.query, group.rollouts[index], 0, None, budget, None, 20_000
            )
            while (answer := await engine.submit(sent)).status is Status.LABEL_REQUESTED:
                assert answer.label_request is not None
                reasons.append(answer.label_request.reason)
                sent = replace(sent, rollout=replace(sent.rollout, label=truth[index]))

        await asyncio.gather(*map(one, range(6)))
    (domain,) = (await engine.trust()).domains
    audits = reasons.count(PlanReason.CALIBRATION)
    assert 0 < audits < len(reasons) == domain.figures.rollouts
    assert 0 < domain.audited <= audits
