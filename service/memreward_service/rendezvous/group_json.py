"""Queries, rollouts and answers as JSON: the form in which groups are kept in Redis and in the durable store.

ASCII only, so that any Python string survives, and numbers in full, so that an answer read back is the answer given.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from memreward_proto.records import (
    Domain,
    GroupKey,
    LabelRequest,
    PlanReason,
    Query,
    Rollout,
    RolloutReward,
    Source,
    Status,
)


def to_json(record: Query | Rollout | RolloutReward | GroupKey | LabelRequest) -> str:
    """A record as JSON."""
    return json.dumps({field.name: getattr(record, field.name) for field in fields(record)})


def key_from(text: str) -> GroupKey:
    """The key that `to_json` wrote."""
    return GroupKey(**json.loads(text))


def query_from(text: str) -> Query:
    """The query that `to_json` wrote."""
    fields: dict[str, Any] = json.loads(text)
    return Query(**{**fields, "domain": Domain(fields["domain"])})


def rollout_from(text: str) -> Rollout:
    """The rollout that `to_json` wrote."""
    fields: dict[str, Any] = json.loads(text)
    behaviour = fields.pop("behaviour", None)
    return Rollout(**fields, behaviour=None if behaviour is None else tuple(map(tuple, behaviour)))


def request_from(text: str) -> LabelRequest:
    """The label request that `to_json` wrote."""
    fields: dict[str, Any] = json.loads(text)
    return LabelRequest(PlanReason(fields["reason"]), fields["gain"])


def answer_from(text: str) -> RolloutReward:
    """The answer that `to_json` wrote."""
    fields: dict[str, Any] = json.loads(text)
    source = fields["source"]
    return RolloutReward(
        **{**fields, "status": Status(fields["status"]), "source": None if source is None else Source(source)}
    )
