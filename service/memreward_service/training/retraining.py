"""When the service trains by itself: after so many new labels, or when the labels of answers say that trust falls.

It looks every LOOK_SECONDS. It never starts while a job is at work, nor sooner than the settings allow after it last
did; nor, of several processes that share a folder of models, while another one trains by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping

from memreward_proto.errors import MemRewardError
from memreward_proto.records import Domain, DomainTrust, Interval, TrainingOptions
from memreward_service.settings import Settings
from memreward_service.store import ExperienceStore
from memreward_service.training.jobs import TrainingJobs
from memreward_service.training.registry import ModelRegistry
from memreward_service.trust.trust import Trust

LOOK_SECONDS = 5.0
LOW_TRUST_SHARE = 0.1
"""Of the new labels that it takes otherwise, how many it takes where trust has fallen: without any, the same network
would be made again."""

_log = logging.getLogger(__name__)


class Retraining:
    """Starts jobs that nobody asked for. Lives on the event loop that it was made on."""

    def __init__(
        self, settings: Settings, store: ExperienceStore, registry: ModelRegistry, jobs: TrainingJobs, trust: Trust
    ) -> None:
        """Begins to look, if the settings say so."""
        self._settings = settings
        self._store = store
        self._registry = registry
        self._jobs = jobs
        self._trust = trust
        self._tried_at = float("-inf")
        self._tried_labels = 0
        """Labels of the store when it last started a job: with the same ones it would only fail or find the same."""
        self._task = asyncio.create_task(self._watch(), name="retraining") if settings.retrain else None

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
            except MemRewardError as error:
                _log.warning("whether to train again could not be said: %s", error.message)
            except Exception:
                _log.exception("whether to train again could not be said")

    async def _look(self) -> None:
        if self._jobs.running or time.monotonic() - self._tried_at < self._settings.retrain_seconds:
            return
        labels = (await asyncio.to_thread(self._store.counts)).labels
        trained, area = await asyncio.to_thread(self._last_training)
        why = due(labels, max(trained, self._tried_labels), fallen(self._trust.known, area), self._settings)
        if why is None:
            return
        with self._registry.claimed() as claimed:
            if claimed:
                self._tried_at, self._tried_labels = time.monotonic(), labels
                _log.info("the network is trained, because %s", why)
                with contextlib.suppress(MemRewardError):  # somebody asked for a training in this moment
                    await self._jobs.start(TrainingOptions(), asked=False)
                    await self._jobs.ended()

    def _last_training(self) -> tuple[int, Interval | None]:
        """How many labels the store had when the newest version was trained, and the AUC that the active one had then;
        0 and None where there is none."""
        infos = self._registry.infos()
        areas = [info.intervals.auc for info in infos if info.active and info.intervals is not None]
        area = next(iter(areas), None)
        if not infos:
            return 0, area
        note = self._registry.note(infos[0].model_version)
        return infos[0].training_labels if note is None else note.stored_labels, area


def due(labels: int, trained: int, low_trust: str | None, settings: Settings) -> str | None:
    """Why to train now, None where there is no reason. `labels`: in the store, `trained`: when it trained last."""
    new, needed = labels - trained, max(settings.retrain_labels, settings.retrain_growth * trained)
    if new >= needed:
        return f"{new} labels are new"
    return low_trust if new >= LOW_TRUST_SHARE * needed else None


def fallen(trust: Mapping[Domain, DomainTrust], trained: Interval | None) -> str | None:
    """Why trust has fallen: a domain is out of its bounds, or the whole interval of its AUC is under that which the
    active model had on held-out groups when it was trained. None where it has not."""
    for domain, known in trust.items():
        if not known.trusted:
            return f"predictions of {domain} are out of the bounds of trust"
        now = known.interval.auc
        if now is not None and trained is not None and now.high < trained.low:
            return (
                f"the AUC of {domain} is {now.high:.3f} at most, by audited rollouts, and was {trained.low:.3f} at "
                "least at the training"
            )
    return None
