"""How good predictions are while a run goes on, by the labels that come: every labelled rollout is also predicted
without its own label.

The groups that were answered last are kept for each domain, in this process: a restart begins anew, and replicas have
windows of their own (window.py). What follows from them is worked out in a thread, at most every SECONDS, and never
while somebody waits for a reward, for /metrics or for /healthz; who asks for the report gets it anew.

`figures` are over the labelled rollouts. Where the labels are no random sample, because a planner asks for those in
doubt, say, neither are the figures. So `predicted` estimates them for the rewards that were predicted, from the audited
rollouts, with an `interval` for each (estimate.py), or says that these are too few.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence

from memreward_proto.records import (
    Domain,
    DomainTrust,
    Interval,
    Prediction,
    Query,
    Rollout,
    Source,
    Status,
    StepTrust,
    TrustFigures,
    TrustIntervals,
    TrustReport,
    filled,
)  # fmt: skip
from memreward_service.settings import Settings
from memreward_service.trust.estimate import estimated
from memreward_service.trust.figures import FIGURES, figures_of, rows_of
from memreward_service.trust.gauges import show
from memreward_service.trust.window import AnsweredGroup, Compared, Window, agreement, audit_of, compared, predicted

SECONDS = 5.0
"""How often figures are worked out at most."""
STEPS_SHOWN = 10
"""Training steps that a report shows for each domain, the latest ones."""

_log = logging.getLogger(__name__)


class Trust:
    """The groups answered last, and what follows from them. Lives on one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._windows: dict[Domain, Window] = {}
        self._known: dict[Domain, DomainTrust] = {}
        self._changed: set[Domain] = set()
        self._working = asyncio.Lock()
        self._worked_at = float("-inf")
        self._following: asyncio.Task[None] | None = None

    def record(self, groups: Iterable[AnsweredGroup]) -> None:
        """Keep groups as they were answered; a label among them says how good predictions are."""
        for group in groups:
            if group.known or group.predicted:
                self._windows.setdefault(group.domain, Window(self._settings.trust_window)).put(group)
                self._change(group.domain)

    def label(self, domain: Domain, query: str, response: str, stored_id: str, label: float) -> bool:
        """Take a late label of a rollout that was predicted, and is stored under an id; whether the window has it."""
        window = self._windows.get(domain)
        found = window is not None and window.label(hash((domain, query)), hash(response), stored_id, label)
        if found:
            self._change(domain)
        return found

    @property
    def known(self) -> Mapping[Domain, DomainTrust]:
        """What was worked out last of each domain."""
        return self._known

    def audited(self) -> frozenset[tuple[int, int]]:
        """The names (`name_of`) of the audited rollouts of the groups that were answered last."""
        groups = [group for window in self._windows.values() for group in window.groups()]
        return frozenset((group.query, filled(group.rollouts[index])) for group in groups for index in group.audited)

    @staticmethod
    def name_of(query: Query, rollout: Rollout) -> tuple[int, int]:
        """The same for a rollout that is stored and for one that was answered, in this process."""
        return hash((query.domain, query.text)), hash(rollout.response)

    def guarded(self, domain: Domain, predictions: tuple[Prediction, ...]) -> tuple[Prediction, ...]:
        """The predictions, or ABSTAIN for each of a domain out of bounds. Labels stay: they are no predictions."""
        known = self._known.get(domain)
        if known is None or known.trusted:
            return predictions
        return tuple(
            Prediction(None, each.probability, Status.ABSTAIN, None, each.explanation)
            if each.source is Source.GNN
            else each
            for each in predictions
        )

    async def report(self) -> TrustReport:
        """The figures now, by domain in alphabetical order, by step and overall."""
        await self._work()
        every = [group for window in self._windows.values() for group in window.groups()]
        overall = await asyncio.to_thread(lambda: _figures(compared(every), self._settings))
        return TrustReport(
            window=self._settings.trust_window,
            min_rollouts=self._settings.trust_min_rollouts,
            min_auc=self._settings.trust_min_auc,
            max_false_positive_rate=self._settings.trust_max_false_positive_rate,
            overall=overall,
            domains=tuple(known for _, known in sorted(self._known.items())),
        )

    async def close(self) -> None:
        """End what goes on in the background."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait({self._following})

    def _change(self, domain: Domain) -> None:
        self._changed.add(domain)
        if self._following is None or self._following.done():
            self._following = asyncio.get_running_loop().create_task(self._follow(), name="trust")

    async def _follow(self) -> None:
        """Work until nothing has changed."""
        while self._changed:
            await asyncio.sleep(max(0.0, self._worked_at + SECONDS - time.monotonic()))
            try:
                await self._work()
            except Exception:
                _log.exception("trust could not be worked out; it is tried again with the next label")
                return

    async def _work(self) -> None:
        """Work out what changed, in a thread."""
        async with self._working:
            changed, self._changed = self._changed, set()
            windows = {domain: self._windows[domain].groups() for domain in changed}
            found = await asyncio.to_thread(_domains, windows, self._settings)
            self._worked_at = time.monotonic()
            for domain, trust in found.items():
                before = self._known.get(domain)
                self._known[domain] = trust
                show(trust)
                if not trust.trusted and (before is None or before.trusted):
                    _log.warning("%s", trust.reason)
                elif trust.trusted and before is not None and not before.trusted:
                    _log.info("predictions of %s may be within their bounds again, and are given", domain)


def domain_trust(domain: Domain, groups: Sequence[AnsweredGroup], settings: Settings) -> DomainTrust:
    """What follows from the groups of a domain that were answered last."""
    labelled = compared(groups)
    latest = sorted({group.step for group in groups if group.step is not None})[-STEPS_SHOWN:]
    rewards = predicted(groups)
    audit, audited = audit_of(groups)
    enough = audited >= settings.trust_min_rollouts
    found = {name: estimated(figure, audit, rewards, settings) if enough else None for name, figure in FIGURES.items()}
    values = {name: None if each is None else each.value for name, each in found.items()}
    ends = {name: None if each is None else Interval(each.low, each.high) for name, each in found.items()}
    intervals = TrustIntervals(**ends)
    abstained = float(1 - rows_of(rewards, settings).decided.mean()) if len(rewards) else None
    reason = out_of_bounds(domain, audited, intervals, settings)
    return DomainTrust(
        domain=domain,
        trusted=reason is None,
        reason=reason,
        figures=_figures(labelled, settings),
        predicted=TrustFigures(rollouts=len(rewards), share_abstained=abstained, calibration_error=None, **values),
        interval=intervals,
        audited=audited,
        too_few=None if enough else f"not enough audited rollouts: {audited} of {settings.trust_min_rollouts}",
        steps=tuple(
            StepTrust(step, _figures(_of_step(labelled, step), settings), agreement(groups, step)) for step in latest
        ),
        agreement=agreement(groups),
        drifting=sum(group.drifts for group in groups),
    )


def out_of_bounds(domain: Domain, audited: int, intervals: TrustIntervals, settings: Settings) -> str | None:
    """Why predictions are withheld; None where they are not. They are where the whole interval is out of a bound: to
    abstain from everything is dear, and the interval of few audited rollouts is wide."""
    highest = None if intervals.auc is None else intervals.auc.high
    lowest = None if intervals.false_positive_rate is None else intervals.false_positive_rate.low
    bounds = (
        ("AUC", highest, settings.trust_min_auc, -1, "at most", "under", "MIN_AUC"),
        ("false-positive rate", lowest, settings.trust_max_false_positive_rate, 1, "at least", "over",
         "MAX_FALSE_POSITIVE_RATE"),
    )  # fmt: skip
    for name, end, bound, sign, most, side, setting in bounds:
        if end is not None and bound is not None and sign * end > sign * bound:
            return (
                f"By {audited} audited rollouts of {domain}, the {name} of the predictions is {most} {end:.3g}, {side} "
                f"the bound of {bound:g} (MEMREWARD_TRUST_{setting}): its predictions are answered abstain until "
                "labels show that it may be within. Send more labelled rollouts, or train again."
            )
    return None


def _domains(windows: Mapping[Domain, Sequence[AnsweredGroup]], settings: Settings) -> dict[Domain, DomainTrust]:
    return {domain: domain_trust(domain, groups, settings) for domain, groups in windows.items()}


def _figures(labelled: Compared, settings: Settings) -> TrustFigures:
    return figures_of(labelled.label, labelled.probability, settings)


def _of_step(labelled: Compared, step: int) -> Compared:
    rows = labelled.step == step
    return Compared(labelled.label[rows], labelled.probability[rows], labelled.step[rows])
