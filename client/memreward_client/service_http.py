"""One synchronous HTTP session with a service, for the commands: plain JSON, and errors as sentences.

Calls that may be repeated are: a connection that fails, a 429 and a passing 503 are waited out, as long as
Retry-After says where it says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

PASSING_CODES = frozenset({"overloaded", "unavailable"})
"""Codes of errors.py that go away by themselves; any other 429 or 503 is an answer."""
LONGEST_WAIT_SECONDS = 30.0
TIMEOUT = httpx.Timeout(600.0, connect=5.0)
"""A cold batch embeds all its texts first, which takes minutes on a slow CPU; connecting takes none."""


class ServiceError(Exception):
    """The service is away or said no: `message` in one line, `code` its error code or `unreachable`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ServiceSession:
    """Calls to one service. `api_key` is sent as a bearer key; `attempts` bounds the tries of a call."""

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        attempts: int = 5,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ServiceError("unreachable", f"{url} is no URL of a service: it must start with http:// or https://.")
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self.url = url.rstrip("/")
        self._client = httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT)
        self._attempts = attempts
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, path: str, **params: str | int | None) -> dict[str, Any]:
        """The JSON object at `path`; parameters that are None are left out. Raises ServiceError."""
        given = {name: value for name, value in params.items() if value is not None}
        return self._call("GET", path, params=given, repeatable=True)

    def post(self, path: str, body: Mapping[str, Any], *, repeatable: bool) -> dict[str, Any]:
        """What answers `body`; `repeatable`: sending it twice does no harm. Raises ServiceError."""
        return self._call("POST", path, json=body, repeatable=repeatable)

    def _call(self, method: str, path: str, *, repeatable: bool, **content: Any) -> dict[str, Any]:
        last = self._attempts if repeatable else 1
        for attempt in range(1, last + 1):
            wait = min(0.25 * 2 ** (attempt - 1), LONGEST_WAIT_SECONDS)
            try:
                response = self._client.request(method, path, **content)
            except httpx.TransportError as error:
                if attempt == last:
                    raise self._unreachable(error) from error
            else:
                if response.is_success:
                    return self._object(response)
                refusal = self._refusal(response)
                if attempt == last or not _passes(response, refusal):
                    raise refusal
                wait = min(_retry_after(response, wait), LONGEST_WAIT_SECONDS)
            self._sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _unreachable(self, error: httpx.TransportError) -> ServiceError:
        if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
            return ServiceError("unreachable", f"The service at {self.url} did not answer in time.")
        return ServiceError(
            "unreachable",
            f"No service is reachable at {self.url}: start one with `memreward serve`, or name it by --url.",
        )

    def _object(self, response: httpx.Response) -> dict[str, Any]:
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise self._foreign(response)
        return body

    def _refusal(self, response: httpx.Response) -> ServiceError:
        error = self._object(response).get("error")
        if not (isinstance(error, dict) and isinstance(error.get("code"), str)):
            raise self._foreign(response)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            hint = "give the service's key with --api-key or MEMREWARD_API_KEYS"
            return ServiceError(error["code"], f"The service at {self.url} refused the API key: {hint}.")
        details = error.get("details")
        field = details.get("field") if isinstance(details, dict) else None
        message = str(error.get("message"))
        return ServiceError(error["code"], f"{field}: {message}" if field and field not in message else message)

    def _foreign(self, response: httpx.Response) -> ServiceError:
        return ServiceError(
            "unreachable",
            f"What answers at {self.url} is no MemReward service (HTTP {response.status_code}).",
        )


def _passes(response: httpx.Response, refusal: ServiceError) -> bool:
    return response.status_code in (429, 503) and refusal.code in PASSING_CODES


def _retry_after(response: httpx.Response, otherwise: float) -> float:
    """Retry-After in seconds (RFC 9110, 10.2.3); its other form, a date, is not sent here."""
    value = response.headers.get("retry-after", "")
    try:
        return max(float(value), 0.0)
    except ValueError:
        return otherwise
