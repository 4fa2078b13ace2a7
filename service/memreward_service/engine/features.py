"""What the group itself says about each rollout: agreement, known labels of its siblings, length, centrality.

These become features of the answer nodes. GATv2 attention is normalised, so a mean over neighbours cannot count
them; the counts are given here. A rollout's own label is in its features only when it is shown as evidence, and
then it is not predicted.
"""

from __future__ import annotations

import torch
from torch import Tensor

from memreward_service.engine.group_batch import GroupBatch

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
EVIDENCE_FEATURES = (
    "shown_right",  # own label, only when shown
    "shown_wrong",
    "same_key_right",  # whether any sibling is known ...
    "same_key_wrong",
    "other_key_right",
    "log_same_key_right",  # ... and how many
    "log_same_key_wrong",
    "log_other_key_right",
    "log_other_key_wrong",
    "same_key_balance",  # tanh(right - wrong)
)
TEXT_FEATURES = (
    "relative_length",  # log length of the thinking against the group's mean
    "log_length",
    "log_answer_length",
    "centrality",  # mean cosine of the thinking to the other thinkings of the group
    "key_centrality",  # the same among those who agree
)
FEATURES = AGREEMENT_FEATURES + EVIDENCE_FEATURES + TEXT_FEATURES
"""Names of the columns, in order."""


def rollout_features(batch: GroupBatch, evidence: Tensor) -> Tensor:
    """(N, len(FEATURES)) float32, each row computed from its own group alone.

    `evidence` (N,) bool: whose labels are shown. Where it is False the label is not read.
    """
    columns = [*_agreement(batch), *_evidence(batch, evidence), *_text(batch)]
    return torch.stack(columns, dim=1)


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
    group_of_key = torch.zeros(len(votes), dtype=torch.int64).index_put_((batch.key,), batch.group)
    keys = _count(torch.ones(len(votes)), group_of_key, batch.groups)
    most = torch.zeros(batch.groups).scatter_reduce(0, group_of_key, votes, "amax")
    is_top = votes == most[group_of_key]
    tops = _count(is_top.float(), group_of_key, batch.groups)
    runner_up = torch.zeros(batch.groups).scatter_reduce(0, group_of_key, torch.where(is_top, 0.0, votes), "amax")
    share = votes / size[group_of_key]
    entropy = _count(-share * share.log(), group_of_key, batch.groups)
    g, k = batch.group, batch.key
    alone_at_top = is_top[k] & (tops[g] < 2)
    strongest_other = torch.where(alone_at_top, runner_up[g], most[g])
    return [
        share[k],
        (votes[k] - 1) / (size[g] - 1).clamp(min=1),
        votes[k].log1p(),
        size[g].log(),
        keys[g] / size[g],
        entropy[g],
        is_top[k].float(),
        (votes[k] - strongest_other) / size[g],
        _partial_agreement(batch, share[k]),
    ]


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


def _evidence(batch: GroupBatch, evidence: Tensor) -> list[Tensor]:
    """Columns of EVIDENCE_FEATURES, (N,) each."""
    _, votes = _sizes(batch)
    label = torch.where(evidence, batch.label, torch.zeros(()))
    right, wrong = label, evidence.float() - label
    g, k = batch.group, batch.key

    def siblings(own: Tensor) -> tuple[Tensor, Tensor]:
        in_key = _count(own, k, len(votes))[k]
        return in_key - own, _count(own, g, batch.groups)[g] - in_key

    same_right, other_right = siblings(right)
    same_wrong, other_wrong = siblings(wrong)
    return [
        right,
        wrong,
        (same_right > 0).float(),
        (same_wrong > 0).float(),
        (other_right > 0).float(),
        same_right.log1p(),
        same_wrong.log1p(),
        other_right.log1p(),
        other_wrong.log1p(),
        torch.tanh(same_right - same_wrong),
    ]


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
