"""What a client is told when it is made: all of it that a pickled client takes along."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from memreward_client.errors import InvalidArgument
from memreward_client.retries import Conversation, Patience
from memreward_client.transport.base import Address, parse_address

Carrier = TypeVar("Carrier")


@dataclass(frozen=True)
class Setup(Generic[Carrier]):
    """The configuration of a client; the key is in no repr. Raises InvalidUrl, InvalidArgument."""

    url: str = field(repr=False)
    api_key: str | None = field(repr=False)
    patience: Patience
    await_service: bool
    transport: Carrier | None
    address: Address = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", parse_address(self.url, self.api_key))
        for name in ("timeout", "hold", "deadline"):
            if not getattr(self.patience, name) > 0:
                raise InvalidArgument(f"{name} must be more than 0 seconds.", {"field": name})

    def conversation(self) -> Conversation:
        """A fresh conversation with the service."""
        return Conversation(self.patience, await_service=self.await_service)
