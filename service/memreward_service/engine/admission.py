"""Admission by permit: a request either starts at once or is refused at once; there is no hidden queue.

The idea is that of text-embeddings-inference (`core/src/infer.rs`, `try_acquire_permit`): a caller that would
have to wait behind too many others is better off with an immediate answer that says when to come back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge

from memreward_proto.errors import Overloaded

IN_FLIGHT = Gauge("memreward_requests_in_flight", "Requests that hold a permit now.")
REFUSED = Counter("memreward_requests_refused", "Requests refused because every permit was taken.")


class Admission:
    """At most `limit` permits at a time. Lives on one event loop; it takes no lock and never waits."""

    def __init__(self, limit: int, retry_after: float = 1.0) -> None:
        """`retry_after`: seconds after which a refused caller should try again."""
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        self._limit = limit
        self._retry_after = retry_after
        self._in_flight = 0

    @contextmanager
    def permit(self) -> Iterator[None]:
        """Hold a permit for the length of the `with` block, however it ends.

        Raises Overloaded, with `retry_after` in its details, where every permit is taken.
        """
        if self._in_flight >= self._limit:
            REFUSED.inc()
            raise Overloaded(
                f"All {self._limit} places are taken: try again in {self._retry_after:g} s, "
                "or send more groups in fewer requests.",
                retry_after=self._retry_after,
                limit=self._limit,
            )
        self._in_flight += 1
        IN_FLIGHT.inc()
        try:
            yield
        finally:
            self._in_flight -= 1
            IN_FLIGHT.dec()
