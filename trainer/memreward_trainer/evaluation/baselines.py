"""The simpler means that the engine is compared with, on the same split and the same features.

None sees a label that was not paid for: a training rollout's own label is its target only.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from memreward_service.groups.batch import GroupBatch
from memreward_service.groups.features import AGREEMENT_FEATURES, FEATURES, rollout_features

Probability = NDArray[np.float64]
Table = NDArray[np.float32]


def agreement_share(memory: GroupBatch, asked: GroupBatch) -> Probability:
    """P = the share of the group with the same answer; no label is used. (Self-consistency, arXiv 2203.11171.)"""
    del memory
    features = rollout_features(asked)
    share: Probability = features[:, FEATURES.index("share")].double().numpy()
    return share


def boosted_trees(memory: GroupBatch, asked: GroupBatch) -> Probability:
    """Gradient-boosted trees on the agreement features and, where asked groups have some, on their known labels."""
    shown = memory.known if asked.known.any() else torch.zeros_like(memory.known)
    model = HistGradientBoostingClassifier(learning_rate=0.05, max_leaf_nodes=8, random_state=0)
    return _fitted(model, memory, _structure(memory, shown), _structure(asked, asked.known))


def embedding_regression(memory: GroupBatch, asked: GroupBatch) -> Probability:
    """Logistic regression on the embeddings of query, thinking and answer."""
    return _fitted(LogisticRegression(C=1.0, max_iter=1000), memory, _embeddings(memory), _embeddings(asked))


BASELINES: dict[str, Callable[[GroupBatch, GroupBatch], Probability]] = {
    "agreement share": agreement_share,
    "boosted trees": boosted_trees,
    "logistic regr.": embedding_regression,
}


def _fitted(
    model: HistGradientBoostingClassifier | LogisticRegression, memory: GroupBatch, known: Table, asked: Table
) -> Probability:
    """Fit on the rows of `known` (N, F) whose label is known, predict those of `asked` (M, F)."""
    rows = memory.known.numpy()
    right = memory.label.numpy()[rows] >= 0.5
    if right.all() or not right.any():
        return np.full(len(asked), float(right.mean()) if len(right) else 0.5)
    model.fit(known[rows], right)
    probability: Probability = model.predict_proba(asked)[:, 1]
    return probability


def _structure(batch: GroupBatch, shown: Tensor) -> Table:
    """(N, F): agreement, and what the `shown` (N,) labels say of a rollout's siblings; its own label is not there."""
    agreement = rollout_features(batch)[:, [FEATURES.index(name) for name in AGREEMENT_FEATURES]]
    table: Table = torch.cat([agreement, _sibling_labels(batch, shown)], dim=1).numpy()
    return table


def _sibling_labels(batch: GroupBatch, shown: Tensor) -> Tensor:
    """(N, 4) siblings known to be right and wrong, with the same key and with another."""
    right = torch.where(shown, batch.label, torch.zeros(()))
    columns = []
    for own in (right, shown.float() - right):
        in_group = torch.zeros(batch.groups).index_add_(0, batch.group, own)[batch.group]
        in_key = torch.zeros(int(batch.key.max()) + 1).index_add_(0, batch.key, own)[batch.key]
        columns += [in_key - own, in_group - in_key]
    return torch.stack(columns, dim=1)


def _embeddings(batch: GroupBatch) -> Table:
    query = batch.query_vectors[batch.group]
    return np.hstack([query.numpy(), batch.thinking_vectors.numpy(), batch.answer_vectors.numpy()])
