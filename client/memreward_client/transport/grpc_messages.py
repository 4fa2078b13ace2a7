"""Dicts to protobuf messages and back, from the descriptors of memreward.v1 alone: the wire mirrors JSON by field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from memreward_client.wire import Json
from memreward_proto import reward_pb2

SERVICE = "memreward.v1.RewardService"
LISTS = {"memreward.v1.RolloutIds": "ids", "memreward.v1.Behaviour": "sets", "memreward.v1.Outcomes": "outcomes"}
"""Messages that are bare lists in JSON, by their only field: protobuf has no list of lists."""

Writer = Callable[[Message], Any]
Wrapper = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Method:
    """One rpc: `request` makes its message of fields, JSON inside, `read` the JSON of its answer."""

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
        methods[name] = Method(invoke, _maker(request), message_json)
    return methods


def _maker(kind: type[Message]) -> Callable[..., Message]:
    """Makes a message of its fields. Raises TypeError or ValueError for what it cannot hold."""
    wrap: Wrapper = _wrapper(kind.DESCRIPTOR) or dict
    make: Callable[..., Message] = kind
    return lambda **fields: make(**wrap(fields))


@cache
def _wrapper(descriptor: Descriptor) -> Wrapper | None:
    """Turns the JSON of a message into what its constructor takes; None where that is the JSON itself."""
    inner = {
        field.name: (wrapper, _repeated(field))
        for field in descriptor.fields
        if field.message_type is not None and (wrapper := _wrapper(field.message_type)) is not None
    }
    if (only := LISTS.get(descriptor.full_name)) is not None:
        wrap_all = inner[only][0] if only in inner else None
        return lambda items: {only: items if wrap_all is None else [wrap_all(item) for item in items]}
    if not inner:
        return None

    def wrap(fields: Any) -> Any:
        if not isinstance(fields, Mapping):
            return fields  # the constructor says what is wrong
        found = {}
        for name, (wrapper, repeated) in inner.items():
            if (value := fields.get(name)) is not None:
                found[name] = [wrapper(each) for each in value] if repeated else wrapper(value)
        return {**fields, **found} if found else fields

    return wrap


def message_json(message: Message) -> Any:
    """A message as HTTP writes it: every field is present, an absent optional one is None."""
    written = {name: write(message) for name, write in _writers(message.DESCRIPTOR)}
    only = LISTS.get(message.DESCRIPTOR.full_name)
    return written if only is None else written[only]


@cache
def _writers(descriptor: Descriptor) -> tuple[tuple[str, Writer], ...]:
    """How each field of a message kind is written."""
    return tuple((field.name, _writer(field)) for field in descriptor.fields)


def _writer(field: FieldDescriptor) -> Writer:
    name, inner = field.name, field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        return lambda message: dict(getattr(message, name))
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
