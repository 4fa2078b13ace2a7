"""Proxies of the environment: not on the way to this machine, and named where they are on the way."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from client.callers import KINDS, caller, url_of
from memreward_client import DeadlineExceeded, NotMemReward, Retries, Unreachable
from memreward_client.transport.base import parse_address
from memreward_client.transport.proxies import is_loopback, place_of, proxy_of
from serving import Address, serving

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy", "no_proxy", "no_grpc_proxy")
AWAY = "http://any:secret@127.0.0.1:9"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with serving() as served:
        yield served


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "LOCALHOST", "my.localhost", "::ffff:127.0.0.1"]
)
def test_what_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["128.0.0.1", "10.0.0.1", "localhost.example.org", "rewards.internal", "::2", "127.0.0.1.org"]
)
def test_what_is_another_machine(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_asked_directly(
    address: Address, environment: pytest.MonkeyPatch, kind: str, host: str
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy"):
        environment.setenv(name, AWAY)
    with caller(kind, url_of(address, kind).replace("127.0.0.1", host)) as client:
        assert client.ready()


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_names_the_proxy_and_not_its_password(environment: pytest.MonkeyPatch, kind: str) -> None:
    environment.setenv("http_proxy", AWAY)
    scheme = "grpc" if kind.endswith("grpc") else "http"
    options = {"retries": Retries(attempts=1), "await_service": False}
    with (
        caller(kind, f"{scheme}://rewards.invalid:8080", **options) as client,
        pytest.raises((Unreachable, DeadlineExceeded)) as raised,
    ):
        client.memory(deadline=5)
    assert "through the proxy http://127.0.0.1:9 of the environment" in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("kind", ["http", "async-http"])
def test_an_answer_of_the_proxy_itself_names_it(environment: pytest.MonkeyPatch, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def refuse() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno")

        thread = threading.Thread(target=refuse)
        thread.start()
        environment.setenv("http_proxy", f"127.0.0.1:{port}")
        with caller(kind, "http://rewards.invalid:8080") as client, pytest.raises(NotMemReward) as raised:
            client.memory(deadline=5)
        thread.join()
    assert f"(through the proxy http://127.0.0.1:{port} of the environment" in str(raised.value)


def test_which_proxy_is_on_the_way(environment: pytest.MonkeyPatch) -> None:
    def on_the_way(url: str) -> str | None:
        return proxy_of(parse_address(url))

    assert on_the_way("http://rewards.internal") is None
    environment.setenv("all_proxy", "http://all:1")
    assert (on_the_way("http://far.org"), on_the_way("grpc://far.org")) == ("http://all:1", None)
    environment.setenv("http_proxy", "plain:2")
    environment.setenv("https_proxy", "http://tls:3")
    assert (on_the_way("http://far.org"), on_the_way("https://far.org")) == ("http://plain:2", "http://tls:3")
    assert on_the_way("grpc://far.org") == "http://tls:3", "gRPC looks at https_proxy first"
    environment.setenv("grpc_proxy", "http://rpc:4")
    assert on_the_way("grpc://far.org") == "http://rpc:4"
    environment.setenv("no_proxy", "far.org,.internal")
    assert [on_the_way(f"{scheme}://far.org") for scheme in ("http", "https", "grpc")] == [None] * 3
    assert on_the_way("http://rewards.internal") is None
    assert place_of(parse_address("http://far.org:1")) == "http://far.org:1"
