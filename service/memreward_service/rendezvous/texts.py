"""The texts of a group as JSON. They are kept apart from its state, because they are long and never change.

ASCII only, so that any Python string survives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from memreward_proto.records import Domain, Query, Rollout

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
    rollouts = {str(index): _json(rollout) for index, rollout in texts.rollouts.items()}
    return {QUERY: _json(texts.query), **rollouts}


def from_fields(named: Mapping[str, str]) -> Texts:
    """The texts that `to_fields` wrote."""
    rollouts = {int(name): _rollout(text) for name, text in named.items() if name != QUERY}
    facts: dict[str, Any] = json.loads(named[QUERY])
    return Texts(Query(**{**facts, "domain": Domain(facts["domain"])}), rollouts)


def _json(record: Query | Rollout) -> str:
    return json.dumps({field.name: getattr(record, field.name) for field in fields(record)})


def _rollout(text: str) -> Rollout:
    facts: dict[str, Any] = json.loads(text)
    behaviour = facts.pop("behaviour")
    return Rollout(**facts, behaviour=None if behaviour is None else tuple(map(tuple, behaviour)))
