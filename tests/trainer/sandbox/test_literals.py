from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict, namedtuple
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Any

import pytest

from memreward_trainer.sandbox.inside.literals import NotPlain, Opaque, TooLarge, decode, encode, holds_opaque

VALUES = [
    None, True, 0, -7, 2**80, -(2**53), 1.5, -0.25, math.inf, -math.inf, "", "ü\ud800\n", b"\x00\xff", bytearray(b"a"),
    [], [1, [2.0, "x"]], (), (1, (2,)), set(), {1, "a", (2, 3)}, frozenset({1}), {}, {1: {"a": (None,)}, (1, 2): 3},
    1 + 2j, Decimal("1.10"), Fraction(-1, 3),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__}{len(repr(value))}")
def test_a_plain_value_crosses_with_its_types(value: object) -> None:
    crossed = decode(json.loads(json.dumps(encode(value))))
    assert crossed == value
    assert type(crossed) is type(value)
    assert repr(crossed) == repr(value) or isinstance(value, (set, frozenset))


def test_not_a_number_crosses() -> None:
    assert math.isnan(decode(json.loads(json.dumps(encode(math.nan)))))


class Liar(list[int]):
    def __eq__(self, other: object) -> bool:
        return True

    def __iter__(self) -> Any:
        return iter([9])

    def __len__(self) -> int:
        return 1


class Colour(IntEnum):
    RED = 3


@pytest.mark.parametrize(
    ("value", "plain"),
    [(Liar([1, 2]), [1, 2]), (Colour.RED, 3), (Counter("aab"), {"a": 2, "b": 1}), (OrderedDict(a=1), {"a": 1}),
     (namedtuple("P", "x y")(1, 2), (1, 2))],
)  # fmt: skip
def test_a_value_of_a_subclass_is_what_it_holds(value: object, plain: object) -> None:
    crossed = decode(encode(value))
    assert crossed == plain
    assert type(crossed) is type(plain)


@pytest.mark.parametrize("value", [object(), len, iter([]), range(3), Liar, (n for n in ()), math])
def test_anything_else_is_opaque(value: object) -> None:
    crossed = decode(encode([value]))[0]
    assert isinstance(crossed, Opaque)
    assert holds_opaque(encode({"a": [value]}))
    assert not holds_opaque(encode({"opaque": ["opaque"]}))


def test_an_opaque_value_equals_nothing_plain_and_answers_nothing() -> None:
    opaque = Opaque("generator")
    assert (opaque == [1]) is False
    assert (opaque != [1]) is True
    assert [opaque] != [1]
    assert {opaque} != {1}
    assert opaque not in {1: 2}
    for ask in (
        bool,
        len,
        list,
        str,
        float,
        lambda value: value + 1,
        lambda value: value.real,
        lambda value: value(),
    ):
        with pytest.raises(NotPlain, match="generator"):
            ask(opaque)
    with pytest.raises(NotPlain, match="compared"):
        assert opaque == object()


def test_what_is_too_deep_or_too_much_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    for value in (loop, list(range(300_000)), [[0] * 1000] * 1000):
        with pytest.raises(TooLarge):
            encode(value)


@pytest.mark.parametrize(
    "nonsense",
    [{"no": 1}, {"int": "zz"}, {"tuple": 3}, {"dict": [[1]]}, {"dict": [[[], 1]]}, {"set": [[1]]}, {"float": "1"},
     {"bytes": "xy"}, {"complex": []}, {}, {"int": "1", "float": "nan"}, {"fraction": ["1", "0"]}, {"decimal": "x"}],
)  # fmt: skip
def test_what_encode_never_writes_is_refused(nonsense: object) -> None:
    with pytest.raises(ValueError, match="not understood"):
        decode(nonsense)


def test_a_nest_too_deep_to_read_is_refused() -> None:
    nested: Any = 1
    for _ in range(200):
        nested = [nested]
    with pytest.raises(ValueError, match="too deep"):
        decode(nested)
