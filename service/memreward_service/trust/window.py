"""How far predictions can be trusted while a run goes on: every labelled rollout is also predicted without its label.

The prediction that is compared with a label knows the labels of the siblings, never the own one (leave one out), so it
is what the rollout would have been answered without it; of a group that is labelled as a whole it knows none.
Comparisons are kept in a rolling window for each domain, in this process: a restart begins anew, and replicas have
windows of their own.

What counts once: a rollout of /v1/rollouts in its group attempt, however often the group is scored; in /v1/rewards a
rollout with the same query, texts and label as one in the window is taken for a repeated request and not counted
again (equal rollouts inside one group are several rollouts). Blank responses are not predicted, so not compared.

These figures are over the labelled rollouts. Where the labels are no random sample, because a planner asks for those in
doubt, say, neither are the figures, and unlabelled rollouts fare much better. So beside them stand estimates for the
rollouts whose rewards were predicted (trust/estimate.py).
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from memreward_proto.records import (
    Domain,
    DomainTrust,
    Group,
    GroupKey,
    Prediction,
    Source,
    Status,
    StepTrust,
    TrustFigures,
    TrustReport,
)  # fmt: skip
from memreward_service.arrays import Floats
from memreward_service.belief.metrics import calibration_error
from memreward_service.belief.posterior import KeyPosterior
from memreward_service.settings import Settings
from memreward_service.trust.estimate import AnsweredGroup, Estimates, LastGroups, estimated
from memreward_service.trust.figures import figures_of, out_of_bounds
from memreward_service.trust.gauges import show

LAG = 0.02
"""Share of a window that may change before bounds are judged by new estimates."""
STEPS_SHOWN = 10
"""Training steps that a report tells apart for each domain, the latest ones."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A label beside the `probability` of its rollout without it. `digest` tells what counts once."""

    domain: Domain
    label: float
    probability: float
    step: int | None
    digest: bytes


def comparisons(
    groups: Sequence[Group], beliefs: Sequence[KeyPosterior], key: GroupKey | None = None, step: int | None = None
) -> list[Comparison]:
    """Those of all labelled rollouts. `beliefs` are before any label; `key` is that of a group sent one by one."""
    found = []
    for group, belief in zip(groups, beliefs, strict=True):
        unseen = without_own_label(belief, [rollout.label for rollout in group.rollouts])
        query = group.query
        sent = [key and (key.run_id, key.group_id, key.group_attempt), query.id, query.text, query.domain]
        copies: Counter[bytes] = Counter()
        for rollout, probability in zip(group.rollouts, unseen, strict=True):
            if rollout.label is None or probability is None or not rollout.response.strip():
                continue
            parts = [rollout.response, rollout.thinking, rollout.answer, rollout.answer_key, rollout.label]
            content = _digest(*sent, *parts)
            copies[content] += 1
            digest = _digest(content.hex(), copies[content])
            found.append(Comparison(query.domain, rollout.label, probability, step, digest))
    return found


def without_own_label(belief: KeyPosterior, labels: Sequence[float | None]) -> list[float | None]:
    """(n,) probability of each labelled rollout from all `labels` (n,) of its group but its own; None where it has
    none. Where all have one, from none of them: no rollout of a query with a reference answer is predicted beside
    labelled siblings."""
    if None not in labels:
        return list(map(float, belief.probability([None] * len(labels))))
    seen: dict[tuple[int, float], Floats] = {}  # the same for rollouts of one key with one label
    result: list[float | None] = []
    for index, label in enumerate(labels):
        if label is None:
            result.append(None)
            continue
        alike = int(belief.key[index]), label
        if alike not in seen:
            seen[alike] = belief.probability([*labels[:index], None, *labels[index + 1 :]])
        result.append(float(seen[alike][index]))
    return result


class Trust:
    """The comparisons of the last rollouts, and what follows from them. Lives on the event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._windows: dict[Domain, _Window] = {}

    def record(self, found: Iterable[Comparison], answered: Iterable[AnsweredGroup] = ()) -> None:
        """Keep comparisons and, where a domain has some, its answered groups; judge domains with new labels again."""
        changed = {}
        for comparison in found:
            if comparison.domain not in self._windows:
                self._windows[comparison.domain] = _Window(self._settings)
            window = self._windows[comparison.domain]
            if window.add(comparison):
                changed[comparison.domain] = window
        for group in answered:
            if group.domain in self._windows:
                self._windows[group.domain].answer(group)
        for domain, window in changed.items():
            self._judge(domain, window)

    def guarded(self, domain: Domain, predictions: tuple[Prediction, ...]) -> tuple[Prediction, ...]:
        """The predictions, or ABSTAIN for each of a domain out of bounds. Labels stay: they are no predictions."""
        window = self._windows.get(domain)
        if window is None or window.reason is None:
            return predictions
        return tuple(
            Prediction(None, each.probability, Status.ABSTAIN, None, each.explanation)
            if each.source is Source.GNN
            else each
            for each in predictions
        )

    def report(self) -> TrustReport:
        """The figures now, by domain in alphabetical order, by step and overall."""
        windows = sorted(self._windows.items())
        every = [comparison for _, window in windows for comparison in window.kept]
        return TrustReport(
            window=self._settings.trust_window,
            min_rollouts=self._settings.trust_min_rollouts,
            min_auc=self._settings.trust_min_auc,
            max_false_positive_rate=self._settings.trust_max_false_positive_rate,
            overall=compared_figures(every, self._settings),
            domains=tuple(
                DomainTrust(
                    domain,
                    window.reason is None,
                    window.reason,
                    window.figures(),
                    *window.predicted(),
                    self._steps(window),
                )
                for domain, window in windows
            ),
        )

    def _steps(self, window: _Window) -> tuple[StepTrust, ...]:
        by_step: dict[int, list[Comparison]] = {}
        for comparison in window.kept:
            if comparison.step is not None:
                by_step.setdefault(comparison.step, []).append(comparison)
        latest = sorted(by_step)[-STEPS_SHOWN:]
        return tuple(StepTrust(step, compared_figures(by_step[step], self._settings)) for step in latest)

    def _judge(self, domain: Domain, window: _Window) -> None:
        """Set whether a domain is within its bounds, and say so where that changed."""
        before = window.reason
        if self._settings.trust_min_auc is not None or self._settings.trust_max_false_positive_rate is not None:
            window.reason = self._out_of_bounds(domain, window)
        if before is None and window.reason is not None:
            _log.warning("%s", window.reason)
        elif before is not None and window.reason is None:
            _log.info("predictions of %s are within their bounds again, and are given", domain)
        show(domain, window.figures, window.predicted, window.reason is None)

    def _out_of_bounds(self, domain: Domain, window: _Window) -> str | None:
        """By the estimates for the predicted rollouts where there are enough of them, else by the labelled ones."""
        figures, (estimates, _) = window.figures(), window.predicted(lag=LAG)
        least = self._settings.trust_min_rollouts
        if estimates.auc is not None and min(figures.rollouts, estimates.rollouts) >= least:
            return out_of_bounds(f"predicted rollouts of {domain}, by the labels of others", estimates, self._settings)
        return out_of_bounds(f"labelled rollouts of {domain}", figures, self._settings)


class _Window:
    """The last comparisons of one domain, and the last groups in which something was predicted. `reason`: why its
    predictions are withheld, None where they are given."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.kept: deque[Comparison] = deque()
        self.reason: str | None = None
        self._digests: set[bytes] = set()
        self._figures: TrustFigures | None = None
        self._labelled = LastGroups(settings.trust_window)
        self._answered = LastGroups(settings.trust_window)
        self._estimates: Estimates | None = None
        self._changes = 0

    def add(self, comparison: Comparison) -> bool:
        """Whether it was not there."""
        if comparison.digest in self._digests:
            return False
        if len(self.kept) == self._settings.trust_window:
            self._digests.remove(self.kept.popleft().digest)
        self.kept.append(comparison)
        self._digests.add(comparison.digest)
        self._figures = None
        self._changes += 1
        return True

    def answer(self, group: AnsweredGroup) -> None:
        """Keep it in the place of an earlier answer, and drop the oldest groups beyond the window."""
        self._labelled.put(group, sum(1 for _ in group.known))
        self._answered.put(group, len(group.predicted))
        self._changes += 1

    def figures(self) -> TrustFigures:
        """Over all that is kept."""
        if self._figures is None:
            self._figures = compared_figures(self.kept, self._settings)
        return self._figures

    def predicted(self, lag: float = 0.0) -> Estimates:
        """Estimates over the rollouts whose rewards were predicted, at most a share `lag` of the window behind: they
        take 20 ms and more."""
        if self._estimates is None or self._changes > lag * len(self.kept):
            self._estimates = estimated(self._labelled.groups(), self._answered.groups(), self._settings)
            self._changes = 0
        return self._estimates


def compared_figures(kept: Iterable[Comparison], settings: Settings) -> TrustFigures:
    """The figures of predictions beside labels; a label counts as right from 0.5 on."""
    rows = np.array([(one.label, one.probability) for one in kept], dtype=np.float64).reshape(-1, 2)
    figures = figures_of((rows[:, 0] >= 0.5).astype(np.float64), rows[:, 1], settings)
    return replace(figures, calibration_error=calibration_error(rows[:, 0], rows[:, 1]) if len(rows) else None)


def _digest(*parts: object) -> bytes:
    """JSON keeps the parts apart; its ASCII form takes any Python string."""
    return hashlib.blake2b(json.dumps(parts).encode("ascii"), digest_size=16).digest()
