"""A sandbox server, as a fake that runs the source it is sent with this interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


class FakeServer:
    """Answers `run_code` as a SandboxFusion server does."""

    def __init__(self, reply: httpx.Response | None = None, seconds: float = 10.0) -> None:
        self.requests: list[dict[str, object]] = []
        self._reply, self._seconds = reply, seconds

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        self.requests.append(asked)
        if self._reply is not None:
            return self._reply
        try:
            ran = subprocess.run(
                [sys.executable, "-c", asked["code"]],
                input=asked["stdin"],
                capture_output=True,
                text=True,
                timeout=self._seconds,
            )
        except subprocess.TimeoutExpired:
            return httpx.Response(
                200, json={"status": "Failed", "run_result": {"status": "TimeLimitExceeded", "stdout": ""}}
            )
        status = "Success" if ran.returncode == 0 else "Failed"
        result = {"status": "Finished", "return_code": ran.returncode, "stdout": ran.stdout, "stderr": ran.stderr}
        return httpx.Response(200, json={"status": status, "compile_result": None, "run_result": result})


@contextmanager
def listening(server: FakeServer) -> Iterator[str]:
    """The URL of `run_code` on a real socket."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reply = server(httpx.Request("POST", "http://sandbox", content=body))
            self.send_response(reply.status_code)
            self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listener.server_port}/run_code"
        listener.shutdown()
