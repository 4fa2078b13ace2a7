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

from memreward_service.engine.features import AGREEMENT_FEATURES, EVIDENCE_FEATURES, FEATURES, rollout_features
from memreward_service.engine.group_batch import GroupBatch

Probability = NDArray[np.float64]
Table = NDArray[np.float32]


def agreement_share(memory: GroupBatch, asked: GroupBatch) -> Probability:
    """P = the share of the group with the same answer; no label is used. (Self-consistency, arXiv 2203.11171.)"""
    del memory
    features = rollout_features(asked, torch.zeros_like(asked.known))
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
    """Agreement and evidence columns without a rollout's own label, (N, F)."""
    columns = [name for name in AGREEMENT_FEATURES + EVIDENCE_FEATURES if not name.startswith("shown_")]
    table: Table = rollout_features(batch, shown)[:, [FEATURES.index(name) for name in columns]].numpy()
    return table


def _embeddings(batch: GroupBatch) -> Table:
    query = batch.query_vectors[batch.group]
    return np.hstack([query.numpy(), batch.thinking_vectors.numpy(), batch.answer_vectors.numpy()])
