"""Groups whose labels follow agreement, and networks that listen to everything, trained or not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import torch

from memreward_proto.records import Domain, Experience, Group, Query, Rollout, StoredRollout, fields_of
from memreward_service.belief.calibration import Calibration
from memreward_service.groups.batch import GroupBatch, ParsedGroup, group_batch, parse_group
from memreward_service.network.attachment import AttachRule
from memreward_service.network.gnn import ModelConfig, RewardGNN
from memreward_service.network.trained import TrainedModel
from service.hash_encoder import DIMENSION, vectors_of

RULE = AttachRule(neighbors=3, similarity_floor=0.0, same_domain=True)


def synthetic_group(number: int, size: int = 6, domain: Domain = Domain.MATH, labelled: bool = True) -> Group:
    """Most rollouts of most groups give the right answer; the wrong ones disagree with each other."""
    rng = random.Random(number)
    right, chance = rng.randrange(1000), rng.uniform(0.35, 0.95)
    rollouts = []
    for index in range(size):
        is_right = rng.random() < chance
        answer = right if is_right else 1000 + rng.randrange(40)
        thinking = f"Way {rng.randrange(10**6)} of question {number}, try {index}."
        rollouts.append(Rollout(f"{thinking} The answer is {answer}.", label=float(is_right) if labelled else None))
    query = Query(f"What is the sum number {number}?", f"q{number}", domain)
    return Group(query, tuple(rollouts), f"g{number}")


def experience_of(group: Group) -> Experience:
    query = group.query
    stored = tuple(
        StoredRollout(
            **fields_of(rollout), id=f"{query.id}/{i}", label_source=None if rollout.label is None else "test"
        )
        for i, rollout in enumerate(group.rollouts)
    )
    return Experience(**fields_of(query), rollouts=stored)


def with_labels(group: Group, labels: Sequence[float | None]) -> Group:
    rollouts = (replace(rollout, label=label) for rollout, label in zip(group.rollouts, labels, strict=True))
    return replace(group, rollouts=tuple(rollouts))


def unlabelled(group: Group) -> Group:
    return with_labels(group, [None] * len(group.rollouts))


def flipped(group: Group) -> Group:
    return with_labels(group, [None if r.label is None else 1 - r.label for r in group.rollouts])


def parsed(group: Group) -> ParsedGroup:
    return parse_group(group.query, group.rollouts)


def batch_of(groups: Sequence[Group]) -> GroupBatch:
    every = [parsed(group) for group in groups]
    return group_batch(every, vectors_of([text for group in every for text in group.texts]))


def lively_network(seed: int = 1) -> RewardGNN:
    """Random weights everywhere, also where training starts from zero, so that nothing is ignored."""
    network = RewardGNN(ModelConfig(dimension=DIMENSION, embedding_scale=1.0))
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.4, generator=generator)
    return network.requires_grad_(False).eval()


def lively_model(seed: int = 1, rule: AttachRule = RULE) -> TrainedModel:
    return TrainedModel(lively_network(seed), Calibration(slope=0.5, intercept=0.1), rule, {"auc": 0.9})
