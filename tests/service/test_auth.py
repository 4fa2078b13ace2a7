from __future__ import annotations

import pytest

from memreward_proto.errors import Unauthenticated
from memreward_service.auth import Keys


@pytest.mark.parametrize("header", [None, "", "Bearer anything"])
def test_without_keys_everyone_may_call(header: str | None) -> None:
    Keys(frozenset()).check(header)


@pytest.mark.parametrize("header", ["Bearer one", "bearer two", "BEARER  two "])
def test_any_of_the_keys_opens(header: str) -> None:
    Keys(frozenset({"one", "two"})).check(header)


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "one", "Basic one", "Bearer ONE", "Bearer onetwo", "Bearer ö"]
)
def test_nothing_else_opens(header: str | None) -> None:
    with pytest.raises(Unauthenticated, match="Authorization: Bearer <key>"):
        Keys(frozenset({"one", "two"})).check(header)
