"""Ids of stored queries and rollouts, derived from their content when the caller brings none.

Pure functions: the same content sent again gets the same ids on any machine, which is what makes a repeated
POST /v1/experience change nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from memreward_proto.records import Experience, Rollout, StoredRollout

DIGEST_BYTES = 12
"""96 bits: among 10 million ids the chance of one collision is below 1e-15."""


_DERIVED = re.compile(r"q-[0-9a-f]{24}")


def query_id(text: str, domain: str | None, dataset: str | None) -> str:
    """The id of a query that came without one: `q-` and 24 hex digits of its text, domain and dataset."""
    return "q-" + _digest(text, domain, dataset)


def is_derived(query_id: str) -> bool:
    """Whether an id has the form of those that `query_id` derives: its query came without one."""
    return _DERIVED.fullmatch(query_id) is not None


def text_identity(text: str, domain: str | None) -> str:
    """16 hex digits, equal for queries of one domain whose texts differ only in Unicode composition and in spacing."""
    spaced = " ".join(unicodedata.normalize("NFC", text).split())
    return hashlib.blake2b(json.dumps([spaced, domain]).encode("ascii"), digest_size=8).hexdigest()


def rollout_id(query_id: str, rollout: Rollout, policy: str | None, step: int | None, occurrence: int) -> str:
    """The id of a rollout that came without one: `r-` and 24 hex digits; its label is no part of it.

    `occurrence` counts from 0 the identical rollouts of the query within one call, so that two equal
    responses sampled in one group stay two rollouts. A rollout without a behaviour has the id that it had before
    there was such a field.
    """
    content = (rollout.response, rollout.thinking, rollout.answer, rollout.answer_key)
    behaviour = () if rollout.behaviour is None else (rollout.behaviour,)
    return "r-" + _digest(query_id, *content, policy, step, occurrence, *behaviour)


def with_ids(queries: Sequence[Experience]) -> list[Experience]:
    """The queries of one call with every id of a query or rollout filled in that is not given; other ids stay.

    A query given twice in the call counts its identical rollouts over both places.
    """
    seen: Counter[str] = Counter()
    return [_with_ids(experience, seen) for experience in queries]


def _with_ids(experience: Experience, seen: Counter[str]) -> Experience:
    given = experience.id or query_id(experience.text, experience.domain, experience.dataset)
    return replace(
        experience, id=given, rollouts=tuple(_with_id(given, stored, seen) for stored in experience.rollouts)
    )


def _with_id(query_id: str, stored: StoredRollout, seen: Counter[str]) -> StoredRollout:
    if stored.id:
        return stored
    first = rollout_id(query_id, stored, stored.policy, stored.step, 0)
    occurrence = seen[first]
    seen[first] += 1
    if occurrence == 0:
        return replace(stored, id=first)
    return replace(stored, id=rollout_id(query_id, stored, stored.policy, stored.step, occurrence))


def _digest(*parts: str | int | tuple[tuple[str, ...], ...] | None) -> str:
    """JSON keeps the parts apart, and None from "None"; its ASCII form takes any Python string."""
    content = json.dumps(parts).encode("ascii")
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).hexdigest()
