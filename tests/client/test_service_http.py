"""The HTTP session against a scripted server on a real socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from memreward_client.service_http import ServiceError, ServiceSession

Answer = tuple[int, dict[str, str], bytes]
DROP: Answer = (0, {}, b"")
"""Close the connection without an answer."""


def error(status: int, code: str, message: str = "No.", field: str | None = None, **headers: str) -> Answer:
    details = {} if field is None else {"field": field}
    body = {"error": {"code": code, "message": message, "details": details}}
    return (
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
        json.dumps(body).encode(),
    )


def answer(**body: object) -> Answer:
    return 200, {}, json.dumps(body).encode()


@contextmanager
def scripted(*answers: Answer) -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """A server that gives these answers in turn; yields its URL and the list of what it was asked."""
    rest = list(answers)
    asked: list[tuple[str, str, bytes]] = []

    class Script(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            asked.append((self.path, self.headers.get("authorization") or "", body))
            status, headers, content = rest.pop(0)
            if not status:
                self.connection.close()
                return
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def finish(self) -> None:
            if not self.wfile.closed:
                super().finish()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in http.server
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Script) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


def test_overload_is_waited_out_as_long_as_the_service_says() -> None:
    waits: list[float] = []
    busy, restarting = error(429, "overloaded", retry_after="3"), error(503, "unavailable")
    with (
        scripted(busy, restarting, answer(ok=1)) as (url, asked),
        ServiceSession(url, "k", sleep=waits.append) as session,
    ):
        assert session.post("/v1/rewards", {"groups": []}, repeatable=True) == {"ok": 1}
    assert waits == [3.0, 0.5]
    assert asked == [("/v1/rewards", "Bearer k", b'{"groups":[]}')] * 3


def test_a_dropped_connection_is_tried_again() -> None:
    waits: list[float] = []
    with scripted(DROP, answer(ok=1)) as (url, _), ServiceSession(url, sleep=waits.append) as session:
        assert session.get("/v1/memory", after=None, limit=2) == {"ok": 1}
    assert waits == [0.25]


def test_what_must_not_be_repeated_is_not() -> None:
    with (
        scripted(error(503, "unavailable", "Stopping.")) as (url, asked),
        ServiceSession(url) as session,
        pytest.raises(ServiceError, match=r"^Stopping\.$"),
    ):
        session.post("/v1/training", {}, repeatable=False)
    assert len(asked) == 1


def test_an_untrained_model_is_an_answer_not_a_hiccup() -> None:
    with (
        scripted(error(503, "model_not_trained", "Train first.")) as (url, asked),
        ServiceSession(url) as session,
        pytest.raises(ServiceError) as refused,
    ):
        session.post("/v1/rewards", {}, repeatable=True)
    assert (refused.value.code, refused.value.message, len(asked)) == ("model_not_trained", "Train first.", 1)


def test_it_gives_up_after_the_last_attempt() -> None:
    waits: list[float] = []
    script = [error(429, "overloaded", "Full.", retry_after="0")] * 3
    with (
        scripted(*script) as (url, asked),
        ServiceSession(url, attempts=3, sleep=waits.append) as session,
        pytest.raises(ServiceError, match=r"^Full\.$"),
    ):
        session.get("/v1/memory")
    assert (len(asked), waits) == (3, [0.0, 0.0])


def test_the_field_of_an_error_is_named() -> None:
    refusal = error(422, "invalid_argument", "must be at most 1", field="groups[0].rollouts[1].label")
    with (
        scripted(refusal) as (url, _),
        ServiceSession(url) as session,
        pytest.raises(ServiceError, match=r"^groups\[0\]\.rollouts\[1\]\.label: must be at most 1$"),
    ):
        session.get("/v1/memory")


@pytest.mark.parametrize("foreign", [(502, {}, b"<html>Bad gateway</html>"), (200, {}, b"[]"), (404, {}, b'{"a":1}')])
def test_another_server_is_told_apart(foreign: Answer) -> None:
    with (
        scripted(foreign) as (url, _),
        ServiceSession(url) as session,
        pytest.raises(ServiceError, match=f"is no MemReward service .HTTP {foreign[0]}"),
    ):
        session.get("/v1/memory")
