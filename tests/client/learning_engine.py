"""A fake engine whose memory lags behind its store, and whose training takes a few looks to finish."""

from __future__ import annotations

from dataclasses import replace

from fake_engine import MODELS, FakeEngine
from memreward_proto.records import (
    JobError,
    JobStatus,
    MemoryStatus,
    ModelInfo,
    StoreCounts,
    TrainingJob,
    TrainingOptions,
)  # fmt: skip


class LearningEngine(FakeEngine):
    """Its memory is one version further at every look; `options` are those of the last training."""

    def __init__(self) -> None:
        super().__init__()
        self.memory_version = 0
        self.looks = 0
        self.options: TrainingOptions | None = None
        self.active = "m-2"

    async def memory_status(self) -> MemoryStatus:
        version = len(self.experience)
        self.memory_version = min(self.memory_version + 1, version)
        rollouts = sum(len(each.rollouts) for each in self.experience.values())
        counts = StoreCounts(version, version, rollouts, 0)
        return MemoryStatus(self.memory_version, self.memory_version, counts, self.memory_version < version)

    async def start_training(self, options: TrainingOptions) -> TrainingJob:
        self.options = options
        return await super().start_training(options)

    def training_job(self, job_id: str) -> TrainingJob:
        self.looks += 1
        if self.looks < 3:
            return TrainingJob(job_id, JobStatus.RUNNING, self.looks / 4)
        if self.options and self.options.epochs == 13:
            return TrainingJob(job_id, JobStatus.FAILED, 0.5, error=JobError("not_enough_labels", "Add 12 labels."))
        return TrainingJob(job_id, JobStatus.SUCCEEDED, 1.0, {"auc": 0.9375, "false_positive_rate": 0.125}, "m-3")

    async def models(self) -> list[ModelInfo]:
        return [replace(model, active=model.model_version == self.active) for model in MODELS]

    async def activate_model(self, model_version: str) -> ModelInfo:
        model = await super().activate_model(model_version)
        self.active = model_version
        return model
