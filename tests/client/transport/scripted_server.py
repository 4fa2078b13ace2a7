"""An HTTP server that gives prepared answers, for what a real service cannot be brought to do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, dict[str, str], bytes]
DROP: Answer = (0, {}, b"")
"""Close the connection without an answer."""


def error(status: int, code: str, message: str = "No.", **headers: str) -> Answer:
    """An error of the service; the headers have - for _."""
    body = {"error": {"code": code, "message": message, "details": {}}}
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(body).encode()


def answer(**body: object) -> Answer:
    """A success."""
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
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()
