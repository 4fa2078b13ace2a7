"""A call as a request of HTTP/1.1, and what an answer means: JSON there, JSON back, and errors by their object."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import httpx

from memreward_client.calls import Call
from memreward_client.errors import MemRewardError, NotMemReward, Unreachable, service_error
from memreward_client.transport.base import CONNECT_SECONDS, Address, json_text
from memreward_proto.plain import Json, plain

PASSING_STATUSES = frozenset({429, 502, 503, 504})
"""What a gateway answers for a service that is away or full."""
REFUSED = ("Connection refused", "All connection attempts failed")
"""What httpx says, blocking and awaited, of a port on which nobody listens."""


def headers(address: Address) -> dict[str, str]:
    """The headers of every request; without a key there is no authorization."""
    headers = {"content-type": "application/json", "accept": "application/json"}
    return headers | ({"authorization": f"Bearer {address.api_key}"} if address.api_key else {})


def timeout(seconds: float) -> httpx.Timeout:
    """What httpx waits for: at most `seconds`, and CONNECT_SECONDS of them for a connection."""
    return httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))


def request(call: Call[Any]) -> dict[str, Any]:
    """What httpx needs to know of a call: fields named in braces go into the path, the others behind it or into it."""
    path, request = call.path, call.request
    if isinstance(request, Mapping):
        path = path.format(**{name: quote(str(value), safe="") for name, value in request.items()})
        request = {name: value for name, value in request.items() if f"{{{name}}}" not in call.path}
    if call.method == "GET":
        return {"method": "GET", "url": path, "params": plain(request)}
    return {"method": "POST", "url": path, "content": json_text(request)}


def unreachable(error: httpx.HTTPError, url: str) -> MemRewardError:
    """The error of the client for one of httpx."""
    sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    if not sent:
        # A refusal is the plain case; a wrong name or too many open files is worth a word.
        reason = "" if any(words in str(error) for words in REFUSED) else f" ({error})"
        sentence = f"No service is reachable at {url}{reason}: start one with `memreward serve`, or correct the URL."
        return Unreachable(sentence, {"reason": str(error)}, sent=False)
    if isinstance(error, httpx.TimeoutException):
        return Unreachable(f"The service at {url} did not answer in time.", {"reason": type(error).__name__})
    return Unreachable(f"The connection to the service at {url} broke ({error or type(error).__name__}).")


def answer(response: httpx.Response, url: str) -> Json:
    """The JSON object of a success. Raises the error that the answer is."""
    try:
        body = json.loads(response.content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise _foreign(response, url)
    if response.is_success:
        return body
    error = body.get("error")
    if not (isinstance(error, dict) and isinstance(error.get("code"), str)):
        raise _foreign(response, url)
    raised = service_error(error)
    raised.details |= _retry_after(response)
    raise raised


def readiness(response: httpx.Response, url: str) -> bool:
    """What /readyz says. Raises NotMemReward."""
    if response.status_code not in (200, 503) or "text/plain" not in response.headers.get("content-type", ""):
        raise _foreign(response, url)
    return response.status_code == httpx.codes.OK


def _foreign(response: httpx.Response, url: str) -> NotMemReward:
    return NotMemReward(
        f"What answers at {url} is no MemReward service (HTTP {response.status_code}): correct the URL.",
        {"http_status": response.status_code, **_retry_after(response)},
        passing=response.status_code in PASSING_STATUSES,
    )


def _retry_after(response: httpx.Response) -> dict[str, float]:
    """Retry-After in seconds, from either of its forms (RFC 9110, 10.2.3)."""
    value = response.headers.get("retry-after")
    if value is None:
        return {}
    if value.strip().isdigit():
        return {"retry_after": float(value)}
    try:
        return {"retry_after": max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)}
    except ValueError:
        return {}
