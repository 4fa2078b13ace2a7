"""Protobuf messages of memreward.v1 to records and back, for both ends of gRPC: a message has the fields of its record.

Everything is found by the descriptors of the contract and the types of the records; no field is named here. This is the
only module beside the stubs that imports protobuf.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import is_dataclass
from functools import cache, partial
from typing import Any, TypeVar, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from memreward_proto.plain import FieldShape, reader_of, shape_of

Kind = TypeVar("Kind")
Convert = Callable[[Any], Any]
LISTS = {"memreward.v1.RolloutIds": "ids", "memreward.v1.Behaviour": "sets", "memreward.v1.Outcomes": "outcomes"}
"""Messages that are bare lists in JSON and in records, by their only field: protobuf has no list of lists."""


class MissingField(LookupError):
    """A field that the record needs is absent from the message; `field` is its place, as in groups[0].query."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is missing")
        self.field = field


def message_of(kind: type[Message], value: Any) -> Message:
    """The message of a record, or of an object of fields. None leaves a field absent.

    Raises TypeError or ValueError for what the message cannot hold.
    """
    return kind(**_writer(kind.DESCRIPTOR)(value))


@cache
def _writer(descriptor: Descriptor) -> Convert:
    """Turns a record into what the constructor of its message takes."""
    parts = [(field.name, _field_writer(field)) for field in descriptor.fields]
    if (only := LISTS.get(descriptor.full_name)) is not None:
        ((_, write_all),) = parts
        return lambda items: {only: write_all(items)}

    def write(value: Any) -> Any:
        get = value.get if isinstance(value, Mapping) else partial(getattr, value)
        return {name: write(part) for name, write in parts if (part := get(name)) is not None}

    return write


def _field_writer(field: FieldDescriptor) -> Convert:
    inner = field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        return dict
    write: Convert = _as_it_is if inner is None else _writer(inner)
    return _all_of(write) if _repeated(field) else write


def _all_of(write: Convert) -> Convert:
    def write_all(items: Any) -> list[Any]:
        # A text would pass for a list of letters.
        if isinstance(items, str | Mapping):
            raise TypeError(f"{items!r:.80} stands where a list belongs")
        return list(items) if write is _as_it_is else [write(item) for item in items]

    return write_all


def record_of(kind: type[Kind], message: Message) -> Kind:
    """The record of a message. An absent optional field is None. Raises MissingField."""
    return kind(**{name: read(message) for name, read in _readers(cast(Hashable, kind), message.DESCRIPTOR)})


@cache
def _readers(kind: Any, descriptor: Descriptor) -> tuple[tuple[str, Convert], ...]:
    """How each field of a record is read from its message."""
    return tuple((each.name, _field_reader(each, descriptor.fields_by_name[each.name])) for each in shape_of(kind))


def _field_reader(shape: FieldShape, field: FieldDescriptor) -> Convert:
    name, inner = field.name, field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        return lambda message: dict(getattr(message, name))
    if _repeated(field):
        return _list_reader(shape, field)
    read = _value_reader(shape, inner)
    if not field.has_presence:
        return lambda message: read(getattr(message, name))
    absent_allowed = shape.optional

    def read_present(message: Any) -> Any:
        if message.HasField(name):
            return _placed(name, read, getattr(message, name)) if inner is not None else read(getattr(message, name))
        if absent_allowed:
            return None
        raise MissingField(name)

    return read_present


def _list_reader(shape: FieldShape, field: FieldDescriptor) -> Convert:
    name = field.name
    if field.message_type is None:
        return lambda message: tuple(getattr(message, name))
    read = _value_reader(shape, field.message_type)
    return lambda message: tuple(
        _placed(f"{name}[{place}]", read, each) for place, each in enumerate(getattr(message, name))
    )


def _value_reader(shape: FieldShape, inner: Descriptor | None) -> Convert:
    """How one value is read: a message, or a scalar where `inner` is None."""
    if inner is None:
        return reader_of(shape.kind)
    if inner.full_name in LISTS:
        return _bare_list
    if not is_dataclass(shape.kind):
        raise TypeError(f"{shape.name} is a message, and {shape.kind} is no record")
    return partial(record_of, shape.kind)


def _bare_list(message: Any) -> tuple[Any, ...]:
    items = getattr(message, LISTS[message.DESCRIPTOR.full_name])
    return tuple(_bare_list(each) if isinstance(each, Message) else each for each in items)


def _placed(place: str, read: Convert, value: Any) -> Any:
    try:
        return read(value)
    except MissingField as error:
        raise MissingField(f"{place}.{error.field}") from None


def _as_it_is(value: Any) -> Any:
    return value


def _repeated(field: FieldDescriptor) -> bool:
    # protobuf 6 brought is_repeated and warns of label; protobuf 5 has label only.
    if (told := getattr(field, "is_repeated", None)) is not None:
        return bool(told)
    described: Any = field
    return bool(described.label == described.LABEL_REPEATED)
