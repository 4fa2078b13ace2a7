"""The histories that memory holds, and which of them are those of a query that is asked about.

A query is known again by its id, if the text is the same too. Else by its text, where texts that differ only in Unicode
composition and in spacing are the same, in one domain: one text is one question, under whatever id it was stored.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache, reduce
from itertools import islice
from typing import NamedTuple

from memreward_proto.records import Query, filled
from memreward_service.groups.history import QueryHistory, from_json, merged, to_json
from memreward_service.store import KeptHistory, is_derived, text_identity

READ = 1024
"""Histories that are kept as they were read: those of a step are asked for several times."""
_read = lru_cache(READ)(from_json)

Block = tuple[list[str], list[str], list[str | None], list[str]]
"""Ids, identities, data sets and lines of some queries: a line of a snapshot."""


class _Known(NamedTuple):
    """What is held under an id. `identity`: that of the text, as a number."""

    identity: int
    dataset: str | None
    line: str


class Histories:
    """Lines by query id. The thread that changes memory changes it; others may read meanwhile."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._ids: dict[int, str | tuple[str, ...]] = {}
        """By identity; mostly one."""

    def __len__(self) -> int:
        return len(self._known)

    def set(self, query: Query, history: QueryHistory) -> None:
        """Take `history` for all that is known of a query."""
        identity = int(text_identity(query.text, query.domain), 16)
        self._set(filled(query.id), _Known(identity, query.dataset, to_json(history)))

    def add(self, kept: KeptHistory) -> None:
        """Add a row of the store to what is known of its query."""
        before = self._known.get(kept.query_id)
        if before is None:
            self._set(kept.query_id, _Known(int(kept.identity, 16), kept.dataset, kept.line))
        else:
            line = to_json(merged(from_json(before.line), from_json(kept.line)))
            self._known[kept.query_id] = before._replace(line=line)

    def of(self, query: Query) -> QueryHistory:
        """What became of the answers of a query; nothing for one that is not known."""
        return reduce(merged, (_read(self._known[key].line) for key in self.ids_of(query)), ())

    def ids_of(self, query: Query) -> Sequence[str]:
        """The ids under which the query is known, that under which more is to be kept first.

        An id that is known with this text counts, with what came without an id for the same text. Else all ids of the
        text count, without those of other data sets where there are some of the same one.
        """
        found = self._ids.get(int(text_identity(query.text, query.domain), 16), ())
        ids = (found,) if isinstance(found, str) else found
        if query.id in ids and not is_derived(query.id):
            others = (key for key in ids if is_derived(key) and self._near(key, query.dataset))
            return [query.id, *others]
        same = [key for key in ids if query.dataset is not None and self._known[key].dataset == query.dataset]
        chosen = [key for key in ids if self._near(key, query.dataset)] if same else list(ids)
        return sorted(chosen, key=is_derived)

    def blocks(self, size: int) -> Iterator[Block]:
        """Everything, `size` queries at a time."""
        items = iter(self._known.items())
        while block := list(islice(items, size)):
            yield (
                [key for key, _ in block],
                [f"{known.identity:016x}" for _, known in block],
                [known.dataset for _, known in block],
                [known.line for _, known in block],
            )

    def restore(self, block: Block) -> None:
        """Take over what `blocks` gave."""
        for key, identity, dataset, line in zip(*block, strict=True):
            self._set(key, _Known(int(identity, 16), dataset, line))

    def _near(self, key: str, dataset: str | None) -> bool:
        known = self._known[key].dataset
        return known is None or dataset is None or known == dataset

    def _set(self, key: str, known: _Known) -> None:
        before = self._known.get(key)
        if known.dataset is not None:
            known = known._replace(dataset=sys.intern(known.dataset))
        self._known[key] = known
        if before is None:
            beside = self._ids.get(known.identity)
            ids = () if beside is None else (beside,) if isinstance(beside, str) else beside
            self._ids[known.identity] = (*ids, key) if ids else key
