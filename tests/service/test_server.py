"""Start, stop and taken ports, with real sockets and a real process."""

from __future__ import annotations

import asyncio
import json
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import cast

import grpc
import httpx
import pytest
from google.protobuf.json_format import ParseDict

from fake_engine import FakeEngine
from memreward_proto import reward_pb2 as pb
from memreward_proto import reward_pb2_grpc
from memreward_service.engine.engine import Engine
from memreward_service.server import AddressError, serve
from memreward_service.settings import Settings
from serving import serving

GOOD = {"groups": [{"query": {"text": "2+2"}, "rollouts": [{"response": "four"}]}]}
ROLLOUT = {
    "run_id": "r", "group_id": "g", "rollout_index": 0, "group_size": 2,
    "query": {"text": "2+2"}, "rollout": {"response": "four"},
}  # fmt: skip
PROGRAM = """
import asyncio, sys
from fake_engine import FakeEngine
from memreward_service.settings import Settings
from memreward_service.server import serve

class Slow(FakeEngine):
    async def score(self, groups, explain=False):
        print("entered", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        return await super().score(groups, explain)

engine = Slow()
ready = lambda host, http, grpc: print(f"http://{host}:{http}", flush=True)
asyncio.run(serve(engine, Settings(http_port=0, grpc_port=0), ready=ready))
print(engine.life, flush=True)
"""


async def run(engine: FakeEngine, **settings: int | str) -> None:
    await serve(cast(Engine, engine), Settings.model_validate({"http_port": 0, "grpc_port": 0} | settings))


@pytest.mark.parametrize(
    ("setting", "shown"), [("http_port", "MEMREWARD_HTTP_PORT"), ("grpc_port", "MEMREWARD_GRPC_PORT")]
)
async def test_a_taken_port_is_one_line_and_no_engine_is_started(setting: str, shown: str) -> None:
    engine = FakeEngine()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressError) as caught:
            await run(engine, **{setting: port})
    assert str(port) in str(caught.value)
    assert shown in str(caught.value)
    assert "\n" not in str(caught.value)
    assert engine.life == []


async def test_a_second_server_does_not_share_the_grpc_port() -> None:
    with serving() as address:
        with pytest.raises(AddressError):
            await run(FakeEngine(), grpc_port=int(address.grpc.rsplit(":", 1)[1]))
        assert (await asyncio.to_thread(httpx.get, f"{address.http}/healthz")).status_code == 200


async def test_an_engine_that_cannot_start_ends_the_server() -> None:
    class Broken(FakeEngine):
        async def start(self) -> None:
            raise RuntimeError("no model folder")

    with pytest.raises(RuntimeError, match="no model folder"):
        await run(Broken())


def test_the_engine_starts_before_and_stops_after_all_requests() -> None:
    engine = FakeEngine()
    with serving(engine) as address:
        assert engine.life == ["start"]
        engine.gate = asyncio.Event()
        answers: queue.Queue[httpx.Response] = queue.Queue()
        caller = threading.Thread(target=lambda: answers.put(httpx.post(f"{address.http}/v1/rewards", json=GOOD)))
        caller.start()
        assert engine.entered.acquire(timeout=30)
        address.loop.call_soon_threadsafe(engine.gate.set)
    caller.join(30)
    assert answers.get_nowait().status_code == 200
    assert engine.life == ["start", "end_waiting", "stop"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_accepted_requests_finish(number: signal.Signals) -> None:
    tests = Path(__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=tests, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        address = process.stdout.readline().strip()
        answers: queue.Queue[httpx.Response] = queue.Queue()
        caller = threading.Thread(
            target=lambda: answers.put(httpx.post(f"{address}/v1/rewards", json=GOOD, timeout=60))
        )
        caller.start()
        assert process.stdout.readline() == "entered\n"
        process.send_signal(number)
        # Slowly: thousands of connections would keep the server from closing until the grace of the request is over.
        while _accepts(address):
            time.sleep(0.05)
        assert process.poll() is None
        process.stdin.write("\n")
        process.stdin.flush()
        caller.join(30)
        assert answers.get_nowait().json()["groups"][0]["rollouts"][0]["status"] == "ok"
        assert process.stdout.readline() == "['start', 'end_waiting', 'stop']\n"
        assert process.wait(30) == 0


def test_the_end_of_the_service_does_not_wait_for_groups() -> None:
    engine = FakeEngine()
    engine.siblings = asyncio.Event()
    answers: queue.Queue[httpx.Response | grpc.RpcError] = queue.Queue()
    with serving(engine) as address:

        def by_http() -> None:
            answers.put(httpx.post(f"{address.http}/v1/rollouts", json=ROLLOUT, timeout=60))

        def by_grpc() -> None:
            request = ParseDict(ROLLOUT, pb.SubmitRolloutRequest())
            with grpc.insecure_channel(address.grpc) as channel, pytest.raises(grpc.RpcError) as caught:
                reward_pb2_grpc.RewardServiceStub(channel).SubmitRollout(request, timeout=60)
            answers.put(caught.value)

        callers = [threading.Thread(target=caller) for caller in (by_http, by_grpc)]
        for caller in callers:
            caller.start()
            assert engine.entered.acquire(timeout=30)
    for caller in callers:
        caller.join(30)
    told = [answers.get_nowait(), answers.get_nowait()]
    http = next(each for each in told if isinstance(each, httpx.Response))
    rpc = next(each for each in told if isinstance(each, grpc.RpcError))
    assert (http.status_code, http.headers["Retry-After"]) == (503, "1")
    assert http.json()["error"]["code"] == "unavailable"
    assert rpc.code() is grpc.StatusCode.UNAVAILABLE
    assert engine.life == ["start", "end_waiting", "stop"]


def _accepts(address: str) -> bool:
    host, port = address.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_small_answers_are_not_held_back_by_nagle(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted: list[bool] = []
    turn_on = asyncio.base_events._set_nodelay  # type: ignore[attr-defined]

    def watched(sock: socket.socket) -> None:
        turn_on(sock)
        accepted.append(bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))

    monkeypatch.setattr(asyncio.base_events, "_set_nodelay", watched)
    with serving() as address:
        assert json.loads(httpx.post(f"{address.http}/v1/rewards", json=GOOD).content)["model_version"] == "m-2"
    assert accepted == [True]


def test_a_caller_that_leaves_ends_its_wait() -> None:
    with serving() as address:
        engine = address.engine
        engine.siblings = asyncio.Event()
        host, port = address.http.removeprefix("http://").split(":")
        body = json.dumps(ROLLOUT)
        with socket.create_connection((host, int(port))) as leaving:
            head = f"POST /v1/rollouts HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
            leaving.sendall((head + body).encode())
            assert engine.entered.acquire(timeout=30)
        assert engine.left.acquire(timeout=30)
        with grpc.insecure_channel(address.grpc) as channel:
            request = ParseDict(ROLLOUT, pb.SubmitRolloutRequest())
            call = reward_pb2_grpc.RewardServiceStub(channel).SubmitRollout.future(request)
            assert engine.entered.acquire(timeout=30)
            call.cancel()
            assert engine.left.acquire(timeout=30)
        address.loop.call_soon_threadsafe(engine.siblings.set)
        answer = httpx.post(f"{address.http}/v1/rollouts", json=ROLLOUT)
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_a_connection_that_closes_does_not_harm_another() -> None:
    with serving() as address:
        engine = address.engine
        engine.gate = asyncio.Event()
        host, port = address.http.removeprefix("http://").split(":")
        body = json.dumps(GOOD)
        with socket.create_connection((host, int(port))) as leaving:
            head = f"POST /v1/rewards HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
            leaving.sendall((head + body).encode())
            assert engine.entered.acquire(timeout=30)
        with socket.create_connection((host, int(port))) as cut_off:
            cut_off.sendall(head.encode() + body.encode()[:10])
        answers: queue.Queue[httpx.Response] = queue.Queue()
        caller = threading.Thread(target=lambda: answers.put(httpx.post(f"{address.http}/v1/rewards", json=GOOD)))
        caller.start()
        assert engine.entered.acquire(timeout=30)
        address.loop.call_soon_threadsafe(engine.gate.set)
        caller.join(30)
        assert answers.get_nowait().status_code == 200
