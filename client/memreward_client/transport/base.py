"""What a transport does, and the address of a service: http:// and https:// are HTTP, grpc:// and grpcs:// are gRPC.

A transport carries a call once and knows nothing of repetition.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from memreward_client.calls import Call
from memreward_client.errors import InvalidArgument, InvalidUrl
from memreward_proto.plain import Json, plain
from memreward_proto.records import Record

Answer = Record | Json
"""An answer of the service: its record, or the JSON of it."""
LOCAL_URL = "http://127.0.0.1:8080"
"""Where `memreward serve` listens without options."""
CONNECT_SECONDS = 5.0
"""How long opening a connection may take."""
GRPC_PORT = 50051
"""The port of a grpc:// URL that names none."""
SCHEMES = ("http", "https", "grpc", "grpcs")


class Transport(Protocol):
    """Carries calls, blocking. May be used by several threads at once."""

    def send(self, call: Call[Any], seconds: float) -> Answer:
        """The answer. Raises MemRewardError for everything else that can happen within `seconds`."""

    def ready(self, seconds: float) -> bool:
        """Whether the service says that it can predict rewards. Raises MemRewardError if it cannot be asked."""

    def close(self) -> None:
        """Close the connections."""


class AsyncTransport(Protocol):
    """Carries calls, awaiting, within one event loop."""

    async def asend(self, call: Call[Any], seconds: float) -> Answer:
        """As Transport.send."""

    async def aready(self, seconds: float) -> bool:
        """As Transport.ready."""

    async def aclose(self) -> None:
        """Close the connections."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service is. `url` has no key in it, so that it may be shown; `api_key` None: none is sent."""

    scheme: str
    url: str
    host: str
    port: int | None
    api_key: str | None = field(default=None, repr=False)

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme in ("https", "grpcs")


def parse_address(url: str, api_key: str | None = None) -> Address:
    """The address that `url` names; a password in it is an API key, if `api_key` is not given.

    Raises InvalidUrl, and InvalidArgument for a key that no header can carry.
    """
    wanted = f"a URL of a service starts with {', '.join(f'{each}://' for each in SCHEMES)}, as {LOCAL_URL} does."
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidUrl(f"The URL of the service cannot be read ({error}): {wanted}") from None
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
    if parts.scheme not in SCHEMES or not host:
        raise InvalidUrl(f"{shown if parts.netloc else url} is no URL of a service: {wanted}")
    if parts.query or parts.fragment or (parts.scheme.startswith("grpc") and parts.path.strip("/")):
        raise InvalidUrl(f"{shown} is no URL of a service: leave out what follows the port.")
    key = api_key or (unquote(parts.password) if parts.password else None)
    if key and not (key.isascii() and key.isprintable() and key == key.strip()):
        raise InvalidArgument(
            "The API key holds a space around it, a line break or a letter beyond ASCII, which no header can carry: "
            "give the key alone.",
            {"field": "api_key"},
        )
    return Address(parts.scheme, shown, host, port, key)


def json_text(request: Record | Mapping[str, Any]) -> bytes:
    """The request of a call as JSON. Half a surrogate pair goes as its escape, for UTF-8 has no form of it: the service
    says that the rollout is invalid, and scores the others. Raises InvalidArgument for a value that JSON does not have.
    """
    try:
        return json.dumps(plain(request), ensure_ascii=False, allow_nan=False).encode(errors="backslashreplace")
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidArgument(f"The request cannot be written as JSON ({error}): correct its fields.") from error
