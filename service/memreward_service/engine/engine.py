"""The engine: everything the service can do, with no transport in it. Both transports call exactly these methods.

A skeleton for now: the signatures are fixed, the bodies come.
"""

from __future__ import annotations

from collections.abc import Sequence

from memreward_service.records import (
    Experience, ExperienceReceipt, Group, Label, LabelReceipt, MemoryStatus, ModelInfo, Neighbor, Scored, TrainingJob,
    TrainingOptions,
)  # fmt: skip


class Engine:
    """Scores groups, keeps experience, trains. Async methods run on the event loop that `start` was awaited on."""

    async def start(self) -> None:
        """Load the active model and the memory snapshot, replay what is newer, start the workers."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Finish what was accepted, snapshot, stop the workers."""
        raise NotImplementedError

    async def score(self, groups: Sequence[Group], explain: bool = False) -> Scored:
        """Predict the reward of every rollout without a label; a label inside a group is evidence for its siblings.

        Raises InvalidArgument, Overloaded, ModelNotTrained, Unavailable.
        """
        raise NotImplementedError

    async def add_experience(self, queries: Sequence[Experience]) -> ExperienceReceipt:
        """Store durably, then answer. Same content again changes nothing. Raises InvalidArgument, Conflict."""
        raise NotImplementedError

    async def add_labels(self, labels: Sequence[Label]) -> LabelReceipt:
        """Store labels that arrive late; they count from the next memory version. Raises InvalidArgument, NotFound."""
        raise NotImplementedError

    async def list_experience(self, after: str | None, limit: int) -> Sequence[Experience]:
        """Stored queries in id order after `after`, at most `limit`: the pages of an export."""
        raise NotImplementedError

    async def query(self, query_id: str) -> Experience:
        """One stored query with its rollouts. Raises NotFound."""
        raise NotImplementedError

    async def similar_queries(self, text: str, k: int) -> Sequence[Neighbor]:
        """The k memory queries nearest to `text` by cosine, nearest first, over all domains."""
        raise NotImplementedError

    def memory_status(self) -> MemoryStatus:
        """How far the memory has followed the store."""
        raise NotImplementedError

    def start_training(self, options: TrainingOptions) -> TrainingJob:
        """Queue a training job. Raises Conflict while one is queued or running, NotEnoughLabels."""
        raise NotImplementedError

    def training_job(self, job_id: str) -> TrainingJob:
        """A snapshot of a job. Raises NotFound."""
        raise NotImplementedError

    def models(self) -> Sequence[ModelInfo]:
        """Model versions on disk, newest first; one is active once a model was trained."""
        raise NotImplementedError

    async def activate_model(self, model_version: str) -> ModelInfo:
        """Make a kept version the active one, with memory states computed for it first. Raises NotFound."""
        raise NotImplementedError

    def ready(self) -> str | None:
        """None when /v1/rewards can answer; else one sentence that says what is missing and what to do."""
        raise NotImplementedError
