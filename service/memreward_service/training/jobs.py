"""Training as a job: queued, running with progress, succeeded or failed; the service answers meanwhile."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch

from memreward_proto.errors import Conflict, Internal, MemRewardError, NotEnoughLabels, NotFound, Unavailable
from memreward_proto.records import Domain, JobError, JobStatus, TrainingJob, TrainingOptions, filled
from memreward_service.embedding.embedder import Embedder
from memreward_service.memory.follower import MemoryFollower, embedded
from memreward_service.network.attachment import AttachRule
from memreward_service.network.trained import ServingModel, TrainedModel
from memreward_service.settings import Settings
from memreward_service.store import ExperienceStore
from memreward_service.training.fit import train_best
from memreward_service.training.registry import ModelRegistry, TrainingFacts
from memreward_service.training.task import TrainingSet

KEPT_JOBS = 100
EMBEDDED, TRAINED = 0.2, 0.95
"""Progress of a job when its texts are embedded, and when the network is trained."""

_log = logging.getLogger(__name__)


class TrainingJobs:
    """One job at a time. Jobs are remembered until the process ends; models outlive it."""

    def __init__(
        self, settings: Settings, store: ExperienceStore, embedder: Embedder, registry: ModelRegistry,
        follower: MemoryFollower, encoder: str, device: torch.device,
    ) -> None:  # fmt: skip
        """`encoder` is the revision of the embedding weights, `device` where networks are trained and served."""
        self._settings = settings
        self._store = store
        self._embedder = embedder
        self._registry = registry
        self._follower = follower
        self._encoder = encoder
        self._device = device
        self._jobs: OrderedDict[str, TrainingJob] = OrderedDict()
        self._task: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._stopping = threading.Event()
        self._thread = ThreadPoolExecutor(
            1, "training", initializer=torch.set_num_threads, initargs=(torch.get_num_threads(),)
        )

    async def start(self, options: TrainingOptions) -> TrainingJob:
        """Queue a job. Raises Conflict while one is at work, NotEnoughLabels where memory has no label at all, and
        Unavailable where the store does not answer."""
        async with self._starting:
            running = next(
                (job for job in self._jobs.values() if job.status in (JobStatus.QUEUED, JobStatus.RUNNING)), None
            )
            if running is not None:
                raise Conflict(
                    f"Training job {running.job_id} is {running.status}: follow it, or start again when it has ended.",
                    job_id=running.job_id,
                )
            if (await asyncio.to_thread(self._store.counts)).labels == 0:
                raise NotEnoughLabels("Memory holds no label: add experience with labels first.", labelled_queries=0)
            job = TrainingJob(uuid.uuid4().hex[:12], JobStatus.QUEUED)
            self._jobs[job.job_id] = job
            while len(self._jobs) > KEPT_JOBS:
                self._jobs.popitem(last=False)
            self._task = asyncio.create_task(self._run(job.job_id, options), name="training")
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

    async def stop(self) -> None:
        """Give up the running job, if any: it stops at the next epoch or slice of texts, nothing is saved."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait({self._task})
        self._thread.shutdown()

    async def _run(self, job_id: str, options: TrainingOptions) -> None:
        self._update(job_id, status=JobStatus.RUNNING)
        try:
            version, metrics = await self._train(job_id, options)
        except MemRewardError as error:
            self._update(job_id, status=JobStatus.FAILED, error=JobError(error.code, error.message))
        except Exception:
            _log.exception("training job %s failed", job_id)
            message = f"Training failed; the log of the service has the cause under job {job_id}."
            self._update(job_id, status=JobStatus.FAILED, error=JobError(Internal.code, message))
        else:
            self._update(job_id, status=JobStatus.SUCCEEDED, progress=1.0, metrics=metrics, model_version=version)

    async def _train(self, job_id: str, options: TrainingOptions) -> tuple[str, dict[str, float]]:
        """Load, embed, train, save, compute memory states, make it the active model."""
        version = (await asyncio.to_thread(self._store.counts)).version
        ids = await asyncio.to_thread(self._store.labelled_query_ids, self._settings.training_queries)
        experiences = await asyncio.to_thread(self._store.load, sorted(ids))
        batch, groups = await embedded(
            experiences,
            self._embedder,
            lambda done, total: self._progress(job_id, EMBEDDED * done / total),
        )
        domain = torch.tensor([list(Domain).index(Domain(filled(group.query.domain))) for group in groups])
        trained = await asyncio.get_running_loop().run_in_executor(
            self._thread, self._fit, job_id, TrainingSet(batch, domain), options
        )
        self._progress(job_id, TRAINED)
        labels = sum(rollout.label is not None for group in groups for rollout in group.rollouts)
        facts = TrainingFacts(version, len(groups), labels, self._encoder)
        model_version = await asyncio.to_thread(self._registry.save, trained, facts)
        await self._follower.serve(ServingModel(model_version, trained), self._registry.activate)
        _log.info("model %s is active, trained on %d labels of %d queries", model_version, labels, len(groups))
        return model_version, trained.metrics

    def _fit(self, job_id: str, data: TrainingSet, options: TrainingOptions) -> TrainedModel:
        """On the training thread."""
        settings = self._settings
        rule = AttachRule(settings.neighbors, settings.similarity_floor, settings.same_domain)

        def progress(share: float) -> None:
            self._progress(job_id, EMBEDDED + (TRAINED - EMBEDDED) * share)

        return train_best(
            data,
            rule,
            seeds=options.seeds or settings.training_seeds,
            epochs=options.epochs or settings.training_epochs,
            seed=settings.seed,
            threshold=settings.threshold,
            label_noise=settings.label_noise,
            device=self._device,
            progress=progress,
        )

    def _progress(self, job_id: str, share: float) -> None:
        """Note it. Raises Unavailable where the service is shutting down."""
        if self._stopping.is_set():
            raise Unavailable("The service is shutting down: start the training again when it is back.")
        self._update(job_id, progress=share)

    def _update(self, job_id: str, **changes: object) -> None:
        """One assignment of a frozen record: readers on another thread see the old or the new one."""
        self._jobs[job_id] = replace(self._jobs[job_id], **changes)  # type: ignore[arg-type]
