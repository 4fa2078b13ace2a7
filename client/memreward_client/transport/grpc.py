"""Calls over gRPC: the records of a call as messages, by the descriptors of the contract (memreward_proto/codec.py).

One channel serves threads and event loops alike: a call that is awaited is a future of the channel, whose end is
passed to the event loop. So nothing belongs to one loop, and a cancelled await cancels its call. One class serves both
clients: `asend`, a future, would make blocking calls slower.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from memreward_client.calls import Call
from memreward_client.errors import (
    InvalidArgument,
    MemRewardError,
    MissingExtra,
    NotMemReward,
    TooLarge,
    Unreachable,
    service_error,
)
from memreward_client.transport.base import GRPC_PORT, Address
from memreward_client.transport.proxies import place_of, proxy_of
from memreward_proto.records import Record

try:
    import grpc

    from memreward_proto import reward_pb2
    from memreward_proto.codec import MissingField, message_of, record_of
except ImportError as error:
    raise MissingExtra(
        f"A grpc:// URL needs the extra grpc ({error}): pip install 'memreward[grpc]', or use the http:// URL."
    ) from error

SERVICE = "memreward.v1.RewardService"
ERROR_KEY = "memreward-error-bin"
"""Trailing metadata that carries the error object as JSON."""
OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Repetition is decided in retries.py, and a service that comes back is to be met soon.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 2000),
    # A pool of connections of its own: another client's backoff is not ours.
    ("grpc.use_local_subchannel_pool", 1),
)
NEVER_SENT = ("failed to connect", "errors resolving", "DNS resolution failed")
"""How gRPC begins to say that no connection came about."""
HALF_A_PAIR = re.compile("[\ud800-\udfff]")
READY = b"\x0a" + bytes([len(SERVICE)]) + SERVICE.encode()
"""A grpc.health.v1.HealthCheckRequest that names the service: field 1, a string."""
SERVING = b"\x08\x01"
"""The HealthCheckResponse of a service that serves: field 1, an enum."""


_DESCRIBED = reward_pb2.DESCRIPTOR.services_by_name["RewardService"]


class Method:
    """One rpc over a channel: `request` is its kind of message, `invoke` sends one."""

    def __init__(self, channel: grpc.Channel, name: str) -> None:
        described = _DESCRIBED.methods_by_name[name]
        self.request = getattr(reward_pb2, described.input_type.name)
        self.invoke = channel.unary_unary(
            f"/{SERVICE}/{name}",
            request_serializer=self.request.SerializeToString,
            response_deserializer=getattr(reward_pb2, described.output_type.name).FromString,
        )


class GrpcTransport:
    """Calls over one channel; the same object carries blocking and awaited calls."""

    def __init__(self, address: Address) -> None:
        host = f"[{address.host}]" if ":" in address.host else address.host
        target = f"{host}:{address.port or GRPC_PORT}"
        self._url = place_of(address)
        options = (*OPTIONS, ("grpc.enable_http_proxy", int(proxy_of(address) is not None)))
        self._channel = (
            grpc.secure_channel(target, grpc.ssl_channel_credentials(), options)
            if address.secure
            else grpc.insecure_channel(target, options)
        )
        self._metadata = (("authorization", f"Bearer {address.api_key}"),) if address.api_key else ()
        self._methods = {name: Method(self._channel, name) for name in _DESCRIBED.methods_by_name}
        self._health = self._channel.unary_unary("/grpc.health.v1.Health/Check")

    def send(self, call: Call[Any], seconds: float) -> Record:
        """The record of the answer."""
        method = self._methods[call.rpc]
        with _errors(self._url):
            message = method.invoke(_message(method, call), timeout=seconds, metadata=self._metadata)
        return _read(call, message, self._url)

    async def asend(self, call: Call[Any], seconds: float) -> Record:
        """The record of the answer."""
        method = self._methods[call.rpc]
        with _errors(self._url):
            future = method.invoke.future(_message(method, call), timeout=seconds, metadata=self._metadata)
            message = await _awaited(future)
        return _read(call, message, self._url)

    def ready(self, seconds: float) -> bool:
        """What grpc.health.v1 says."""
        with _errors(self._url):
            return bool(self._health(READY, timeout=seconds) == SERVING)

    async def aready(self, seconds: float) -> bool:
        """What grpc.health.v1 says."""
        with _errors(self._url):
            return bool(await _awaited(self._health.future(READY, timeout=seconds)) == SERVING)

    def close(self) -> None:
        """Close the channel; calls in flight end."""
        self._channel.close()

    async def aclose(self) -> None:
        """Close the channel; calls in flight end."""
        self._channel.close()


async def _awaited(call: Any) -> Any:
    """The result of a future of gRPC. A cancelled await cancels the call."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def end() -> None:
        if not ended.done():
            ended.set_result(None)

    def wake(_: object) -> None:
        # A loop that is closed has nobody who waits.
        if not loop.is_closed():
            loop.call_soon_threadsafe(end)

    call.add_done_callback(wake)
    try:
        await ended
    except asyncio.CancelledError:
        call.cancel()
        raise
    return call.result()


@contextmanager
def _errors(url: str) -> Iterator[None]:
    """Inside, an error of gRPC becomes one of the client."""
    try:
        yield
    except grpc.RpcError as error:
        raise _error(error, url) from error


def _message(method: Method, call: Call[Any]) -> Any:
    try:
        try:
            return message_of(method.request, call.request)
        except UnicodeEncodeError:
            return message_of(method.request, _whole_characters(call.fields))
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidArgument(f"The request cannot be written as {call.rpc} ({error}): correct its fields.") from error


def _whole_characters(value: Any) -> Any:
    """The fields of a request with U+FFFF for every half of a surrogate pair, which no message can hold: the service
    says that the rollout is invalid, and scores the others."""
    if isinstance(value, str):
        return HALF_A_PAIR.sub("\uffff", value)
    if isinstance(value, dict):
        return {name: _whole_characters(part) for name, part in value.items()}
    return [_whole_characters(part) for part in value] if isinstance(value, list) else value


def _read(call: Call[Any], message: Any, url: str) -> Record:
    try:
        return record_of(call.answer, message)
    except MissingField as error:
        raise NotMemReward(f"The answer to {call.rpc} of the service at {url} is not complete: {error}.") from error


def _error(error: Any, url: str) -> MemRewardError:
    """What a failed call means: the error object of the service, or what gRPC itself met on the way."""
    for key, value in error.trailing_metadata() or ():
        if key == ERROR_KEY:
            return service_error(json.loads(value))
    status, details = error.code(), str(error.details())
    unserved: dict[Any, Callable[[], MemRewardError]] = {
        grpc.StatusCode.UNAVAILABLE: lambda: _unavailable(details, url),
        grpc.StatusCode.CANCELLED: lambda: Unreachable(f"The connection to the service at {url} was closed."),
        grpc.StatusCode.DEADLINE_EXCEEDED: lambda: Unreachable(f"The service at {url} did not answer in time."),
        grpc.StatusCode.RESOURCE_EXHAUSTED: lambda: TooLarge(f"{details}: send smaller requests."),
    }
    if status in unserved:
        return unserved[status]()
    return NotMemReward(f"What answers at {url} is no MemReward service (gRPC {status.name}): correct the URL.")


def _unavailable(details: str, url: str) -> Unreachable:
    # gRPC has one status for a connection that failed and one that broke; only its words differ.
    if details.startswith(NEVER_SENT):
        sentence = f"No service is reachable at {url}: start one with `memreward serve`, or correct the URL."
        return Unreachable(sentence, {"reason": details}, sent=False)
    return Unreachable(f"The connection to the service at {url} broke ({details}).")
