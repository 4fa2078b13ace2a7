"""READ FIRST. What predictions read: the memory at one version. A query has a vector, a state and a history.

Texts and rollouts stay in the store. Their effect on predictions is in the state, which the model computes once from
the stored group (gnn.py), and in the history, what became of each answer (histories.py). A request reads k rows and its
histories, however large the memory is. One thread changes it and searches it, the compute thread of the engine; another
one may write a snapshot while nobody changes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from memreward_proto.records import Domain, Query, filled
from memreward_service.arrays import Vectors
from memreward_service.groups.history import QueryHistory
from memreward_service.memory.histories import Histories
from memreward_service.memory.index import QueryIndex, gpu_is_available
from memreward_service.network.attachment import SAME_TEXT, AttachRule
from memreward_service.network.gnn import Attachment

SETTLE_STEP = 256
"""Vectors that one update moves out of the exact part of an index at most."""
MOST_SEARCHED = 512
"""Nearest queries from which those to attach are taken at most: more are never looked at where the text of the new
query is stored under many ids."""


@dataclass(frozen=True, slots=True)
class NearQuery:
    """A memory query found for a new one: its row, id and cosine."""

    row: int
    query_id: str
    similarity: float


class Memory:
    """Rows 0, 1, 2 … of stored queries in the order in which they were first indexed."""

    def __init__(
        self, dimension: int, encoder: str, store: str, exact_limit: int, use_gpu: bool | None = None
    ) -> None:  # fmt: skip
        """`encoder`: revision of the embedding weights; `store`: name of the store that is followed. `use_gpu` None:
        where FAISS sees one."""
        self.version = 0
        self.encoder = encoder
        self.store = store
        self.model_version: str | None = None
        self.states: Vectors = np.empty((0, 0), np.float32)
        self.indexes: dict[Domain, QueryIndex] = {}
        self.histories = Histories()
        self._dimension = dimension
        self._exact_limit = exact_limit
        self._use_gpu = gpu_is_available() if use_gpu is None else use_gpu
        self._ids: list[str] = []
        self._row: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def ids(self, start: int, stop: int) -> list[str]:
        """Query ids of the rows start … stop - 1."""
        return self._ids[start:stop]

    def history(self, query: Query) -> QueryHistory:
        """What became of the answers of a query; nothing for one that is not known."""
        return self.histories.of(query)

    def put(
        self, queries: Sequence[Query], vectors: Vectors, states: Vectors | None, histories: Sequence[QueryHistory]
    ) -> None:
        """Set the `states` (N, hidden) and `histories` (N) of N queries, and add those that are new to the index of
        their domain under their `vectors` (N, D).

        A query is found only once everything of it is there. Without states (no model is served yet) those of all rows
        are void. Raises ValueError for numbers that are not finite; nothing has changed then.
        """
        if not np.isfinite(vectors).all() or not (states is None or np.isfinite(states).all()):
            raise ValueError("a vector or state of a query is not finite")
        ids = [filled(query.id) for query in queries]
        domains = [Domain(filled(query.domain)) for query in queries]
        if states is None:
            self.model_version = None
        else:
            places = [i for i, key in enumerate(ids) if key in self._row]
            self.states = grown(self.states, len(self._ids), states.shape[1])
            self.states[[self._row[ids[i]] for i in places]] = states[places]
        for query, history in zip(queries, histories, strict=True):
            self.histories.set(query, history)
        for domain in dict.fromkeys(domains):
            places = [i for i, d in enumerate(domains) if d is domain and ids[i] not in self._row]
            if places:
                new_states = None if states is None else states[places]
                self._add(domain, [ids[i] for i in places], vectors[places], new_states)

    def exchange(self, model_version: str, states: Vectors) -> None:
        """Take the `states` (rows, hidden) of all rows under another model. Raises ValueError for numbers that are not
        finite; nothing has changed then."""
        if not np.isfinite(states).all():
            raise ValueError(f"model {model_version} gives states that are not finite")
        self.states, self.model_version = states, model_version

    def near(
        self, vectors: Vectors, domains: Sequence[Domain], ids: Sequence[str], rule: AttachRule
    ) -> list[list[NearQuery]]:
        """The memory queries that each of B new ones is attached to, nearest first. Never the query itself."""
        found: list[list[NearQuery]] = [[] for _ in ids]
        for domain, index in self.indexes.items():
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
                    if len(near) < rule.neighbors and may_be_more and width < MOST_SEARCHED:
                        again.append(i)  # its own text, stored under several ids, took the places
                    else:
                        found[i] += near
                asking, width = again, min(2 * width, MOST_SEARCHED)
        return [sorted(near, key=lambda n: (-n.similarity, n.row))[: rule.neighbors] for near in found]

    def similar(self, vectors: Vectors, k: int) -> list[NearQuery]:
        """The k memory queries nearest to the one vector in `vectors` (1, D), over all domains, itself included."""
        found = [
            NearQuery(row, self._ids[row], cosine)
            for index in self.indexes.values()
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

    def restore(
        self, ids: list[str], states: Vectors, indexes: dict[Domain, QueryIndex], version: int, model: str | None,
        histories: Histories,
    ) -> None:  # fmt: skip
        """Take over what a snapshot has. Raises ValueError where its parts do not belong together."""
        rows = np.concatenate([np.empty(0, np.int64), *(index.rows() for index in indexes.values())])
        if not np.array_equal(np.sort(rows), np.arange(len(ids))):
            raise ValueError("the index has other rows than there are ids")
        if model is not None and (len(states) != len(ids) or not np.isfinite(states).all()):
            raise ValueError(f"{len(states)} states for {len(ids)} queries, or one that is not finite")
        if len(histories) < len(ids):
            raise ValueError(f"{len(histories)} histories for {len(ids)} queries")
        self._ids, self.states, self.indexes, self.histories = ids, states, indexes, histories
        self._row = {key: row for row, key in enumerate(ids)}
        self.version, self.model_version = version, model

    def new_index(self) -> QueryIndex:
        """An empty index of the kind that this memory has for each domain."""
        return QueryIndex(self._dimension, self._exact_limit, self._use_gpu)

    def _add(self, domain: Domain, ids: Sequence[str], vectors: Vectors, states: Vectors | None) -> None:
        """New queries of one domain. The state comes first and the id last, so that a row that is found is whole."""
        first = len(self._ids)
        if states is not None:
            self.states = grown(self.states, first + len(ids), states.shape[1])
            self.states[first : first + len(ids)] = states
        if domain not in self.indexes:
            self.indexes[domain] = self.new_index()
        index = self.indexes[domain]
        index.add(np.arange(first, first + len(ids)), vectors)
        self._row.update(zip(ids, range(first, first + len(ids)), strict=True))
        self._ids.extend(ids)
        index.settle(2 * len(ids) + SETTLE_STEP)


def grown(states: Vectors, rows: int, width: int) -> Vectors:
    """`states` with room for `rows`; doubled when full, so that adding a row costs O(1) on average."""
    if states.shape[1] == width and len(states) >= rows:
        return states
    larger = np.zeros((max(rows, 2 * len(states)), width), np.float32)
    if states.shape[1] == width:
        larger[: len(states)] = states
    return larger
