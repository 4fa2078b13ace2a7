"""A transport for tests, under both clients."""

from __future__ import annotations

from typing import Any

import pytest

from client.callers import caller
from memreward_client import Call, Group, InvalidArgument, MockTransport, Query, Retries, Rollout, Unavailable


@pytest.mark.parametrize("kind", ["blocking", "async"])
def test_a_handler_answers_and_its_calls_are_kept(kind: str) -> None:
    failures = [Unavailable("Stopping."), Unavailable("Stopping.")]

    def handler(call: Call[Any]) -> dict[str, Any]:
        if failures:
            raise failures.pop()
        return {"models": []} if call.rpc == "ListModels" else {"queries": []}

    transport = MockTransport(handler, ready=False)
    with caller(kind, "http://nowhere", transport=transport, retries=Retries(first_wait=0.001)) as client:
        assert client.models() == ()
        assert client.find_queries("near", k=3) == ()
        assert client.ready() is False
    assert [call.rpc for call in transport.calls] == ["ListModels"] * 3 + ["FindQueries"]
    assert transport.calls[-1].fields == {"text": "near", "k": 3}


@pytest.mark.parametrize("kind", ["blocking", "async"])
def test_only_what_a_wire_can_carry_passes(kind: str) -> None:
    transport = MockTransport(lambda _: {})
    with caller(kind, "http://nowhere", transport=transport) as client, pytest.raises(InvalidArgument, match="as JSON"):
        client.score([Group(Query("2 + 2?"), [Rollout("4", label=float("nan"))])])
    assert transport.calls == []
