"""The part of a service that stores experience, for tests of what a trainer sends to it."""

from __future__ import annotations

import json
from typing import Any

from memreward_client import InvalidArgument


class Memory:
    """A handler of MockTransport that keeps the `requests` it takes.

    With `error`, it takes none; one that holds the response `refused` is refused whole, as the service does it.
    """

    def __init__(self, refused: str | None = None, error: Exception | None = None) -> None:
        self.requests: list[list[dict[str, Any]]] = []
        self.refused, self.error = refused, error

    def __call__(self, call: Any) -> Any:
        assert call.rpc == "AddExperience"
        if self.error is not None:
            raise self.error
        queries = json.loads(json.dumps(call.fields["queries"]))
        if any(rollout["response"] == self.refused for query in queries for rollout in query["rollouts"]):
            raise InvalidArgument("A response is too bad.")
        self.requests.append(queries)
        counts = {"queries_added": 1, "rollouts_added": 1, "labels_changed": 1}
        return {"version": 1, **counts, "query_ids": [""], "rollout_ids": [[""]]}

    @property
    def queries(self) -> list[dict[str, Any]]:
        """Of all requests, in order."""
        return [query for request in self.requests for query in request]

    @property
    def rollouts(self) -> list[dict[str, Any]]:
        """Of all queries, in order."""
        return [rollout for query in self.queries for rollout in query["rollouts"]]

    @property
    def labels(self) -> dict[str, float]:
        """response -> label."""
        return {rollout["response"]: rollout["label"] for rollout in self.rollouts}
