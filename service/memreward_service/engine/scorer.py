"""Attach, model, calibration, labels, reward: what the compute thread does with groups whose texts are embedded.

`Scorer` brings them there: the texts of groups are embedded, and the groups of all callers make micro-batches.
The network predicts as if no label of the group were known. What it says of each rollout weighs which answer of the
group is right, and known labels enter by Bayes' rule (belief/posterior.py).
Every caller's groups of one micro-batch go through one forward pass. Nothing connects two groups, so an answer does
not depend on what else is in the batch (up to the rounding of float32 sums, 1e-6).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
import torch

from memreward_proto.errors import Internal
from memreward_proto.records import Domain, Group, Neighbor, Prediction, Scored, ScoredGroup, Source, filled
from memreward_service.arrays import Vectors
from memreward_service.batching import Batcher
from memreward_service.belief.conflicts import LabelConflict, label_conflicts
from memreward_service.belief.explanation import with_explanations
from memreward_service.belief.posterior import GroupBelief, agreement_probability, belief_about
from memreward_service.belief.rewards import rewards_of
from memreward_service.embedding.embedder import Embedder
from memreward_service.engine.label_warnings import LabelWarnings
from memreward_service.groups.batch import ParsedGroup, group_batch, parse_groups
from memreward_service.groups.drift import Consensus, consensus_of
from memreward_service.groups.history import QueryHistory, past_votes
from memreward_service.memory.follower import MemoryFollower
from memreward_service.memory.memory import Memory, NearQuery
from memreward_service.network.graph import experience_graph
from memreward_service.network.trained import ServingModel
from memreward_service.settings import Settings

AGREEMENT = "agreement"
"""What answers have for a model version before a model is trained."""


@dataclass(frozen=True, slots=True)
class Question:
    """One caller's groups. `vectors` are those of the groups' texts, group after group."""

    groups: tuple[ParsedGroup, ...]
    vectors: Vectors
    explain: bool
    step: int | None = None
    """The training step that the groups were sampled at."""

    @property
    def rollouts(self) -> int:
        """How many rollouts it asks for: its weight in a batch."""
        return sum(len(group.rollouts) for group in self.groups)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one question, for each group: predictions, attached memory queries, what was believed before any
    label of the group, and what most of its rollouts say. `conflicts` are those of the labels of all groups."""

    model_version: str
    memory_version: int
    predictions: tuple[tuple[Prediction, ...], ...]
    near: tuple[tuple[NearQuery, ...], ...]
    beliefs: tuple[GroupBelief, ...]
    consensus: tuple[Consensus | None, ...]
    conflicts: tuple[LabelConflict, ...] = ()
    parsed: tuple[ParsedGroup, ...] = ()
    """The groups as they were read."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What is said of one group."""

    predictions: tuple[Prediction, ...]
    belief: GroupBelief
    consensus: Consensus | None
    conflicts: tuple[LabelConflict, ...]


class Scorer:
    """Answers groups with the model that is served. Lives on one event loop."""

    def __init__(self, embedder: Embedder, follower: MemoryFollower, compute: Executor, settings: Settings) -> None:
        """`compute` is the thread that `follower` changes memory on."""
        self._embedder = embedder
        self._follower = follower
        self._compute = compute
        self._settings = settings
        self._warnings = LabelWarnings()
        self._batcher: Batcher[Question, Reply] = Batcher(
            self._replies, settings.max_batch_rollouts, lambda question: question.rollouts
        )

    async def reply(self, groups: Sequence[Group], explain: bool = False, step: int | None = None) -> Reply:
        """Predictions for groups, from their texts on; before a model is served, by agreement. Raises Unavailable once
        closed."""
        parsed = await asyncio.to_thread(_parsed, groups)
        if self._follower.serving is None:
            memory = self._follower.memory
            reply = await asyncio.to_thread(agreement_reply, parsed, memory, self._settings, explain, step)
        else:
            vectors = await self._embedder.embed([text for group in parsed for text in group.texts])
            reply = await self._batcher.submit(Question(parsed, vectors, explain, step))
        self._warnings.note(reply.conflicts)
        return replace(reply, parsed=parsed)

    async def close(self) -> None:
        """Finish the batch that runs, and end everyone who still waits with Unavailable."""
        await self._batcher.close()

    async def _replies(self, questions: Sequence[Question]) -> Sequence[Reply]:
        return await asyncio.get_running_loop().run_in_executor(self._compute, self._reply, questions)

    def _reply(self, questions: Sequence[Question]) -> Sequence[Reply]:
        """On the compute thread: the model and the memory that are read belong together."""
        serving = self._follower.serving
        assert serving is not None, "callers check that a model is served, and none is ever taken away"
        return reply_to(questions, serving, self._follower.memory, self._settings)


def _parsed(groups: Sequence[Group]) -> tuple[ParsedGroup, ...]:
    return tuple(parse_groups([(group.query, group.rollouts) for group in groups]))


def reply_to(questions: Sequence[Question], model: ServingModel, memory: Memory, settings: Settings) -> list[Reply]:
    """One forward pass for all `questions`. On the compute thread. Raises Internal where the model gives no number."""
    groups = [group for question in questions for group in question.groups]
    steps = [question.step for question in questions for _ in question.groups]
    histories = [memory.history(group.query) for group in groups]
    vectors = np.concatenate([question.vectors for question in questions])
    batch = group_batch(groups, vectors, list(map(past_votes, histories, groups, steps)))
    near = memory.near(
        batch.query_vectors.numpy(),
        [Domain(filled(group.query.domain)) for group in groups],
        [filled(group.query.id) for group in groups],
        model.trained.rule,
    )
    with torch.inference_mode():
        graph = experience_graph(batch)
        logits = model.trained.network(graph, memory.attachment(near))
        calibrated = model.trained.calibration.probability(logits)
    if not (logits.isfinite() & calibrated.isfinite()).all():
        raise Internal("The model gave what is not a finite number: no reward is answered from it.")
    probability = calibrated.tolist()
    replies, group_at, row = [], 0, 0
    for question in questions:
        places = slice(group_at, group_at + len(question.groups))
        group_at = places.stop
        answered = []
        for group, found, history in zip(question.groups, near[places], histories[places], strict=True):
            rows = slice(row, row + len(group.rollouts))
            row = rows.stop
            known = bool(found) or len(group.rollouts) > 1
            answered.append(
                _answered(
                    group, probability[rows], history, Source.GNN, known, question.explain, question.step, settings
                )
            )
        replies.append(_reply(model.version, memory, answered, tuple(map(tuple, near[places]))))
    return replies


def agreement_reply(
    groups: Sequence[ParsedGroup], memory: Memory, settings: Settings, explain: bool, step: int | None
) -> Reply:
    """Predictions before a model is trained: from the agreement of each group, its labels and its history."""
    answered = [
        _answered(
            group, agreement_probability(group), memory.history(group.query), Source.AGREEMENT,
            len(group.rollouts) > 1, explain, step, settings,
        )
        for group in groups
    ]  # fmt: skip
    return _reply(AGREEMENT, memory, answered, ((),) * len(groups))


def _answered(
    group: ParsedGroup, probability: Sequence[float], history: QueryHistory, source: Source, known: bool, explain: bool,
    step: int | None, settings: Settings,
) -> Answered:  # fmt: skip
    """`probability` (n,): of each rollout by `source`, where no label is known; `known` as in `rewards_of`."""
    belief = belief_about(group, probability, history, step, settings.label_noise)
    predictions = rewards_of(group, belief, source, known, settings)
    if explain:
        predictions = with_explanations(group, predictions, belief, history, step, source, known)
    return Answered(predictions, belief, consensus_of(group, history, step), label_conflicts(group, history, step))


def _reply(
    version: str, memory: Memory, answered: Sequence[Answered], near: tuple[tuple[NearQuery, ...], ...]
) -> Reply:
    return Reply(
        version,
        memory.version,
        tuple(each.predictions for each in answered),
        near,
        tuple(each.belief for each in answered),
        tuple(each.consensus for each in answered),
        tuple(conflict for each in answered for conflict in each.conflicts),
    )


def scored_groups(groups: Sequence[Group], reply: Reply, texts: Mapping[str, str]) -> Scored:
    """The answer to `groups`; `texts` are those of the attached memory queries, by id."""
    return Scored(
        reply.model_version,
        reply.memory_version,
        tuple(
            ScoredGroup(filled(group.group_id), predictions, named(near, texts))
            for group, predictions, near in zip(groups, reply.predictions, reply.near, strict=True)
        ),
    )


def named(near: Sequence[NearQuery], texts: Mapping[str, str]) -> tuple[Neighbor, ...]:
    """Memory queries with their texts; one that the store has lost since is left out."""
    return tuple(
        Neighbor(found.query_id, found.similarity, texts[found.query_id]) for found in near if found.query_id in texts
    )
