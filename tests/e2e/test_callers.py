"""Several callers at once, one of whom hangs up."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from e2e.conftest import Trained
from e2e.service_process import until

pytestmark = pytest.mark.slow


def test_a_caller_who_hangs_up_takes_nobody_along(trained: Trained) -> None:
    service = trained.service
    bodies = [{"groups": trained.slow_groups(first, 6)} for first in (0, 6, 12)]
    in_flight = "memreward_requests_in_flight"
    before = service.metric(in_flight)
    with ThreadPoolExecutor(2) as callers, socket.create_connection(("127.0.0.1", service.http_port)) as leaver:
        body = json.dumps(bodies[0]).encode()
        head = f"POST /v1/rewards HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        leaver.sendall(head.encode() + body)
        until(lambda: service.metric(in_flight) == before + 1)
        answers = [callers.submit(service.post, "/v1/rewards", body) for body in bodies[1:]]
        until(lambda: service.metric(in_flight) == before + 3)
        leaver.close()
        answered = [answer.result(60) for answer in answers]
    for body_sent, answer in zip(bodies[1:], answered, strict=True):
        assert [group["group_id"] for group in answer["groups"]] == [group["group_id"] for group in body_sent["groups"]]
        alone = service.post("/v1/rewards", body_sent)
        for group, again in zip(answer["groups"], alone["groups"], strict=True):
            assert [rollout["probability"] for rollout in group["rollouts"]] == pytest.approx(
                [rollout["probability"] for rollout in again["rollouts"]], abs=1e-5
            )
    until(lambda: service.metric(in_flight) == before)
