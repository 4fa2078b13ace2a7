"""Queries of rollout files as the JSON that a caller without the client sends."""

from __future__ import annotations

from typing import Any

from memreward_client.files.convert import experience_of, group_of
from memreward_client.files.rollouts import FileQuery
from memreward_proto.plain import plain


def experience_json(query: FileQuery, *, with_labels: bool) -> dict[str, Any]:
    """A query of POST /v1/experience."""
    return plain(experience_of(query, with_labels=with_labels))


def group_json(query: FileQuery, group_id: str, *, with_labels: bool) -> dict[str, Any]:
    """A group of POST /v1/rewards."""
    return plain(group_of(query, group_id, with_labels=with_labels))
