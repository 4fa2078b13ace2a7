"""Dicts to protobuf messages and back, from the descriptors of memreward.v1 alone: the wire mirrors JSON by field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from memreward_proto import reward_pb2

from .wire import Json

SERVICE = "memreward.v1.RewardService"
NESTED_IDS = "memreward.v1.RolloutIds"
"""The one message that is a bare list in JSON: protobuf has no list of lists."""

Writer = Callable[[Message], Any]


@dataclass(frozen=True, slots=True)
class Method:
    """One rpc: `request` makes its message of fields (dicts for messages inside), `read` the JSON of its answer."""

    invoke: Any
    request: Callable[..., Message]
    read: Callable[[Message], Json]


def rpc_methods(channel: Any) -> dict[str, Method]:
    """The methods of the service by name, over a channel of grpc."""
    methods = {}
    for name, described in reward_pb2.DESCRIPTOR.services_by_name[SERVICE.rpartition(".")[2]].methods_by_name.items():
        request, answer = (getattr(reward_pb2, kind.name) for kind in (described.input_type, described.output_type))
        invoke = channel.unary_unary(
            f"/{SERVICE}/{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=answer.FromString,
        )
        methods[name] = Method(invoke, request, message_json)
    return methods


def message_json(message: Message) -> Json:
    """A message as HTTP writes it: every field is present, an absent optional one is None."""
    return {name: write(message) for name, write in _writers(message.DESCRIPTOR)}


@cache
def _writers(descriptor: Descriptor) -> tuple[tuple[str, Writer], ...]:
    """How each field of a message kind is written."""
    return tuple((field.name, _writer(field)) for field in descriptor.fields)


def _writer(field: FieldDescriptor) -> Writer:
    name, inner = field.name, field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        return lambda message: dict(getattr(message, name))
    if inner is not None and inner.full_name == NESTED_IDS:
        return lambda message: [list(each.ids) for each in getattr(message, name)]
    if _repeated(field):
        if inner is not None:
            return lambda message: [message_json(each) for each in getattr(message, name)]
        return lambda message: list(getattr(message, name))
    if inner is not None:
        return lambda message: message_json(getattr(message, name)) if message.HasField(name) else None
    if field.has_presence:
        return lambda message: getattr(message, name) if message.HasField(name) else None
    return lambda message: getattr(message, name)


def _repeated(field: FieldDescriptor) -> bool:
    # protobuf 6 brought is_repeated and warns of label; protobuf 5 has label only.
    if (told := getattr(field, "is_repeated", None)) is not None:
        return bool(told)
    described: Any = field
    return bool(described.label == described.LABEL_REPEATED)
