"""How long a client waits."""

from __future__ import annotations

import pytest

from memreward_client import retries
from memreward_client.errors import InvalidArgument
from memreward_client.retries import Retries, Timeouts


def test_the_jitter_is_full_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[float, float]] = []
    monkeypatch.setattr(retries.random, "uniform", lambda low, high: drawn.append((low, high)) or 0.0)
    bounded = Retries(first_wait=1.0, longest_wait=3.0)
    assert [bounded.jitter(failures) for failures in (1, 2, 3, 2000)] == [0.0] * 4
    assert drawn == [(0.0, 1.0), (0.0, 2.0), (0.0, 3.0), (0.0, 3.0)]


@pytest.mark.parametrize("name", ["timeout", "deadline", "hold"])
@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_a_timeout_is_more_than_nothing(name: str, seconds: float) -> None:
    with pytest.raises(InvalidArgument, match=f"^{name} must be more than 0 seconds") as raised:
        Timeouts(**{name: seconds})
    assert raised.value.details == {"field": name}
