"""What the group itself and the past of its query say about each rollout: agreement now and ever, length, centrality.

These become features of the answer nodes. GATv2 attention is normalised, so a mean over neighbours cannot count
them; the counts are given here. No label is read.
"""

from __future__ import annotations

import torch
from torch import Tensor

from memreward_service.groups.batch import GroupBatch

AGREEMENT_FEATURES = (
    "share",  # of the group with the same key, itself included
    "sibling_share",  # of the other rollouts
    "log_votes",
    "log_group_size",
    "distinct_keys",  # keys / group size
    "key_entropy",  # of the group, in nats
    "is_majority",
    "lead",  # votes minus those of the strongest other key, / group size
    "agreement",  # mean share of the group that returned the same value, for programs; else the share
)
PAST_FEATURES = (
    "share_ever",  # of the rollouts of this group and of earlier ones together, with the same key
    "lead_ever",  # votes minus those of the strongest other key, over both, / their number
    "log_past",  # earlier rollouts
)
TEXT_FEATURES = (
    "relative_length",  # log length of the thinking against the group's mean
    "log_length",
    "log_answer_length",
    "centrality",  # mean cosine of the thinking to the other thinkings of the group
    "key_centrality",  # the same among those who agree
)
FEATURES = AGREEMENT_FEATURES + PAST_FEATURES + TEXT_FEATURES
"""Names of the columns, in order."""


def rollout_features(batch: GroupBatch) -> Tensor:
    """(N, len(FEATURES)) float32, each row computed from its own query alone."""
    return torch.stack([*_agreement(batch), *_past(batch), *_text(batch)], dim=1)


def _count(values: Tensor, of: Tensor, size: int) -> Tensor:
    return torch.zeros(size).index_add_(0, of, values)


def _sizes(batch: GroupBatch) -> tuple[Tensor, Tensor]:
    """Rollouts per group, (B,), and per key, (K,)."""
    ones = torch.ones(len(batch.group))
    keys = int(batch.key.max()) + 1 if len(batch.key) else 0
    return _count(ones, batch.group, batch.groups), _count(ones, batch.key, keys)


def _agreement(batch: GroupBatch) -> list[Tensor]:
    """Columns of AGREEMENT_FEATURES, (N,) each."""
    size, votes = _sizes(batch)
    group_of_key = _group_of_key(batch, len(votes))
    keys = _count(torch.ones(len(votes)), group_of_key, batch.groups)
    most = torch.zeros(batch.groups).scatter_reduce(0, group_of_key, votes, "amax")
    is_top = votes == most[group_of_key]
    share = votes / size[group_of_key]
    entropy = _count(-share * share.log(), group_of_key, batch.groups)
    g, k = batch.group, batch.key
    return [
        share[k],
        (votes[k] - 1) / (size[g] - 1).clamp(min=1),
        votes[k].log1p(),
        size[g].log(),
        keys[g] / size[g],
        entropy[g],
        is_top[k].float(),
        _lead(votes, group_of_key, torch.zeros(batch.groups))[k] / size[g],
        _partial_agreement(batch, share[k]),
    ]


def _past(batch: GroupBatch) -> list[Tensor]:
    """Columns of PAST_FEATURES, (N,) each. Without a past, share and lead are those of the group."""
    size, votes = _sizes(batch)
    group_of_key = _group_of_key(batch, len(votes))
    ever = votes + torch.zeros(len(votes)).index_put_((batch.key,), batch.past_votes)
    rollouts = (size + batch.past_rollouts)[batch.group]
    lead = _lead(ever, group_of_key, batch.past_rival)
    return [ever[batch.key] / rollouts, lead[batch.key] / rollouts, batch.past_rollouts.log1p()[batch.group]]


def _group_of_key(batch: GroupBatch, keys: int) -> Tensor:
    return torch.zeros(keys, dtype=torch.int64).index_put_((batch.key,), batch.group)


def _lead(votes: Tensor, group_of_key: Tensor, rival: Tensor) -> Tensor:
    """(K,) `votes` (K,) of each key less those of the strongest other one of its group; `rival` (B,) is another one."""
    groups = len(rival)
    most = rival.scatter_reduce(0, group_of_key, votes, "amax")
    is_top = votes == most[group_of_key]
    tops = _count(is_top.float(), group_of_key, groups) + (rival == most)
    second = rival.scatter_reduce(0, group_of_key, torch.where(is_top, 0.0, votes), "amax")
    alone_at_top = is_top & (tops[group_of_key] < 2)
    return votes - torch.where(alone_at_top, second[group_of_key], most[group_of_key])


def _partial_agreement(batch: GroupBatch, share: Tensor) -> Tensor:
    """(N,) mean share of the programs of the group that returned the same, over the inputs; else the `share` (N,)."""
    known = batch.inputs > 0
    if not known.any():
        return share
    programs = _count(known.float(), batch.group, batch.groups)
    there = batch.returned >= 0
    votes = torch.bincount(batch.returned[there], minlength=1)
    same = torch.where(there, votes[batch.returned.clamp(min=0)], 0).sum(1)
    return torch.where(known, same / (batch.inputs * programs[batch.group]).clamp(min=1), share)


def _text(batch: GroupBatch) -> list[Tensor]:
    """Columns of TEXT_FEATURES, (N,) each."""
    size, votes = _sizes(batch)
    log_length, log_answer = batch.lengths.log1p().unbind(1)
    mean = _count(log_length, batch.group, batch.groups) / size
    return [
        log_length - mean[batch.group],
        log_length,
        log_answer,
        _mean_cosine(batch.thinking_vectors, batch.group, size),
        _mean_cosine(batch.thinking_vectors, batch.key, votes),
    ]


def _mean_cosine(vectors: Tensor, of: Tensor, size: Tensor) -> Tensor:
    """(N,) mean cosine of each vector to the others of its set; 0 where it is alone."""
    total = torch.zeros(len(size), vectors.shape[1]).index_add_(0, of, vectors)
    own = (vectors * vectors).sum(1)
    return ((vectors * total[of]).sum(1) - own) / (size[of] - 1).clamp(min=1)
