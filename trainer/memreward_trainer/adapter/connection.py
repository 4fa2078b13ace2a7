"""Where the reward service is, and which domain queries have: as the configurations of trainers write it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache

from memreward_client import AsyncRewardClient, Domain

URL_VARIABLE = "MEMREWARD_URL"
KEY_VARIABLE = "MEMREWARD_API_KEY"


@dataclass(frozen=True, slots=True)
class Connection:
    """The address of a service, http(s):// or grpc(s)://, and the key it may ask for; picklable, opens nothing."""

    url: str
    api_key: str | None = field(default=None, repr=False)

    @classmethod
    def named(cls, url: str | None = None, api_key: str | None = None) -> Connection:
        """The connection to `url`; MEMREWARD_URL and MEMREWARD_API_KEY stand in for what is not given.

        Raises:
            ValueError: neither says where the service is.
        """
        found = url or os.environ.get(URL_VARIABLE)
        if not found:
            raise ValueError(
                f"Nothing says where the reward service is: configure url, or set {URL_VARIABLE}, "
                "for example to http://127.0.0.1:8080."
            )
        return cls(found, api_key or os.environ.get(KEY_VARIABLE))


@cache
def async_client(connection: Connection) -> AsyncRewardClient:
    """The client of this process for `connection`: functions that a trainer calls over and over share its sockets."""
    return AsyncRewardClient(connection.url, connection.api_key)


def known_domain(name: object) -> Domain | None:
    """The domain of that name; None, the service's own choice by the name of the data set, where it is None.

    Raises:
        ValueError: there is no such domain.
    """
    if name is None:
        return None
    try:
        return Domain(str(name))
    except ValueError:
        raise ValueError(f"There is no domain {name!r}: use one of {', '.join(Domain)}.") from None
