"""A service as the tour starts one, with made-up answers: labels, and what more than half of a group say."""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from collections.abc import Sequence
from types import ModuleType
from typing import Any, cast

from client.learning_engine import LearningEngine
from memreward_proto.records import (
    Explanation,
    Group,
    Prediction,
    Rollout,
    Scored,
    ScoredGroup,
    Source,
    Status,
)  # fmt: skip
from memreward_service.demo import child
from memreward_service.server import serve
from memreward_service.settings import Settings


class AgreeingEngine(LearningEngine):
    """Rewards what is labelled right, and the answers that more than half of a group share."""

    async def score(self, groups: Sequence[Group], explain: bool = False) -> Scored:
        return Scored("m-2", 9, tuple(_agreed(group) for group in groups))


def _agreed(group: Group) -> ScoredGroup:
    keys = [re.findall(r"-?\d+", rollout.response)[-1] for rollout in group.rollouts]
    votes = Counter(keys)
    shares = [votes[key] / len(keys) for key in keys]
    predictions = tuple(
        _rewarded(rollout, Explanation(key, key, share, 0, 0))
        for rollout, key, share in zip(group.rollouts, keys, shares, strict=True)
    )
    return ScoredGroup(group.group_id, predictions, ())


def _rewarded(rollout: Rollout, explanation: Explanation) -> Prediction:
    if rollout.label is not None:
        return Prediction(rollout.label, rollout.label, Status.OK, Source.LABEL, explanation)
    share = explanation.agreement
    return Prediction(float(share > 0.5), share, Status.OK, Source.GNN, explanation)


def run(settings: Settings) -> None:
    """In the place of memreward_service.app.run."""
    print(f"listening on {settings.http_port}", flush=True)
    asyncio.run(serve(cast(Any, AgreeingEngine()), settings))


if __name__ == "__main__":
    # The real module would load PyTorch first, for an engine that is not used.
    fake_app = ModuleType("memreward_service.app")
    vars(fake_app)["run"] = run
    sys.modules[fake_app.__name__] = fake_app
    sys.exit(child.main())
