"""What a client is made of, and all that a pickled client takes along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from memreward_client.retries import Retries, Timeouts
from memreward_client.transport.base import Address

Carrier = TypeVar("Carrier")


@dataclass(frozen=True, slots=True)
class Configuration(Generic[Carrier]):
    """The arguments of a client, checked. `transport` None: the one that the address names."""

    address: Address
    timeouts: Timeouts
    retries: Retries
    await_service: bool
    transport: Carrier | None
