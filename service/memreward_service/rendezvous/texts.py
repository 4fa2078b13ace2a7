"""The texts of a group as JSON. They are kept apart from its state, because they are long and never change.

ASCII only, so that any Python string survives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from memreward_proto.plain import plain, record_of
from memreward_proto.records import Query, Rollout

QUERY = "query"


class Texts(NamedTuple):
    """What was asked, and the rollouts that have come, by index."""

    query: Query
    rollouts: Mapping[int, Rollout]

    def and_more(self, others: Texts) -> Texts:
        """These and those of others."""
        return Texts(self.query, {**self.rollouts, **others.rollouts})


def to_fields(texts: Texts) -> dict[str, str]:
    """JSON by name: the query under "query", a rollout under its index."""
    rollouts = {str(index): json.dumps(plain(rollout)) for index, rollout in texts.rollouts.items()}
    return {QUERY: json.dumps(plain(texts.query)), **rollouts}


def from_fields(named: Mapping[str, str]) -> Texts:
    """The texts that `to_fields` wrote."""
    rollouts = {int(name): record_of(Rollout, json.loads(text)) for name, text in named.items() if name != QUERY}
    return Texts(record_of(Query, json.loads(named[QUERY])), rollouts)
