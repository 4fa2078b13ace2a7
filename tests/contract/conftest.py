"""Both transports of one server: the same request goes over HTTP and over gRPC."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from fake_engine import FakeEngine
from memreward_proto import reward_pb2 as pb
from memreward_proto import reward_pb2_grpc
from serving import Address, serving


@dataclass
class Both:
    """A caller of both transports, that brings answers and errors into one form."""

    address: Address
    http: httpx.Client
    stub: Any

    @property
    def engine(self) -> FakeEngine:
        return self.address.engine

    def post(self, path: str, call: str, body: dict[str, Any]) -> tuple[Any, Any]:
        """The two answers to one body."""
        http = self.http.post(path, content=json.dumps(body))
        return _http_answer(http), self.rpc(call, body)

    def get(self, path: str, call: str, **fields: Any) -> tuple[Any, Any]:
        """The two answers to one question; `fields` are those of the gRPC request."""
        return _http_answer(self.http.get(path)), self.rpc(call, fields)

    def rpc(self, call: str, fields: dict[str, Any]) -> Any:
        """The answer of gRPC as the JSON of HTTP, or ("error", HTTP status of the code, error object)."""
        request_type = pb.DESCRIPTOR.services_by_name["RewardService"].methods_by_name[call].input_type
        request = ParseDict(_as_fields(fields), getattr(pb, request_type.name)())
        try:
            return as_json(getattr(self.stub, call)(request, timeout=30))
        except grpc.RpcError as error:
            trailer = dict(error.trailing_metadata())["memreward-error-bin"]
            told = json.loads(trailer)
            assert told["message"] == error.details()
            return ("error", error.code().name, told)


def _http_answer(response: httpx.Response) -> Any:
    if response.is_success:
        return response.json()
    body = response.json()
    assert list(body) == ["error"]
    return ("error", response.status_code, body["error"])


def _as_fields(value: Any) -> Any:
    """The JSON of HTTP as that of protobuf: a behaviour is an object there, and so is each list inside."""
    if isinstance(value, list):
        return [_as_fields(each) for each in value]
    if not isinstance(value, dict):
        return value
    named = {name: _as_fields(each) for name, each in value.items()}
    if (behaviour := named.get("behaviour")) is not None:
        named["behaviour"] = {"sets": [{"outcomes": outcomes} for outcomes in behaviour]}
    return named


def as_json(message: Message) -> Any:
    """A message as HTTP writes it: every field present, an absent optional one as null."""
    written: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.name == "rollout_ids":
            written[field.name] = [list(each.ids) for each in value]
        elif field.name == "behaviour":
            sets = [list(each.outcomes) for each in value.sets]
            written[field.name] = sets if message.HasField("behaviour") else None
        elif field.message_type is not None and field.message_type.GetOptions().map_entry:
            written[field.name] = dict(value)
        elif field.label == field.LABEL_REPEATED:
            written[field.name] = [as_json(each) if field.message_type else each for each in value]
        elif field.has_presence and not message.HasField(field.name):
            written[field.name] = None
        else:
            written[field.name] = as_json(value) if field.message_type else value
    return written


@pytest.fixture(scope="module")
def _served() -> Iterator[Both]:
    with (
        serving(max_group_size=8, max_rollouts=20, max_text_chars=200) as address,
        httpx.Client(base_url=address.http) as http,
        grpc.insecure_channel(address.grpc) as channel,
    ):
        yield Both(address, http, reward_pb2_grpc.RewardServiceStub(channel))


@pytest.fixture
def both(_served: Both) -> Both:
    """The callers of a module, before an engine that remembers nothing."""
    _served.engine.forget()
    return _served
