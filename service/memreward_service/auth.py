"""Bearer keys (RFC 6750) for both transports: one check of one header value."""

from __future__ import annotations

import base64
import binascii
import hmac

from memreward_proto.errors import Unauthenticated


class Keys:
    """The keys that open the service; without any, everyone may call."""

    def __init__(self, keys: frozenset[str]) -> None:
        self._keys = tuple(key.encode() for key in keys)

    def check(self, authorization: str | None, *, basic: bool = False) -> None:
        """Pass, or raise Unauthenticated. Every key is compared, each in constant time.

        `basic`: the key may also be the password of Basic credentials (RFC 7617), which is how callers that can
        configure nothing but a URL send the KEY of http://:KEY@host.
        """
        if not self._keys:
            return
        if authorization is None:
            raise Unauthenticated("This service needs an API key: send the header Authorization: Bearer <key>.")
        scheme, _, given = authorization.partition(" ")
        if basic and scheme.casefold() == "basic":
            scheme, given = "bearer", _password(given)
        matches = [hmac.compare_digest(given.strip().encode(), key) for key in self._keys]
        if scheme.casefold() != "bearer" or not any(matches):
            raise Unauthenticated("The API key is wrong: send Authorization: Bearer <key> with a key of the service.")


def _password(credentials: str) -> str:
    """The password of Basic credentials; "" where they cannot be read, which is no key."""
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
