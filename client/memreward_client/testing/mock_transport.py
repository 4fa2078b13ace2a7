"""A transport for tests: a function answers the calls, and nothing leaves the process. In the spirit of httpx.

    def handler(call):
        if call.rpc == "GetMemory":
            raise Unavailable("The service is stopping.")
        return {"models": []}

    client = RewardClient(transport=MockTransport(handler))

`call.rpc` is the name of the call in proto/memreward_proto/reward.proto, `call.fields` its JSON; the handler returns
the answer, as a record or as its JSON. FakeService is a handler that scores.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from memreward_client.calls import Call
from memreward_client.transport.base import Answer, json_text

Handler = Callable[[Call[Any]], Answer]


class MockTransport:
    """Answers every call by `handler`, which may raise MemRewardError; for both clients.

    `calls` are those that were sent, repeated ones included. `ready` is what the service says of itself.
    """

    def __init__(self, handler: Handler, *, ready: bool = True) -> None:
        self.calls: list[Call[Any]] = []
        self._handler = handler
        self._ready = ready

    def send(self, call: Call[Any], seconds: float) -> Answer:  # noqa: ARG002 - the handler answers at once
        """What the handler says; as over a wire, the fields are a copy, and only JSON passes."""
        call = replace(call, request=json.loads(json_text(call.request)))
        self.calls.append(call)
        return self._handler(call)

    async def asend(self, call: Call[Any], seconds: float) -> Answer:
        """As send."""
        return self.send(call, seconds)

    def ready(self, seconds: float) -> bool:  # noqa: ARG002
        """What was said at the start."""
        return self._ready

    async def aready(self, seconds: float) -> bool:
        """As ready."""
        return self.ready(seconds)

    def close(self) -> None:
        """There is nothing to close."""

    async def aclose(self) -> None:
        """There is nothing to close."""
