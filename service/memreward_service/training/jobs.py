"""Training as a job: queued, running with progress, succeeded or failed; the service answers meanwhile.

A job that somebody asked for ends with its model served. One that the service started by itself (retraining.py) gives
way to it, and its model is taken only where it is not worse than what is served (verdict.py).
"""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import torch

from memreward_proto.errors import Conflict, Internal, MemRewardError, NotEnoughLabels, NotFound, Unavailable
from memreward_proto.records import Domain, JobError, JobStatus, TrainingJob, TrainingOptions, filled
from memreward_service.belief.posterior import agreement_probability
from memreward_service.embedding.embedder import Embedder
from memreward_service.groups.batch import ParsedGroup
from memreward_service.memory.follower import MemoryFollower, embedded
from memreward_service.network.attachment import AttachRule
from memreward_service.network.trained import ServingModel
from memreward_service.settings import Settings
from memreward_service.store import ExperienceStore
from memreward_service.training.comparison import Served
from memreward_service.training.exchange import Candidate, Order
from memreward_service.training.process import TrainingProcess
from memreward_service.training.registry import ModelRegistry, Note, TrainingFacts
from memreward_service.training.task import TrainingSet
from memreward_service.training.verdict import Verdict, verdict
from memreward_service.trust.trust import Trust

KEPT_JOBS = 100
EMBEDDED, TRAINED = 0.2, 0.95
"""Progress of a job when its texts are embedded, and when the network is trained."""
SHUTTING_DOWN = "The service is shutting down: start the training again when it is back."
GAVE_WAY = "This training, which the service started by itself, gave way to one that was asked for."

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Attempt:
    """A job at work. `stopped`: the sentence that says why it was given up."""

    job_id: str
    options: TrainingOptions
    asked: bool
    process: TrainingProcess = field(default_factory=TrainingProcess)
    stopped: str | None = None

    def stop(self, why: str) -> None:
        self.stopped = why
        self.process.stop()


class TrainingJobs:
    """One job at a time. Jobs are remembered until the process ends; models outlive it."""

    def __init__(
        self, settings: Settings, store: ExperienceStore, embedder: Embedder, registry: ModelRegistry,
        follower: MemoryFollower, trust: Trust, encoder: str, device: torch.device,
    ) -> None:  # fmt: skip
        """`encoder` is the revision of the embedding weights, `device` where networks are trained and served."""
        self._settings = settings
        self._store = store
        self._embedder = embedder
        self._registry = registry
        self._follower = follower
        self._trust = trust
        self._encoder = encoder
        self._device = device
        self._jobs: OrderedDict[str, TrainingJob] = OrderedDict()
        self._attempt: _Attempt | None = None
        self._task: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "training")

    @property
    def running(self) -> bool:
        """Whether a job is at work."""
        return self._task is not None and not self._task.done()

    async def start(self, options: TrainingOptions, asked: bool = True) -> TrainingJob:
        """Queue a job. One that is `asked` for ends one that is not. Raises Conflict while another one is at work,
        NotEnoughLabels where memory has no label at all, and Unavailable where the store does not answer."""
        async with self._starting:
            running = self._attempt if self.running else None
            if running is not None and (running.asked or not asked):
                status = self._jobs[running.job_id].status
                raise Conflict(
                    f"Training job {running.job_id} is {status}: follow it, or start again when it has ended.",
                    job_id=running.job_id,
                )
            if (await asyncio.to_thread(self._store.counts)).labels == 0:
                raise NotEnoughLabels("Memory holds no label: add experience with labels first.", labelled_queries=0)
            if running is not None:
                await self._give_up(GAVE_WAY)
            job = TrainingJob(uuid.uuid4().hex[:12], JobStatus.QUEUED)
            self._jobs[job.job_id] = job
            while len(self._jobs) > KEPT_JOBS:
                self._jobs.popitem(last=False)
            self._attempt = _Attempt(job.job_id, options, asked)
            self._task = asyncio.create_task(self._run(self._attempt), name="training")
            return job

    def job(self, job_id: str) -> TrainingJob:
        """A snapshot of a job. Raises NotFound."""
        try:
            return self._jobs[job_id]
        except KeyError:
            raise NotFound(
                f"There is no training job {job_id!r}: jobs are forgotten when the service restarts, "
                "models are not (GET /v1/models).",
                job_id=job_id,
            ) from None

    async def ended(self) -> None:
        """Wait until no job is at work."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def stop(self) -> None:
        """Give up the running job, if any: its process is ended, nothing is saved."""
        await self._give_up(SHUTTING_DOWN)
        self._thread.shutdown()

    async def _give_up(self, why: str) -> None:
        if self._attempt is not None:
            self._attempt.stop(why)
        await self.ended()

    async def _run(self, attempt: _Attempt) -> None:
        job_id = attempt.job_id
        self._update(job_id, status=JobStatus.RUNNING)
        try:
            version, candidate, found = await self._train(attempt)
        except Exception as error:
            self._update(job_id, status=JobStatus.FAILED, error=_job_error(attempt, error))
        else:
            self._update(
                job_id, status=JobStatus.SUCCEEDED, progress=1.0, metrics=candidate.model.metrics,
                model_version=version, reason=found.reason,
            )  # fmt: skip

    async def _train(self, attempt: _Attempt) -> tuple[str, Candidate, Verdict]:
        """Load, embed, train, compare, save; where it is taken, compute memory states and make it the active model."""
        counts = await asyncio.to_thread(self._store.counts)
        ids = await asyncio.to_thread(self._store.labelled_query_ids, self._settings.training_queries)
        experiences = await asyncio.to_thread(self._store.load, sorted(ids))
        batch, groups = await embedded(
            experiences, self._embedder, lambda done, total: self._progress(attempt, EMBEDDED * done / total)
        )
        domain = torch.tensor([list(Domain).index(Domain(filled(group.query.domain))) for group in groups])
        serving = self._follower.serving
        served = await asyncio.to_thread(self._served, serving, groups)
        candidate = await asyncio.get_running_loop().run_in_executor(
            self._thread, self._fit, attempt, TrainingSet(batch, domain), served
        )
        self._progress(attempt, TRAINED)
        found = verdict(candidate, "the agreement of groups" if serving is None else serving.version, attempt.asked)
        labels = sum(rollout.label is not None for group in groups for rollout in group.rollouts)
        facts = TrainingFacts(counts.version, len(groups), labels, self._encoder)
        note = Note(found.reason, candidate.intervals, counts.labels)
        version = await asyncio.to_thread(self._registry.save, candidate.model, facts, note, ids)
        if found.taken:
            candidate.model.network.to(self._device)
            await self._follower.serve(ServingModel(version, candidate.model), self._registry.activate)
        else:
            await asyncio.to_thread(self._registry.prune)
        _log.info("model %s, trained on %d labels of %d queries. %s", version, labels, len(groups), found.reason)
        return version, candidate, found

    def _served(self, serving: ServingModel | None, groups: Sequence[ParsedGroup]) -> Served:
        """What is served now, and what is known of it for the queries of a training."""
        ids = [filled(group.query.id) for group in groups]
        # A model that does not say from which queries it learned may have learned from any.
        known = frozenset() if serving is None else self._registry.learned(serving.version)
        audited = self._trust.audited()
        return Served(
            None if serving is None else serving.trained,
            torch.tensor([p for group in groups for p in agreement_probability(group)], dtype=torch.float64),
            torch.tensor([known is None or key in known for key in ids]),
            torch.tensor([self._trust.name_of(g.query, r) in audited for g in groups for r in g.rollouts]),
        )

    def _fit(self, attempt: _Attempt, data: TrainingSet, served: Served) -> Candidate:
        """On the training thread, which waits for the process."""
        settings, options = self._settings, attempt.options
        order = Order(
            rule=AttachRule(settings.neighbors, settings.similarity_floor, settings.same_domain),
            seeds=options.seeds or settings.training_seeds,
            epochs=options.epochs or settings.training_epochs,
            seed=settings.seed,
            threshold=settings.threshold,
            label_noise=settings.label_noise,
            device=str(self._device),
            threads=settings.torch_threads or max(1, (os.cpu_count() or 1) // 2),
        )

        def progress(share: float) -> None:
            self._progress(attempt, EMBEDDED + (TRAINED - EMBEDDED) * share)

        return attempt.process.run(order, data, served, progress)

    def _progress(self, attempt: _Attempt, share: float) -> None:
        """Note it. Raises Unavailable where the job is given up."""
        if attempt.stopped is not None:
            raise Unavailable(attempt.stopped)
        self._update(attempt.job_id, progress=share)

    def _update(self, job_id: str, **changes: object) -> None:
        """One assignment of a frozen record: readers on another thread see the old or the new one."""
        self._jobs[job_id] = replace(self._jobs[job_id], **changes)  # type: ignore[arg-type]


def _job_error(attempt: _Attempt, error: Exception) -> JobError:
    """What a job says of its failure."""
    if attempt.stopped is not None:
        return JobError(Unavailable.code, attempt.stopped)
    if isinstance(error, MemRewardError):
        return JobError(error.code, error.message)
    _log.error("training job %s failed", attempt.job_id, exc_info=error)
    return JobError(Internal.code, f"Training failed; the log of the service has the cause under job {attempt.job_id}.")
