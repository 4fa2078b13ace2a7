from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from memreward_proto.errors import Overloaded
from memreward_service.engine.admission import Admission


def value(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0.0


def test_one_more_than_the_limit_is_refused_at_once() -> None:
    admission = Admission(2, retry_after=2.5)
    refused, in_flight = value("memreward_requests_refused_total"), value("memreward_requests_in_flight")
    with admission.permit(), admission.permit():
        assert value("memreward_requests_in_flight") == in_flight + 2
        with pytest.raises(Overloaded) as caught, admission.permit():
            pytest.fail("a third permit was given")
        assert caught.value.details == {"retry_after": 2.5, "limit": 2}
        assert value("memreward_requests_in_flight") == in_flight + 2
    assert value("memreward_requests_refused_total") == refused + 1
    assert value("memreward_requests_in_flight") == in_flight


def test_a_permit_comes_back_however_its_block_ends() -> None:
    admission, before = Admission(1), value("memreward_requests_in_flight")
    for error in (ValueError, KeyboardInterrupt, GeneratorExit):
        with pytest.raises(error), admission.permit():
            raise error
        assert value("memreward_requests_in_flight") == before
    with admission.permit():
        assert value("memreward_requests_in_flight") == before + 1


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        Admission(0)
