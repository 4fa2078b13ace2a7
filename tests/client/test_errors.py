"""The exceptions, beside the service's own table."""

from __future__ import annotations

import pickle
import re

import pytest

from memreward_client import errors
from memreward_client.errors import (
    ERROR_OF_CODE,
    InvalidArgument,
    MemRewardError,
    NotMemReward,
    Overloaded,
    Unreachable,
    service_error,
)
from memreward_proto.errors import ERROR_TABLE

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MemRewardError)]


def test_every_code_of_the_service_has_its_exception() -> None:
    assert set(ERROR_TABLE) <= set(ERROR_OF_CODE)
    for code, kind in ERROR_OF_CODE.items():
        assert kind.code == code
        assert type(service_error({"code": code, "message": "No."})) is kind


def test_the_tree_of_the_docstring_is_complete() -> None:
    assert errors.__doc__ is not None
    assert {kind.__name__ for kind in KINDS} <= set(re.findall(r"\w+", errors.__doc__))


def test_only_what_goes_away_by_itself_passes() -> None:
    assert {kind.code for kind in KINDS if kind("No.").passing} == {"unreachable", "overloaded", "unavailable"}


@pytest.mark.parametrize("kind", KINDS)
def test_exceptions_can_be_shipped(kind: type[MemRewardError]) -> None:
    shipped = pickle.loads(pickle.dumps(kind("Do this.", {"field": "query"})))
    assert (type(shipped), str(shipped), shipped.message) == (kind, "Do this.", "Do this.")
    assert (shipped.code, shipped.details) == (kind.code, {"field": "query"})


def test_what_an_instance_knows_is_shipped_too() -> None:
    assert pickle.loads(pickle.dumps(Unreachable("No.", sent=False))).sent is False
    assert pickle.loads(pickle.dumps(NotMemReward("No.", passing=True))).passing is True


def test_a_code_of_a_newer_service_is_kept() -> None:
    raised = service_error({"code": "brand_new", "message": "Something.", "details": {"a": 1}})
    assert (type(raised), raised.code, raised.details, raised.passing) == (MemRewardError, "brand_new", {"a": 1}, False)


def test_the_field_of_an_error_is_named_once() -> None:
    wrong = {"code": "invalid_argument", "message": "must be at most 1", "details": {"field": "groups[0].label"}}
    raised = service_error(wrong)
    assert (type(raised), str(raised)) == (InvalidArgument, "groups[0].label: must be at most 1")
    assert str(service_error(wrong | {"message": "groups[0].label is 3."})) == "groups[0].label is 3."


def test_retry_after() -> None:
    assert Overloaded("Full.", {"retry_after": 1.5}).retry_after == 1.5
    assert Overloaded("Full.", {"retry_after": "soon"}).retry_after is None
    assert Overloaded("Full.").retry_after is None
