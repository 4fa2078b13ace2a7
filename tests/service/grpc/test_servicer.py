"""What only gRPC has: health, reflection, cancelled calls."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client import REGISTRY

from memreward_proto import reward_pb2 as pb
from memreward_proto import reward_pb2_grpc
from serving import Address, serving

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
NAME = "memreward.v1.RewardService"
KEY = (("authorization", "Bearer key"),)
REQUEST = pb.ScoreRewardsRequest(groups=[pb.Group(query=pb.Query(text="t"), rollouts=[pb.Rollout(response="four")])])


@pytest.fixture
def address() -> Iterator[Address]:
    with serving(api_keys="key") as served:
        yield served


@pytest.fixture
def channel(address: Address) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(address.grpc) as opened:
        yield opened


def test_health_follows_the_engine_without_a_key(address: Address, channel: grpc.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    address.engine.not_ready = "Train first."
    assert health.Check(health_pb2.HealthCheckRequest(), timeout=30).status == SERVING
    assert health.Check(health_pb2.HealthCheckRequest(service=NAME), timeout=30).status == NOT_SERVING
    address.engine.not_ready = None
    assert health.Check(health_pb2.HealthCheckRequest(service=NAME), timeout=30).status == SERVING
    with pytest.raises(grpc.RpcError) as caught:
        health.Check(health_pb2.HealthCheckRequest(service="other"), timeout=30)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_watch_tells_every_change_and_the_end() -> None:
    with serving() as address:
        channel = grpc.insecure_channel(address.grpc)
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=NAME), timeout=60)
        assert next(watch).status == SERVING
        address.engine.not_ready = "Train first."
        assert next(watch).status == NOT_SERVING
        address.engine.not_ready = None
        assert next(watch).status == SERVING
        last: list[int] = []
        reader = threading.Thread(target=lambda: last.extend(each.status for each in watch))
        reader.start()
    reader.join(30)
    channel.close()
    assert last == [NOT_SERVING]


def test_reflection_names_the_services(channel: grpc.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    ask = reflection_pb2.ServerReflectionRequest(list_services="")
    (answer,) = stub.ServerReflectionInfo(iter([ask]), metadata=KEY, timeout=30)
    names = {service.name for service in answer.list_services_response.service}
    assert names == {NAME, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.ServerReflectionInfo(iter([ask]), timeout=30))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_method_that_is_not_there(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(f"/{NAME}/Nothing")(b"", metadata=KEY, timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_cancelled_call_ends_and_no_other(address: Address, channel: grpc.Channel) -> None:
    stub = reward_pb2_grpc.RewardServiceStub(channel)
    engine = address.engine
    labels = {"transport": "grpc", "route": f"/{NAME}/ScoreRewards", "code": "cancelled"}
    before = REGISTRY.get_sample_value("memreward_requests_total", labels) or 0
    engine.gate = asyncio.Event()
    staying, leaving = (stub.ScoreRewards.future(REQUEST, metadata=KEY, timeout=60) for _ in range(2))
    for _ in range(2):
        assert engine.entered.acquire(timeout=30)
    leaving.cancel()
    assert engine.left.acquire(timeout=30)
    address.loop.call_soon_threadsafe(engine.gate.set)
    assert staying.result().groups[0].rollouts[0].status == "ok"
    assert REGISTRY.get_sample_value("memreward_requests_total", labels) == before + 1
