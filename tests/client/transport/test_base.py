"""Which service a URL names, and what a request is in JSON."""

from __future__ import annotations

import pytest

from memreward_client.errors import InvalidArgument, InvalidUrl
from memreward_client.transport.base import json_text, parse_address


@pytest.mark.parametrize(
    ("url", "shown", "host", "port", "secure"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1", 8080, False),
        ("https://rewards.example/behind/", "https://rewards.example/behind", "rewards.example", None, True),
        ("grpc://[::1]:50051", "grpc://[::1]:50051", "::1", 50051, False),
        ("GRPCS://rewards.example", "grpcs://rewards.example", "rewards.example", None, True),
    ],
)
def test_urls(url: str, shown: str, host: str, port: int | None, secure: bool) -> None:
    address = parse_address(url)
    assert (address.url, address.host, address.port, address.secure, address.api_key) == (
        shown,
        host,
        port,
        secure,
        None,
    )


def test_a_key_in_the_url_is_used_and_never_shown() -> None:
    address = parse_address("http://any:s%2Fecret@host:1")
    assert (address.url, address.api_key) == ("http://host:1", "s/ecret")
    assert "ecret" not in repr(address)
    assert parse_address("http://any:inside@host:1", "beside").api_key == "beside"


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8080",
        "127.0.0.1:8080",
        "",
        "ftp://host",
        "http://",
        "http://host:port",
        "http://host/?a=1",
        "grpc://host/x",
    ],
)
def test_other_urls_are_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(InvalidUrl, match=r"URL .*\.$"):
        parse_address(url)


def test_a_refused_url_does_not_show_its_key() -> None:
    with pytest.raises(InvalidUrl) as raised:
        parse_address("ftp://any:secret@host")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("key", ["secret\n", " secret", "geh\u00e9im"])
def test_a_key_that_no_header_can_carry_is_told_without_showing_it(key: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        parse_address("http://host", key)
    assert key.strip() not in str(raised.value)


@pytest.mark.parametrize("text", [b"bytes", float("nan")])
def test_what_no_json_can_hold_is_an_invalid_request(text: object) -> None:
    with pytest.raises(InvalidArgument, match="cannot be written as JSON"):
        json_text({"text": text})
    assert json_text({"text": "\u00e9\ud83d"}) == b'{"text": "\xc3\xa9\\ud83d"}'
    assert json_text({"text": "\u00e9"}) == b'{"text": "\xc3\xa9"}'
