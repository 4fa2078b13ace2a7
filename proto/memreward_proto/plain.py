"""Records to the JSON of /v1 and back, by the types of their fields, with the standard library alone.

The client speaks HTTP with this, and the service keeps groups with it; requests to the service are read by pydantic,
which checks them. What is None is left out. Numbers are made plain on the way (a NumPy label or index is a number too).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache, partial
from operator import index
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Kind = TypeVar("Kind")
Json = dict[str, Any]
Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class FieldShape:
    """One field of a record: the `kind` of its value, or of the innermost items where it holds `lists` of them."""

    name: str
    kind: type
    lists: int
    """How many lists stand around a value: 0, or 2 for a list of lists."""
    optional: bool
    """Whether it may be None."""
    required: bool
    """Whether it has no value of its own."""


@cache
def shape_of(record: Any) -> tuple[FieldShape, ...]:
    """The fields of a record, in order."""
    hints = get_type_hints(record)
    return tuple(_shape(hints[each.name], each) for each in fields(record))


def _shape(hint: Any, of: Any) -> FieldShape:
    optional, lists = False, 0
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
        optional = True
    while get_origin(hint) in (tuple, Sequence):
        hint, lists = get_args(hint)[0], lists + 1
    required = of.default is MISSING and of.default_factory is MISSING
    return FieldShape(of.name, get_origin(hint) or hint, lists, optional, required)


def plain(value: Any) -> Any:
    """A record, or a list or an object of records, as JSON values. Raises TypeError for what no JSON can hold."""
    if is_dataclass(value):
        writers = _writers(cast(Hashable, type(value)))
        return {name: write(part) for name, write in writers if (part := getattr(value, name)) is not None}
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items() if part is not None}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value


@cache
def _writers(record: Any) -> tuple[tuple[str, Convert], ...]:
    numbers: dict[type, Convert] = {float: float, int: index, bool: bool}
    found: list[tuple[str, Convert]] = []
    for each in shape_of(record):
        write = numbers.get(each.kind, plain if is_dataclass(each.kind) else _as_it_is)
        for _ in range(each.lists):
            write = _each(write, list)
        found.append((each.name, write))
    return tuple(found)


def record_of(kind: type[Kind], given: Mapping[str, Any]) -> Kind:
    """The record that is written as `given`; a field of a newer version is passed over.

    Raises KeyError where a field is missing, TypeError where there is no object or list.
    """
    readers = _readers(cast(Hashable, kind))
    return kind(**{name: read(given[name]) for name, required, read in readers if required or name in given})


@cache
def _readers(record: Any) -> tuple[tuple[str, bool, Convert], ...]:
    found: list[tuple[str, bool, Convert]] = []
    for each in shape_of(record):
        read = reader_of(each.kind)
        for _ in range(each.lists):
            read = _each(read, tuple)
        found.append((each.name, each.required, _or_none(read)))
    return tuple(found)


def reader_of(kind: Any) -> Convert:
    """Turns one JSON value into a value of a kind. A word that this version does not know stays as it is."""
    if is_dataclass(kind):
        return partial(record_of, cast(type[Any], kind))
    if issubclass(kind, Enum):
        words = {each.value: each for each in kind}
        return lambda word: words.get(word, word)
    return _as_it_is


def _each(convert: Convert, into: type) -> Convert:
    """Converts the items of a list. A text would pass for a list of letters, and is an error."""

    def convert_all(items: Any) -> Any:
        if isinstance(items, str | Mapping):
            raise TypeError(f"{items!r:.80} stands where a list belongs")
        return into(map(convert, items))

    return convert_all


def _or_none(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _as_it_is(value: Any) -> Any:
    return value
