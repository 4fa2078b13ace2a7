"""Plain values as JSON, both ways. The only thing that crosses the wall of the sandbox.

Runs on both sides of the wall, so it imports nothing of the project and little of the library. A number, a text or None
stands for itself where JSON keeps it exactly; everything else is an object with one key, its tag:

    list [..]   tuple {"tuple": [..]}   set {"set": [..]}   frozenset {"frozenset": [..]}   dict {"dict": [[k, v], ..]}
    bytes {"bytes": hex}   bytearray {"bytearray": hex}   complex {"complex": [re, im]}   nan, inf {"float": "nan"}
    int beyond 2^53 {"int": hex}   Decimal {"decimal": "1.5"}   Fraction {"fraction": ["1", "2"]}
    anything else {"opaque": ["name of its type", [operations that it lacks], [its attributes]]}

A value of a subclass is written as the plain value it holds, read with the methods of the built-in type: what its
class says about itself (a lying __eq__) stays behind the wall.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from typing import Any

EXACT = 2**53
"""Integers below this size are the same in every JSON reader."""
MAX_DEPTH = 64
"""Containers inside containers; a value that is deeper, or contains itself, is refused."""
MAX_ITEMS = 200_000
"""Values inside one value; one with more is refused."""


class TooLarge(Exception):
    """A value is deeper than MAX_DEPTH or holds more than MAX_ITEMS values."""


class NotPlain(Exception):
    """Something was asked of an opaque value that only the value itself could answer."""


class Opaque:
    """Stands outside for a value that is not plain. It equals no plain value; nothing else can be asked of it.

    An operation that its type lacks (len() of an object()) fails as it does in Python; `attributes` are those that it
    has, None where they are not known.
    """

    def __init__(self, kind: str, lacks: Iterable[str] = (), attributes: Iterable[str] | None = None) -> None:
        self.kind, self.lacks = kind, frozenset(lacks)
        self.attributes = None if attributes is None else frozenset(attributes)

    def __repr__(self) -> str:
        return f"<{self.kind}, not a plain value>"

    def __eq__(self, other: object) -> bool:
        if not holds_opaque(encode(other)):
            return False
        raise NotPlain(f"a {self.kind} was compared with a {type(other).__name__}")

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __getattr__(self, name: str) -> Any:
        if self.attributes is not None and name not in self.attributes:
            raise AttributeError(f"'{self.kind}' object has no attribute '{name}'")
        raise NotPlain(f"a {self.kind} is not a plain value")

    def _refuse(self) -> Any:
        raise NotPlain(f"a {self.kind} is not a plain value")

    __hash__ = object.__hash__
    __bool__ = __str__ = _refuse


OPERATIONS = {
    "__len__": ("__len__",),
    "__iter__": ("__iter__", "__getitem__"),
    "__next__": ("__next__",),
    "__call__": ("__call__",),
    "__getitem__": ("__getitem__", "__class_getitem__"),
    "__setitem__": ("__setitem__",),
    "__contains__": ("__contains__", "__iter__", "__getitem__"),
    "__reversed__": ("__reversed__", "__getitem__"),
    "__enter__": ("__enter__",),
    "__abs__": ("__abs__",),
    "__neg__": ("__neg__",),
    "__pos__": ("__pos__",),
    "__invert__": ("__invert__",),
    "__round__": ("__round__",),
    "__int__": ("__int__", "__index__", "__trunc__"),
    "__float__": ("__float__", "__index__"),
    "__complex__": ("__complex__", "__float__", "__index__"),
    "__index__": ("__index__",),
}
"""Operations on one value, each with the methods of which one is enough for it."""
_PAIRED = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift", "rshift", "matmul")
PAIRED_OPERATIONS = (
    *("__lt__", "__le__", "__gt__", "__ge__"),
    *(f"__{side}{name}__" for name in _PAIRED for side in ("", "r")),
)
"""Operations on two values; where one lacks it, Python asks the other."""
MOST_ATTRIBUTES = 200
"""Attributes of an opaque value that are named."""


def _asked(operation: str) -> Callable[..., Any]:
    def method(self: Opaque, *_args: object) -> Any:
        if operation not in self.lacks:
            raise NotPlain(f"a {self.kind} is not a plain value")
        if operation in PAIRED_OPERATIONS:
            return NotImplemented
        raise TypeError(f"'{self.kind}' object has no {operation}")

    return method


for _operation in (*OPERATIONS, *PAIRED_OPERATIONS):
    setattr(Opaque, _operation, _asked(_operation))


def encode(value: object) -> Any:
    """`value` as what json.dumps takes. Raises TooLarge."""
    budget = [MAX_ITEMS]
    return _encode(value, MAX_DEPTH, budget)


def decode(encoded: Any) -> Any:
    """The value that `encode` was given, opaque ones as Opaque. Raises ValueError for what `encode` never writes."""
    return _decode(encoded, MAX_DEPTH)


def holds_opaque(encoded: Any) -> bool:
    """Whether a part of an encoded value stands for something that is not plain."""
    if isinstance(encoded, list):
        return any(map(holds_opaque, encoded))
    return isinstance(encoded, dict) and ("opaque" in encoded or any(map(holds_opaque, encoded.values())))


def _encode(value: object, depth: int, budget: list[int]) -> Any:
    budget[0] -= 1
    if depth < 0 or budget[0] < 0:
        raise TooLarge
    if value is None or value is True or value is False:
        return value
    if isinstance(value, int):
        number = int.__add__(value, 0)
        return number if -EXACT < number < EXACT else {"int": hex(number)}
    if isinstance(value, float):
        real = float.__add__(value, 0.0)
        return real if math.isfinite(real) else {"float": repr(real)}
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, list):
        return [_encode(item, depth - 1, budget) for item in list.__iter__(value)]
    return _encode_tagged(value, depth - 1, budget)


def _encode_tagged(value: object, depth: int, budget: list[int]) -> Any:
    if isinstance(value, tuple):
        return {"tuple": [_encode(item, depth, budget) for item in tuple.__iter__(value)]}
    if isinstance(value, dict):
        pairs = dict.items(value)
        return {"dict": [[_encode(key, depth, budget), _encode(item, depth, budget)] for key, item in pairs]}
    if isinstance(value, set):
        return {"set": sorted((_encode(item, depth, budget) for item in set.__iter__(value)), key=repr)}
    if isinstance(value, frozenset):
        return {"frozenset": sorted((_encode(item, depth, budget) for item in frozenset.__iter__(value)), key=repr)}
    if isinstance(value, bytes):
        return {"bytes": bytes.hex(value)}
    if isinstance(value, bytearray):
        return {"bytearray": bytearray.hex(value)}
    if isinstance(value, complex):
        number = complex.__add__(value, 0)
        return {"complex": [_encode(number.real, depth, budget), _encode(number.imag, depth, budget)]}
    return _encode_number(value)


def _encode_number(value: object) -> Any:
    """A Decimal or Fraction where the program imported them, else an opaque value."""
    kind = type(value)
    if (decimal := sys.modules.get("decimal")) and kind is getattr(decimal, "Decimal", None):
        return {"decimal": str(value)}
    if (fractions := sys.modules.get("fractions")) and kind is getattr(fractions, "Fraction", None):
        return {"fraction": [hex(int(value.numerator)), hex(int(value.denominator))]}  # type: ignore[attr-defined]
    return {"opaque": _traits(value, kind)}


def _traits(value: object, kind: type) -> list[Any]:
    """The name of a type, the operations that it lacks, and the attributes of the value, read past what it says."""
    spaces = [type.__dict__["__dict__"].__get__(base) for base in type.__dict__["__mro__"].__get__(kind)]
    has = {name for space in spaces[:-1] for name in space if isinstance(name, str)}
    lacks = [name for name, enough in OPERATIONS.items() if has.isdisjoint(enough)]
    lacks += [name for name in PAIRED_OPERATIONS if name not in has]
    attributes = {name for name in (*has, *_own_attributes(value)) if not name.startswith("__")}
    return [str(type.__dict__["__name__"].__get__(kind))[:80], lacks, sorted(attributes)[:MOST_ATTRIBUTES]]


def _own_attributes(value: object) -> list[str]:
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return []
    return [name[:80] for name in dict.keys(own) if isinstance(name, str)] if isinstance(own, dict) else []


def _decode(encoded: Any, depth: int) -> Any:
    if depth < -1:
        raise ValueError("the value is too deep")
    if encoded is None or isinstance(encoded, (bool, int, float, str)):
        return encoded
    if isinstance(encoded, list):
        return [_decode(item, depth - 1) for item in encoded]
    if isinstance(encoded, dict) and len(encoded) == 1:
        ((tag, content),) = encoded.items()
        reader = _READERS.get(tag)
        if reader is not None:
            try:
                return reader(content, lambda item: _decode(item, depth - 1))
            except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
                raise ValueError(f"the content of a {tag} is not understood") from error
    raise ValueError("the value is not understood")


def _items(content: Any, inner: Callable[[Any], Any]) -> Iterable[Any]:
    return [inner(item) for item in content]


def _decimal(content: Any, _inner: Callable[[Any], Any]) -> Any:
    from decimal import Decimal

    return Decimal(content)


def _fraction(content: Any, _inner: Callable[[Any], Any]) -> Any:
    from fractions import Fraction

    return Fraction(int(content[0], 16), int(content[1], 16))


_READERS: dict[str, Callable[[Any, Callable[[Any], Any]], Any]] = {
    "tuple": lambda content, inner: tuple(_items(content, inner)),
    "set": lambda content, inner: set(_items(content, inner)),
    "frozenset": lambda content, inner: frozenset(_items(content, inner)),
    "dict": lambda content, inner: {inner(key): inner(item) for key, item in content},
    "bytes": lambda content, _inner: bytes.fromhex(content),
    "bytearray": lambda content, _inner: bytearray.fromhex(content),
    "complex": lambda content, inner: complex(inner(content[0]), inner(content[1])),
    "float": lambda content, _inner: {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[content],
    "int": lambda content, _inner: int(content, 16),
    "decimal": _decimal,
    "fraction": _fraction,
    "opaque": lambda content, _inner: Opaque(str(content[0]), map(str, content[1]), map(str, content[2])),
}
