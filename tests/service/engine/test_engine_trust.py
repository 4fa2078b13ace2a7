"""Trust through the engine: labels that come in, abstentions that go out."""

from __future__ import annotations

import asyncio

import pytest

from memreward_proto.records import Group, GroupKey, RolloutReward, Scored, Source, Status, Submission
from memreward_service.engine.engine import Engine
from service.engines import ASKED, StartEngine
from service.synthetic_groups import with_labels


def first_is(label: float, group: Group) -> Group:
    """With a label on its first rollout."""
    return with_labels(group, [label, *[None] * 5])


async def submitted(engine: Engine, group: Group, step: int) -> list[RolloutReward]:
    key = GroupKey("run", group.group_id)
    alone = (
        Submission(key, index, 6, group.query, rollout, 20.0, step=step) for index, rollout in enumerate(group.rollouts)
    )
    return await asyncio.gather(*map(engine.submit, alone))


def probabilities(scored: Scored) -> list[float | None]:
    return [prediction.probability for group in scored.groups for prediction in group.rollouts]


async def test_a_domain_out_of_bounds_abstains_until_labels_show_it_within(start: StartEngine) -> None:
    engine = await start(trust_window=4, trust_min_rollouts=4, trust_min_auc=0.5)
    guesses = await engine.score(ASKED)
    assert {prediction.source for group in guesses.groups for prediction in group.rollouts} == {Source.GNN}
    assert engine.trust().domains == (), "without labels nothing is compared"

    order = sorted(range(12), key=lambda i: guesses.groups[i].rollouts[0].probability or 0.0)
    low, high = ([ASKED[i] for i in places] for places in (order[:2], order[-2:]))

    *early, last = (first_is(1.0, low[0]), first_is(1.0, low[1]), first_is(0.0, high[0]), first_is(0.0, high[1]))
    await engine.score(early)
    assert engine.trust().domains[0].trusted
    answers = await submitted(engine, last, step=41)
    (domain,) = engine.trust().domains
    assert (domain.trusted, domain.figures.rollouts, domain.figures.auc) == (False, 4, 0.0)
    assert [(each.step, each.figures.rollouts) for each in domain.steps] == [(41, 1)]
    assert [(a.status, a.reward, a.source) for a in answers] == [
        (Status.OK, 0.0, Source.LABEL), *[(Status.ABSTAIN, None, None)] * 5,
    ], "the answer that the labels came with abstains already, and labels stay"  # fmt: skip
    assert await submitted(engine, last, step=42) == answers
    assert engine.trust().domains == (domain,), "a repeated rollout does not count twice"
    withheld = await engine.score(ASKED)
    assert {p.status for group in withheld.groups for p in group.rollouts} == {Status.ABSTAIN}
    assert probabilities(withheld) == pytest.approx(probabilities(guesses), abs=1e-6)

    again = await engine.score([first_is(0.0, group) for group in low] + [first_is(1.0, group) for group in high])
    (domain,) = engine.trust().domains
    assert (domain.trusted, domain.reason, domain.figures.auc) == (True, None, 1.0)
    assert {p.source for group in again.groups for p in group.rollouts} == {Source.GNN, Source.LABEL}


async def test_the_comparison_of_a_label_does_not_see_it(start: StartEngine) -> None:
    engine = await start()
    alone = probabilities(await engine.score([ASKED[4]]))[0]
    errors = []
    for label in (1.0, 0.0):
        before = engine.trust().overall.rollouts
        await engine.score([first_is(label, ASKED[4])])
        assert engine.trust().overall.rollouts == before + 1
        errors.append(engine.trust().overall.calibration_error)
    assert alone is not None
    # One bin: first 1 - p, then |2 p - 1| / 2 of the two together.
    assert errors == pytest.approx([1 - alone, abs(2 * alone - 1) / 2], abs=1e-6)
