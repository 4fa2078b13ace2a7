"""READ FIRST. The engine: everything the service can do, with no transport in it; both transports call these methods.

The life of a request is `score`, in order: a permit (admission.py), the texts split into thinking, answer and key
(answers/reading.py), embedded (embedder.py), micro-batched with other callers (batching.py), attached to memory and
scored (scorer.py: the rooms memory, network, belief), compared with the labels that came along (trust/trust.py). The
life of a rollout that is sent alone is `submit`: it waits for its group (the room rendezvous), which then goes the same
way, and into the history of its query (answered_histories.py). The life of experience is `add_experience`: stored,
answered, then taken into memory (memory/follower.py); the texts of old rollouts may be pruned (pruning.py).
Labels are asked for by `plan_labels` (planning.py). training/jobs.py makes models, where somebody asks for it or
training/retraining.py does; serving.py says which one answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch
from cachetools import LRUCache

from memreward_proto.records import (
    Domain,
    Experience,
    ExperiencePage,
    ExperienceReceipt,
    Group,
    Label,
    LabelCharge,
    LabelPlan,
    LabelReceipt,
    LabelSpending,
    MemoryStatus,
    ModelInfo,
    Neighbor,
    PlannedLabel,
    PruneReport,
    PruneRequest,
    Query,
    Rollout,
    RolloutReward,
    Scored,
    ScoredGroup,
    Submission,
    TrainingJob,
    TrainingOptions,
    TrustReport,
    filled,
)  # fmt: skip
from memreward_service.arrays import Vectors
from memreward_service.belief.drift import Drift
from memreward_service.belief.posterior import GroupBelief
from memreward_service.embedding.cache import EmbeddingCache
from memreward_service.embedding.embedder import Embedder
from memreward_service.embedding.encoder import Encoder, SentenceEncoder, resolved_device
from memreward_service.engine.admission import Admission
from memreward_service.engine.answered_histories import AnsweredHistories
from memreward_service.engine.drift import DriftGuard
from memreward_service.engine.gradients import count_gradients
from memreward_service.engine.late_labels import LateLabels
from memreward_service.engine.planning import LabelPlanning
from memreward_service.engine.pruning import Pruning
from memreward_service.engine.scorer import AGREEMENT, Reply, Scorer, named, scored_groups
from memreward_service.engine.serving import Serving
from memreward_service.groups.batch import parse_group
from memreward_service.labels.requests import LabelRequests
from memreward_service.memory.follower import MemoryFollower
from memreward_service.memory.memory import Memory
from memreward_service.memory.pruning import PruneRules
from memreward_service.memory.snapshot import opened_memory
from memreward_service.rendezvous import Claim, MeetingPlace, ProcessStorage, RedisStorage, Rendezvous
from memreward_service.requests.unreadable import with_reason, with_reasons
from memreward_service.settings import Settings
from memreward_service.store import ExperienceStore
from memreward_service.training.jobs import TrainingJobs
from memreward_service.training.registry import ModelRegistry
from memreward_service.training.retraining import Retraining
from memreward_service.trust.trust import Trust
from memreward_service.trust.window import Drawn, answered_group

QUERY_TEXTS_KEPT = 50_000
"""Texts of memory queries kept in process for the neighbours of replies. A stored text never changes."""


class Engine:
    """Scores groups, keeps experience, trains. Async methods run on the event loop that `start` was awaited on."""

    def __init__(self, settings: Settings, encoder: Encoder | None = None) -> None:
        """Opens the store and loads the embedding weights (seconds). `encoder`: another one than the settings name.

        Raises Unavailable where the database or the embedding model cannot be had.
        """
        if settings.torch_threads is not None:
            torch.set_num_threads(settings.torch_threads)
        self._settings = settings
        self._device = torch.device(resolved_device(settings.device))
        self._store = ExperienceStore(settings.store_url)
        self._encoder = encoder or SentenceEncoder(
            settings.embedding_model, str(self._device), settings.embedding_batch_size
        )
        cache = EmbeddingCache(
            settings.embedding_lru_size, settings.redis_url, f"memreward:{self._encoder.revision}",
            self._encoder.dimension,
        )  # fmt: skip
        self._embedder = Embedder(self._encoder, cache, self._store)
        self._registry = ModelRegistry(settings.data_dir / "models", settings.models_kept)
        self._admission = Admission(settings.max_concurrent_requests)
        self._trust = Trust(settings)
        self._drift = DriftGuard(settings)
        self._late_labels = LateLabels(self._store, self._trust, self._beliefs_now)
        self._label_requests = LabelRequests(self._store, settings.calibration_share)
        self._planning = LabelPlanning(self._label_requests, settings.calibration_share)
        # A group is too small to share between cores: one thread scores 8 rollouts in a third of the time of two.
        self._compute = ThreadPoolExecutor(1, "compute", initializer=torch.set_num_threads, initargs=(1,))
        self._texts: LRUCache[str, str] = LRUCache(QUERY_TEXTS_KEPT)
        self._rendezvous = Rendezvous(
            meeting_place(settings, self._store), self._score_group, self._embed_rollout, settings.rendezvous_max_bytes
        )
        self._running = False

    async def start(self) -> None:
        """Load the memory snapshot and the active model, replay what is newer, start the workers."""
        await self._rendezvous.open()  # first: it may refuse its Redis, and then there is nothing to stop
        folder = self._settings.data_dir / "snapshot"
        memory = await asyncio.to_thread(self._opened_memory, folder)
        self._follower = MemoryFollower(
            memory, self._store, self._embedder, self._compute, folder, self._settings.snapshot_seconds,
        )  # fmt: skip
        self._scorer = Scorer(self._embedder, self._follower, self._compute, self._settings)
        self._jobs = TrainingJobs(
            self._settings, self._store, self._embedder, self._registry, self._follower, self._trust,
            self._encoder.revision, self._device,
        )  # fmt: skip
        self._retraining = Retraining(self._settings, self._store, self._registry, self._jobs, self._trust)
        self._serving = Serving(
            self._registry, self._follower, self._encoder.revision, self._device, self._settings.without_model
        )
        self._answered_histories = AnsweredHistories(self._store, memory.histories.ids_of, self._follower.wake)
        self._pruning = Pruning(self._store, self._embedder.keys, self._settings, self._follower.wake)
        self._running = True

    def end_waiting(self) -> None:
        """End the calls that wait for their group with Unavailable: the first step of a stop, so that the transports
        do not wait for them. `submit` refuses from here on; everything else goes on."""
        self._rendezvous.end_calls()

    async def stop(self) -> None:
        """Finish what was accepted, snapshot, stop the workers. A second time it does nothing."""
        if self._running:
            await self._serving.close()
            await self._retraining.close()
            await self._rendezvous.close()
            await self._answered_histories.close()
            await self._pruning.close()
            await self._late_labels.close()
            await self._trust.close()
            await self._scorer.close()
            await self._jobs.stop()
            await self._follower.stop()
            self._running = False
        await self._embedder.close()
        self._compute.shutdown()
        self._store.close()

    async def score(self, groups: Sequence[Group], explain: bool = False) -> Scored:
        """Predict the reward of every rollout without a label; a label inside a group is evidence for its siblings.

        Predictions of a domain that is out of the bounds of trust (trust/trust.py) are abstentions.
        Raises Overloaded, ModelNotTrained, Unavailable.
        """
        self._serving.check_ready()
        with self._admission.permit():
            reply = await self._trusted_reply(groups, explain)
            texts = await self._query_texts([near.query_id for found in reply.near for near in found])
        count_gradients(reply.predictions)
        return with_reasons(scored_groups(groups, reply, texts), groups)

    async def beliefs(self, groups: Sequence[Group], step: int | None = None) -> tuple[GroupBelief, ...]:
        """What is believed of each group before any of its labels; `step` is that of training. Raises
        Overloaded, ModelNotTrained, Unavailable."""
        self._serving.check_ready()
        with self._admission.permit():
            return (await self._scorer.reply(groups, step=step)).beliefs

    async def submit(self, submission: Submission) -> RolloutReward:
        """The reward of one rollout sent alone, when its group is there. It takes no permit: most of it is waiting.

        Raises Conflict, Overloaded, TooLarge, ModelNotTrained, Unavailable.
        """
        self._serving.check_ready()
        return with_reason(await self._rendezvous.submit(submission), submission.rollout)

    async def plan_labels(self, groups: Sequence[Group], budget: int, charge: LabelCharge | None = None) -> LabelPlan:
        """Which rollouts of `groups` to verify next, `budget` at most; labels inside the groups are known already.

        With a `charge`, only what its run can pay for is planned, and is charged; the same plan again costs nothing.
        Before a model is trained it goes by agreement alone: nothing can be learned without first labels. Raises
        Overloaded, and Unavailable while the model is being loaded or the database is away.
        """
        self._serving.check_opened()
        with self._admission.permit():
            reply = await self._scorer.reply(groups)
            drifts = self._drifts(groups, reply, None if charge is None else charge.run_id)
            planned = await self._planning.plan(groups, reply.beliefs, drifts, budget, charge)
        version = None if reply.model_version == AGREEMENT else reply.model_version
        return LabelPlan(version, reply.memory_version, *planned)

    async def label_spending(self, run_id: str) -> LabelSpending:
        """What a run has been asked for so far; nothing for a run that is not known."""
        return await asyncio.to_thread(self._store.label_spending, run_id)

    async def add_experience(self, queries: Sequence[Experience]) -> ExperienceReceipt:
        """Store durably, then answer. Same content again changes nothing. Raises InvalidArgument, Conflict."""
        receipt = await asyncio.to_thread(self._store.add_experience, queries)
        self._follower.wake()
        return receipt

    async def add_labels(self, labels: Sequence[Label]) -> LabelReceipt:
        """Store labels that arrive late; they count from the next memory version, and for trust as those inside a group
        (late_labels.py). Raises InvalidArgument, NotFound."""
        labelled = await asyncio.to_thread(self._store.labelled_of, [label.rollout_id for label in labels])
        receipt = await asyncio.to_thread(self._store.add_labels, labels)
        self._follower.wake()
        self._late_labels.add(labels, labelled)
        return receipt

    async def prune(self, request: PruneRequest) -> PruneReport:
        """Remove the stored rollouts that are over a limit, by the settings where none is given, or count them only.
        Histories stay. Raises InvalidArgument where there is no limit at all, Unavailable."""
        rules = PruneRules(request.rollouts_per_query, request.days, request.max_bytes)
        return await self._pruning.prune(rules, bool(request.dry_run))

    async def list_experience(self, after: str | None, limit: int) -> ExperiencePage:
        """Stored queries in id order after `after`, at most `limit`: a page of an export."""
        found = await asyncio.to_thread(self._store.page, after, limit + 1)
        return ExperiencePage(found[:limit], found[limit - 1].id if len(found) > limit else None)

    async def query(self, query_id: str) -> Experience:
        """One stored query with its rollouts. Raises NotFound."""
        return (await asyncio.to_thread(self._store.load, [query_id]))[0]

    async def similar_queries(self, text: str, k: int) -> Sequence[Neighbor]:
        """The k memory queries nearest to `text` by cosine, nearest first, over all domains."""
        vectors = await self._embedder.embed([text])
        loop = asyncio.get_running_loop()
        near = await loop.run_in_executor(self._compute, self._follower.memory.similar, vectors, k)
        return named(near, await self._query_texts([found.query_id for found in near]))

    async def caught_up(self) -> None:
        """Wait until the active model is served and memory holds all that was stored before the call."""
        await self._serving.opened()
        await self._follower.catch_up()

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """(N, D) float32, L2-normalised: the vectors that predictions use."""
        return await self._embedder.embed(texts)

    async def memory_status(self) -> MemoryStatus:
        """How far the memory has followed the store."""
        memory = self._follower.memory
        counts = await asyncio.to_thread(self._store.counts)
        return MemoryStatus(memory.version, len(memory), counts, self._follower.building)

    async def start_training(self, options: TrainingOptions) -> TrainingJob:
        """Queue a training job. Raises Conflict while one is queued or running, NotEnoughLabels, Unavailable."""
        return await self._jobs.start(options)

    def training_job(self, job_id: str) -> TrainingJob:
        """A snapshot of a job. Raises NotFound."""
        return self._jobs.job(job_id)

    async def models(self) -> Sequence[ModelInfo]:
        """Model versions on disk, newest first; one is active once a model was trained."""
        return await asyncio.to_thread(self._registry.infos)

    async def activate_model(self, model_version: str) -> ModelInfo:
        """Make a kept version the active one, with memory states computed for it first.

        Raises NotFound, and Conflict for a model of other embedding weights than those that are loaded, or one that is
        damaged.
        """
        return await self._serving.activate(model_version)

    async def trust(self) -> TrustReport:
        """How predictions compare with the labels that came since the start, inside groups or later."""
        await self._late_labels.compared()
        return await self._trust.report()

    def ready(self) -> str | None:
        """None when /v1/rewards can answer; else one sentence that says what is missing and what to do."""
        return self._serving.ready()

    def _opened_memory(self, folder: Path) -> Memory:
        """What the snapshot has, if it belongs to this store and encoder."""
        empty = Memory(
            self._encoder.dimension, self._encoder.revision, self._store.name(), self._settings.exact_index_limit
        )
        return opened_memory(folder, empty, self._store)

    async def _trusted_reply(self, groups: Sequence[Group], explain: bool) -> Reply:
        """Predictions as they are answered. What the labels among them say of trust holds for later answers."""
        reply = await self._scorer.reply(groups, explain)
        drifts = self._drifts(groups, reply)
        self._trust.record(
            answered_group(group, belief, audit=self._planning.drawn(group), drifts=drift is not None)
            for group, belief, drift in zip(groups, reply.beliefs, drifts, strict=True)
        )
        return self._guarded(groups, reply, drifts)

    def _drifts(self, groups: Sequence[Group], reply: Reply, run_id: str | None = None) -> list[Drift | None]:
        """Of each group, of a run where that is known, whether its consensus drifts."""
        return [
            self._drift.of(group, consensus, belief, run_id)
            for group, consensus, belief in zip(groups, reply.consensus, reply.beliefs, strict=True)
        ]

    def _guarded(self, groups: Sequence[Group], reply: Reply, drifts: Sequence[Drift | None]) -> Reply:
        """The reply, with abstentions where a consensus drifts, and in the domains that are out of bounds."""
        predictions = (
            self._trust.guarded(
                Domain(filled(group.query.domain)), self._drift.guarded(group, predicted, belief, drift)
            )
            for group, predicted, belief, drift in zip(groups, reply.predictions, reply.beliefs, drifts, strict=True)
        )
        return replace(reply, predictions=tuple(predictions))

    async def _score_group(
        self, claim: Claim, group: Group, charge: LabelCharge | None
    ) -> tuple[Scored, PlannedLabel | None]:
        """A group of the rendezvous, whose answers name no neighbors, and the label to ask for first."""
        reply = await self._scorer.reply([group], step=claim.step)
        (belief,), (consensus,) = reply.beliefs, reply.consensus
        (drift,) = drifts = self._drifts([group], reply, claim.key.run_id)
        choice, audit, label = None, None, None
        if charge is not None:
            key = None if drift is None else drift.key
            choice = self._label_requests.choice(claim, group, belief, charge, key)
            audit = Drawn(choice.audits[0].rate, choice.audits[0].sample)
        answered = answered_group(group, belief, claim.key, claim.step, audit, drifts=drift is not None)
        self._trust.record([answered])
        if charge is not None and choice is not None:
            label = await self._label_requests.granted(claim, choice, charge)
        if label is None:
            self._answered_histories.add(reply.parsed[0], claim.step)
            self._drift.answered(claim, group, consensus, answered)
            reply = self._guarded([group], reply, drifts)
            count_gradients(reply.predictions)
        elif drift is not None:
            self._drift.count(group, drift, "label")
        scored = Scored(
            reply.model_version, reply.memory_version, (ScoredGroup(claim.key.group_id, reply.predictions[0], ()),)
        )
        return scored, label

    async def _beliefs_now(self, groups: Sequence[Group]) -> Sequence[GroupBelief] | None:
        """What is believed of groups before any of their labels; None where no model is served."""
        return None if self.ready() else (await self._scorer.reply(groups)).beliefs

    async def _embed_rollout(self, query: Query, rollout: Rollout) -> None:
        parsed = await asyncio.to_thread(parse_group, query, (rollout,))
        await self._embedder.embed(parsed.texts)

    async def _query_texts(self, ids: Sequence[str]) -> dict[str, str]:
        known = {key: self._texts[key] for key in set(ids) if key in self._texts}
        if missing := [key for key in set(ids) if key not in known]:
            found = await asyncio.to_thread(self._store.query_texts, missing)
            self._texts.update(found)
            known |= found
        return known


def meeting_place(settings: Settings, store: ExperienceStore) -> MeetingPlace:
    """Where rollouts that are sent alone meet, as the settings say."""
    keep_seconds = settings.rendezvous_keep_seconds
    if settings.rendezvous == "redis":
        assert settings.redis_url is not None, "the settings check it"
        storage: ProcessStorage | RedisStorage = RedisStorage(settings.redis_url)
    else:
        storage = ProcessStorage(store, keep_seconds)
    return MeetingPlace(storage, keep_seconds, settings.rendezvous_max_bytes)
