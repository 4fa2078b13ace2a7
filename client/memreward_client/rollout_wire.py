"""What a query of a rollout file looks like on the wire, and back (the JSON of /v1, see the README)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from .rollout_files import FileQuery, FileRollout

Item = TypeVar("Item")


def experience_json(query: FileQuery, *, with_labels: bool) -> dict[str, Any]:
    """A query of POST /v1/experience. `ground_truth` and `tests` belong to a verifier and stay here."""
    rollouts = []
    for rollout in query.rollouts:
        memory = {"id": rollout.id, "policy": rollout.policy, "step": rollout.step}
        if with_labels and rollout.label is not None:
            memory["label_source"] = rollout.label_source
        rollouts.append(_rollout_json(rollout, with_labels) | _given(memory))
    return _query_json(query) | {"rollouts": rollouts}


def group_json(query: FileQuery, group_id: str, *, with_labels: bool) -> dict[str, Any]:
    """A group of POST /v1/rewards; a label that is sent is evidence for its siblings."""
    return {
        "group_id": group_id,
        "query": _query_json(query),
        "rollouts": [_rollout_json(rollout, with_labels) for rollout in query.rollouts],
    }


def file_query(stored: Mapping[str, Any]) -> FileQuery:
    """A query of GET /v1/experience as a rollout file keeps it, ids and all."""
    return FileQuery(
        query=stored["text"],
        rollouts=tuple(
            FileRollout(**{name: rollout[name] for name in FileRollout.__dataclass_fields__ if name in rollout})
            for rollout in stored["rollouts"]
        ),
        id=stored["id"],
        dataset=stored["dataset"],
        domain=stored["domain"],
    )


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` items, the last one shorter."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _query_json(query: FileQuery) -> dict[str, Any]:
    return _given({"text": query.query, "id": query.id, "domain": query.domain, "dataset": query.dataset})


def _rollout_json(rollout: FileRollout, with_labels: bool) -> dict[str, Any]:
    fields = {
        "response": rollout.response,
        "thinking": rollout.thinking,
        "answer": rollout.answer,
        "answer_key": rollout.answer_key,
        "label": rollout.label if with_labels else None,
    }
    return _given(fields)


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
