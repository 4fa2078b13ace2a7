"""When a call that failed is sent again: how long a client waits, how it backs off, and when it gives up.

Nothing here sends or sleeps: the loops that do are in async_retry_loop.py.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from memreward_client.errors import DeadlineExceeded, InvalidArgument, MemRewardError, Unreachable

LEAST_SECONDS = 0.02
"""With less than this left, a call is not sent again."""


@dataclass(frozen=True, slots=True)
class Retries:
    """When a call that met a passing error is sent again: full jitter over waits that double.

    Before attempt n + 1 it waits a random time from 0 to `first_wait` * 2**(n - 1) seconds, `longest_wait` at most,
    on top of what the service asks for by Retry-After. `attempts` None: until the deadline of the call.
    See https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    first_wait: float = 0.2
    longest_wait: float = 5.0
    attempts: int | None = None

    def jitter(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, from 1."""
        return random.uniform(0.0, min(self.first_wait * 2 ** min(failures - 1, 30), self.longest_wait))


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that a client waits: `timeout` for one attempt, `deadline` for a call, `hold` for a submit.

    `hold` is the longest that a submit leaves one request waiting for the rest of its group. Raises InvalidArgument.
    """

    timeout: float = 120.0
    deadline: float = 600.0
    hold: float = 25.0

    def __post_init__(self) -> None:
        for name in ("timeout", "hold", "deadline"):
            if not getattr(self, name) > 0:
                raise InvalidArgument(f"{name} must be more than 0 seconds.", {"field": name})


class Backoff:
    """Decides, for the failures of one call, how long to wait before the next attempt, or that there is none.

    `failures` counts those since the last success. `clock`: seconds that only rise.
    """

    def __init__(self, retries: Retries, deadline: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._retries, self._deadline, self._clock = retries, deadline, clock
        self._began = clock()
        self.failures = 0

    @property
    def left(self) -> float:
        """Seconds until the deadline; 0 once it is behind."""
        return max(self._began + self._deadline - self._clock(), 0.0)

    def reset(self) -> None:
        """An attempt succeeded: failures that follow are counted from 0."""
        self.failures = 0

    def wait_after(self, error: MemRewardError, *, repeatable: bool, refusal_ends: bool) -> float:
        """Seconds to wait before sending again. Raises `error`, or DeadlineExceeded from it.

        `refusal_ends`: a refused connection is not to be tried again.
        """
        self.failures += 1
        never_sent = isinstance(error, Unreachable) and not error.sent
        if not error.passing or not (repeatable or never_sent) or (refusal_ends and never_sent):
            raise error
        if self.failures == self._retries.attempts:
            raise error
        asked = error.retry_after or 0.0
        if self.left <= max(asked, LEAST_SECONDS):
            raise DeadlineExceeded(
                f"There was no answer within {self._deadline:g} seconds. The last attempt: {error.message}",
                {"last": error.code},
            ) from error
        # Half of what is left at most: the jitter alone never uses up the deadline.
        return asked + min(self._retries.jitter(self.failures), (self.left - asked) / 2)
