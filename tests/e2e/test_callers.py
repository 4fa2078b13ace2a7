"""Several callers at once: one hangs up, some use the client, and the service restarts under them."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from e2e.conftest import Trained
from e2e.service_process import start_service, until
from memreward_client import AsyncRewardClient, RewardClient, RolloutReward, Submission
from memreward_client.files.convert import group_of
from memreward_client.files.rollouts import FileQuery

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


def submissions(line: FileQuery, run_id: str) -> list[Submission]:
    """The rollouts of a query, each to be sent alone."""
    group = group_of(line, str(line.id), with_labels=False)
    size = len(group.rollouts)
    return [
        Submission(run_id, str(line.id), index, size, group.query, rollout)
        for index, rollout in enumerate(group.rollouts)
    ]


async def answers_to(urls: list[str], sent: list[Submission]) -> list[RolloutReward]:
    """Each submission through a client of its own, the URLs in turn, all at once."""
    clients = [AsyncRewardClient(urls[place % len(urls)]) for place in range(len(sent))]
    try:
        return await asyncio.gather(*(client.submit(each) for client, each in zip(clients, sent, strict=True)))
    finally:
        await asyncio.gather(*(client.close() for client in clients))


def test_rollouts_sent_one_by_one_get_what_their_group_gets(trained: Trained) -> None:
    service, line = trained.service, trained.new[3]
    urls = [service.url, f"grpc://127.0.0.1:{service.grpc_port}"]
    answers = asyncio.run(answers_to(urls, submissions(line, "one-by-one")))
    with RewardClient(service.url) as client:
        [together] = client.score([group_of(line, "together", with_labels=False)]).groups
    assert [answer.rollout_index for answer in answers] == list(range(len(line.rollouts)))
    assert {(answer.status, answer.partial, answer.rollouts_present) for answer in answers} == {("ok", False, 8)}
    assert [answer.probability for answer in answers] == pytest.approx(
        [prediction.probability for prediction in together.rollouts], abs=1e-5
    )
    assert [answer.reward for answer in answers] == [prediction.reward for prediction in together.rollouts]


def test_clients_ride_out_kill_9_and_a_restart(trained: Trained, tmp_path: Path) -> None:
    shutil.copytree(trained.folder, tmp_path / "data")
    service = start_service(tmp_path / "data")
    ports = service.http_port, service.grpc_port
    sent = submissions(trained.new[4], "restart")
    with (
        RewardClient(service.url, deadline=100) as http,
        RewardClient(f"grpc://127.0.0.1:{service.grpc_port}", deadline=100) as grpc,
        ThreadPoolExecutor(8) as callers,
    ):
        try:
            service.until_ready()
            # Seven wait for the eighth, which comes when they have lost their service.
            waiting = [callers.submit((http, grpc)[place % 2].submit, each) for place, each in enumerate(sent[:7])]
            until(lambda: service.metric("memreward_rendezvous_calls_waiting") == 7)
            service.kill()
            late = callers.submit(http.submit, sent[7])
            service = start_service(tmp_path / "data", at=ports)
            answers = [answer.result(120) for answer in (*waiting, late)]
            again = [grpc.submit(each) for each in sent]
        finally:
            service.kill()
    assert [answer.rollout_index for answer in answers] == list(range(8))
    assert {(answer.status, answer.partial, answer.rollouts_present) for answer in answers} == {("ok", False, 8)}
    assert again == answers
