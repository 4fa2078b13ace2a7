"""Redis between two services: vectors are shared, and its death changes no answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import RedisServer
from e2e.conftest import Trained
from e2e.service_process import running
from rollout_json import experience_json

pytestmark = pytest.mark.slow

LOOKUPS = 'memreward_embedding_lookups_total{{level="{}"}}'


def test_two_services_share_vectors_and_outlive_redis(
    trained: Trained, redis_server: RedisServer, tmp_path: Path
) -> None:
    stored = {"queries": [experience_json(query, with_labels=False) for query in trained.queries[:5]]}
    with (
        running(tmp_path / "one", "--redis-url", redis_server.url) as one,
        running(tmp_path / "two", "--redis-url", redis_server.url) as two,
    ):
        one.post("/v1/experience", stored)
        one.until_remembered()
        encoded = one.metric(LOOKUPS.format("encoder"))
        assert encoded > 5

        two.post("/v1/experience", stored)
        two.until_remembered()
        assert two.metric(LOOKUPS.format("encoder")) == 0
        assert two.metric(LOOKUPS.format("redis")) == encoded

        redis_server.stop()
        text = trained.new[0].query
        from_one = one.get("/v1/queries", text=text, k=3)
        assert from_one == two.get("/v1/queries", text=text, k=3)
        assert two.metric(LOOKUPS.format("encoder")) == 1
        more = {"queries": [experience_json(query, with_labels=False) for query in trained.queries[5:7]]}
        two.post("/v1/experience", more)
        assert two.until_remembered()["indexed_queries"] == 7
