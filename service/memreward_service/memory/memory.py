"""What predictions read: the memory at one version. Per query one index vector and one state, nothing else.

Texts, rollouts and labels stay in the store; their effect on predictions is in the state, which the model computes
once from the stored group (network/gnn.py). A request reads k rows, however large the memory is. Not thread-safe: the
engine's compute thread owns it.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from memreward_proto.records import Domain
from memreward_service.arrays import Vectors
from memreward_service.memory.index import QueryIndex, Rows, gpu_is_available
from memreward_service.network.attachment import SAME_TEXT, AttachRule
from memreward_service.network.gnn import Attachment

SETTLE_STEP = 256
"""Vectors that one update moves out of the exact part of an index at most."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NearQuery:
    """A memory query found for a new one: its row, id and cosine."""

    row: int
    query_id: str
    similarity: float


class Memory:
    """Rows 0, 1, 2 … of stored queries in the order in which they were first indexed."""

    def __init__(self, dimension: int, encoder: str, exact_limit: int, use_gpu: bool | None = None) -> None:
        """`encoder`: revision of the embedding weights. `use_gpu` None: where FAISS sees one."""
        self.version = 0
        self.encoder = encoder
        self.model_version: str | None = None
        self.states: Vectors = np.empty((0, 0), np.float32)
        self._dimension = dimension
        self._exact_limit = exact_limit
        self._use_gpu = gpu_is_available() if use_gpu is None else use_gpu
        self._ids: list[str] = []
        self._row: dict[str, int] = {}
        self._indexes: dict[Domain, QueryIndex] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def ids(self, start: int, stop: int) -> list[str]:
        """Query ids of the rows start … stop - 1."""
        return self._ids[start:stop]

    def put_queries(self, ids: Sequence[str], domains: Sequence[Domain], vectors: Vectors) -> Rows:
        """The rows of N queries (N,); those that are new are added to the index of their domain."""
        for domain in dict.fromkeys(domains):
            places = [i for i, d in enumerate(domains) if d is domain and ids[i] not in self._row]
            rows = np.arange(len(self._ids), len(self._ids) + len(places))
            self._ids.extend(ids[i] for i in places)
            self._row.update(zip((ids[i] for i in places), rows.tolist(), strict=True))
            if places:
                index = self._indexes.get(domain)
                if index is None:
                    index = self._indexes[domain] = QueryIndex(self._dimension, self._exact_limit, self._use_gpu)
                index.add(rows, vectors[places])
                index.settle(2 * len(places) + SETTLE_STEP)
        return np.array([self._row[key] for key in ids], dtype=np.int64)

    def put_states(self, rows: Rows, states: Vectors) -> None:
        """Set the states (N, hidden) of `rows` (N,)."""
        self.states = grown(self.states, len(self._ids), states.shape[1])
        self.states[rows] = states

    def near(
        self, vectors: Vectors, domains: Sequence[Domain], ids: Sequence[str], rule: AttachRule
    ) -> list[list[NearQuery]]:
        """The memory queries that each of B new ones is attached to, nearest first. Never the query itself."""
        found: list[list[NearQuery]] = [[] for _ in ids]
        for domain, index in self._indexes.items():
            asking = [i for i, d in enumerate(domains) if not rule.same_domain or d is domain]
            width = rule.neighbors + 1
            while asking:
                rows, cosines = index.search(vectors[asking], width)
                again = []
                for i, some_rows, some_cosines in zip(asking, rows.tolist(), cosines.tolist(), strict=True):
                    near = [
                        NearQuery(row, self._ids[row], cosine)
                        for row, cosine in zip(some_rows, some_cosines, strict=True)
                        if row >= 0 and rule.similarity_floor <= cosine < SAME_TEXT and self._ids[row] != ids[i]
                    ]
                    may_be_more = some_rows[-1] >= 0 and some_cosines[-1] >= rule.similarity_floor
                    if len(near) < rule.neighbors and may_be_more:
                        again.append(i)  # its own text, stored under several ids, took the places
                    else:
                        found[i] += near
                asking, width = again, 2 * width
        return [sorted(near, key=lambda n: (-n.similarity, n.row))[: rule.neighbors] for near in found]

    def similar(self, vectors: Vectors, k: int) -> list[NearQuery]:
        """The k memory queries nearest to the one vector in `vectors` (1, D), over all domains, itself included."""
        found = [
            NearQuery(row, self._ids[row], cosine)
            for index in self._indexes.values()
            for rows, cosines in [index.search(vectors, k)]
            for row, cosine in zip(rows[0].tolist(), cosines[0].tolist(), strict=True)
            if row >= 0
        ]
        return sorted(found, key=lambda n: (-n.similarity, n.row))[:k]

    def attachment(self, near: Sequence[Sequence[NearQuery]]) -> Attachment:
        """The states and edges of what `near` found: k rows a query are read."""
        edges = [(neighbor, new) for new, neighbors in enumerate(near) for neighbor in neighbors]
        rows = np.array([neighbor.row for neighbor, _ in edges], dtype=np.int64)
        used, place = np.unique(rows, return_inverse=True)
        target = np.array([new for _, new in edges], dtype=np.int64)
        return Attachment(
            states=torch.from_numpy(self.states[used]),
            edge_index=torch.from_numpy(np.stack([place.astype(np.int64), target])),
            similarity=torch.tensor([neighbor.similarity for neighbor, _ in edges], dtype=torch.float32),
        )

    def save(self, folder: Path) -> None:
        """Write a snapshot into `folder` in place of what is there; interrupted, `load` finds the one or the other."""
        made = folder.with_name(folder.name + ".new")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        for domain, index in self._indexes.items():
            index.save(made / domain)
        np.save(made / "states.npy", self.states[: len(self._ids)])
        facts = {
            "version": self.version,
            "model_version": self.model_version,
            "encoder": self.encoder,
            "domains": list(self._indexes),
            "ids": self._ids,
        }
        (made / "memory.json").write_text(json.dumps(facts))
        old = _replaced(folder)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            folder.rename(old)
        made.rename(folder)
        shutil.rmtree(old, ignore_errors=True)

    @classmethod
    def load(
        cls, folder: Path, dimension: int, encoder: str, exact_limit: int, use_gpu: bool | None = None
    ) -> Memory | None:
        """The snapshot in `folder`; None where there is none, or one made with other embedding weights.

        A damaged one raises whatever its reader does: OSError, ValueError, BadZipFile, RuntimeError (FAISS) …
        """
        if not folder.exists():
            folder = _replaced(folder)
        if not (folder / "memory.json").exists():
            return None
        facts: dict[str, Any] = json.loads((folder / "memory.json").read_text())
        if facts["encoder"] != encoder:
            return None
        memory = cls(dimension, encoder, exact_limit, use_gpu)
        memory.version, memory.model_version = facts["version"], facts["model_version"]
        memory._ids = facts["ids"]
        memory._row = {key: row for row, key in enumerate(memory._ids)}
        memory.states = np.load(folder / "states.npy")
        for domain in facts["domains"]:
            memory._indexes[Domain(domain)] = QueryIndex.load(folder / domain, dimension, exact_limit, memory._use_gpu)
        return memory


def opened_memory(folder: Path, shape: tuple[int, str, int], stored_version: int) -> Memory:
    """The snapshot in `folder` if it belongs to this encoder and to a store at `stored_version`, else an empty memory
    that will be rebuilt. `shape`: dimension, encoder and exact_limit of Memory."""
    try:
        memory = Memory.load(folder, *shape)
    except Exception:
        _log.exception("the memory snapshot in %s is damaged: memory is built again from the store", folder)
        memory = None
    if memory is not None and memory.version <= stored_version:
        _log.info("memory snapshot: %d queries at version %d", len(memory), memory.version)
        return memory
    return Memory(*shape)


def _replaced(folder: Path) -> Path:
    """Where the snapshot before this one stands while it is being replaced."""
    return folder.with_name(folder.name + ".old")


def grown(states: Vectors, rows: int, width: int) -> Vectors:
    """`states` with room for `rows`; doubled when full, so that adding a row costs O(1) on average."""
    if states.shape[1] == width and len(states) >= rows:
        return states
    larger = np.zeros((max(rows, 2 * len(states)), width), np.float32)
    if states.shape[1] == width:
        larger[: len(states)] = states
    return larger
