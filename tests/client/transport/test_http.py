"""HTTP answers that only gateways, other servers and broken connections give."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from client.transport.scripted_server import DROP, Answer, answer, error, scripted
from memreward_client import (
    MemRewardError,
    NotMemReward,
    Overloaded,
    Retries,
    RewardClient,
    Unavailable,
    Unreachable,
    calls,
)
from memreward_client.transport.base import parse_address
from memreward_client.transport.http import HttpTransport, Lanes

QUICK = Retries(first_wait=0.001)


def refusal(given: Answer) -> MemRewardError:
    """What one attempt makes of an answer."""
    with scripted(given) as (url, _), pytest.raises(MemRewardError) as raised:
        transport = HttpTransport(parse_address(url))
        try:
            transport.send(calls.models(), 10)
        finally:
            transport.close()
    return raised.value


def test_hiccups_of_all_kinds_are_tried_again() -> None:
    gateway: Answer = (502, {}, b"<html>Bad gateway</html>")
    away, full = error(503, "unavailable"), error(429, "overloaded", retry_after="0")
    with (
        scripted(DROP, gateway, away, full, answer(models=[])) as (url, asked),
        RewardClient(url, "k", retries=QUICK) as client,
    ):
        assert client.models() == ()
    assert asked == [("/v1/models", "Bearer k", b"")] * 5


def test_retry_after_in_seconds_and_as_a_date() -> None:
    full = refusal(error(429, "overloaded", retry_after="3"))
    assert (type(full), full.retry_after) == (Overloaded, 3.0)
    away = refusal(error(503, "unavailable", retry_after=formatdate(time.time() + 90, usegmt=True)))
    assert type(away) is Unavailable
    assert away.retry_after is not None
    assert 60 < away.retry_after <= 90
    assert refusal(error(503, "unavailable", retry_after="soon")).retry_after is None
    assert refusal(error(503, "unavailable", retry_after=formatdate(0, usegmt=True))).retry_after == 0


def test_a_gateways_retry_after_counts_too() -> None:
    busy = refusal((503, {"retry-after": "2"}, b"Service Unavailable"))
    assert (type(busy), busy.passing, busy.retry_after) == (NotMemReward, True, 2.0)


@pytest.mark.parametrize("foreign", [(500, {}, b"<html>Oops</html>"), (200, {}, b"[]"), (404, {}, b'{"a":1}')])
def test_another_server_is_told_apart(foreign: Answer) -> None:
    told = refusal(foreign)
    assert (type(told), told.passing) == (NotMemReward, False)
    assert f"is no MemReward service (HTTP {foreign[0]}): correct the URL." in told.message


def test_readiness_of_another_server_is_no_readiness() -> None:
    with scripted((404, {}, b"{}")) as (url, _), RewardClient(url) as client, pytest.raises(NotMemReward):
        client.ready()


def test_a_training_that_may_have_been_started_is_not_started_again() -> None:
    with (
        scripted(DROP) as (url, asked),
        RewardClient(url, retries=QUICK) as client,
        pytest.raises(Unreachable, match=r"The connection to the service at http://\S+ broke"),
    ):
        client.start_training(seeds=2)
    assert asked == [("/v1/training", "", b'{"seeds": 2}')]


def test_ids_are_quoted_into_the_path() -> None:
    with scripted(answer(**JOB)) as (url, asked), RewardClient(url) as client:
        assert client.training_job("a/b?c d").job_id == "a/b?c d"
    assert asked[0][0] == "/v1/training/a%2Fb%3Fc%20d"


JOB = {"job_id": "a/b?c d", "status": "queued", "progress": 0, "metrics": {}, "model_version": None, "error": None}


def test_a_field_of_a_newer_service_is_passed_over() -> None:
    with scripted(answer(**JOB, colour="green")) as (url, _), RewardClient(url) as client:
        assert client.training_job("x").status == "queued"


def test_requests_one_after_another_take_one_lane() -> None:
    lanes = Lanes(parse_address("http://127.0.0.1:9"))
    first = lanes.take()
    lanes.give_back(first)
    assert lanes.take() is first
    second = lanes.take()
    assert second is not first
    assert lanes.all == [first, second]
