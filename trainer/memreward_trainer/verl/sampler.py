"""What the rewards of a step rest on, among verl's own metrics.

verl 0.9.1 takes no metrics from a reward manager. Its V1 trainer takes them from the sampler that draws the batch of a
step, which users may bring: this is verl's own sampler, which returns beside the batch

    memreward/source/{label,gnn,none}      shares of the rollouts trained on, by where their reward comes from
    memreward/groups/without_gradient      share of the groups trained on whose rewards are all equal
    memreward/trust/{rollouts,share_abstained,auc,false_positive_rate,false_negative_rate,calibration_error}
    memreward/trust/<domain>/{trusted, agreement, drifting, and the same}
    memreward/trust/<domain>/predicted/{the same}
    memreward/trust/<domain>/predicted/{audited, and auc,false_positive_rate,false_negative_rate each with _low,_high}

where the third line is the overall trust of the service (GET /v1/trust) over labelled rollouts, the fourth that in each
domain, the fifth what is estimated of the rewards that were predicted, and the last how far off that is. It is asked
for once a step, in the background:

    trainer.v1.sampler.custom_sampler.path=pkg://memreward_trainer.verl.sampler
    trainer.v1.sampler.custom_sampler.name=measured_sampler
    +trainer.v1.sampler.sampler_kwargs.url=http://127.0.0.1:8080
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

import transfer_queue  # type: ignore[import-untyped]
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer, ReplayBufferAsync

from memreward_client import MemRewardError, Retries, RewardClient, TrustFigures, TrustIntervals, TrustReport
from memreward_service.groups.advantage import are_equal
from memreward_trainer.adapter.connection import Connection

logger = logging.getLogger(__name__)

TRUST_SECONDS = 10.0
"""Longest time for an answer of the service; nothing waits for it."""
SOURCES = ("label", "gnn", "none")


def measured_sampler(**arguments: Any) -> ReplayBuffer:
    """verl's own sampler for its mode, with metrics; the arguments are verl's. `sampler_kwargs` may hold `url`, and
    `api_key`; else MEMREWARD_URL and MEMREWARD_API_KEY.

    Raises:
        ValueError: nothing says where the service is, or sampler_kwargs has other keys.
    """
    given = dict(arguments["sampler_kwargs"] or {})
    if unknown := sorted(given.keys() - {"url", "api_key"}):
        raise ValueError(
            f"trainer.v1.sampler.sampler_kwargs does not know {', '.join(unknown)}: it takes url, api_key."
        )
    kind = MeasuredSampler if arguments["trainer_mode"] == "sync" else MeasuredAsyncSampler
    sampler: ReplayBuffer = kind(**arguments)
    connection = Connection.named(**given)
    sampler.trust = TrustFollower(lambda: RewardClient(connection.url, connection.api_key, retries=Retries(attempts=1)))
    return sampler


class TrustFollower:
    """Asks for the trust of the service in a thread: one question at a time, and no failure reaches the trainer.

    `open_client` gives a client for one question.
    """

    def __init__(self, open_client: Callable[[], RewardClient]) -> None:
        self.open_client = open_client
        self._asking: threading.Thread | None = None
        self._told: TrustReport | None = None
        self._failed = False

    def ask(self) -> None:
        """Begin to ask, unless a question is open; returns at once."""
        if self._asking is None or not self._asking.is_alive():
            self._asking = threading.Thread(target=self._ask, name="trust", daemon=True)
            self._asking.start()

    def settled(self) -> None:
        """Wait until no question is open."""
        if self._asking is not None:
            self._asking.join()

    def metrics(self) -> dict[str, float]:
        """What the last answer says, once; nothing where there is no new one. Figures without a value are left out."""
        told, self._told = self._told, None
        if told is None:
            return {}
        metrics = _named("memreward/trust", told.overall)
        for each in told.domains:
            metrics |= _named(f"memreward/trust/{each.domain}", each.figures)
            metrics |= _named(f"memreward/trust/{each.domain}/predicted", each.predicted)
            metrics |= _ends(f"memreward/trust/{each.domain}/predicted", each.interval)
            metrics[f"memreward/trust/{each.domain}/predicted/audited"] = float(each.audited)
            metrics[f"memreward/trust/{each.domain}/trusted"] = float(each.trusted)
            consensus = {"agreement": each.agreement, "drifting": each.drifting}
            metrics |= {
                f"memreward/trust/{each.domain}/{name}": float(value)
                for name, value in consensus.items()
                if value is not None
            }
        return metrics

    def _ask(self) -> None:
        try:
            with self.open_client() as client:
                self._told = client.trust(deadline=TRUST_SECONDS)
            self._failed = False
        except MemRewardError as error:
            if not self._failed:
                self._failed = True
                logger.warning("The service did not report its trust, so it is not among the metrics: %s", error)


def _ends(prefix: str, intervals: TrustIntervals) -> dict[str, float]:
    found = {name: getattr(intervals, name) for name in ("auc", "false_positive_rate", "false_negative_rate")}
    return {
        f"{prefix}/{name}_{end}": getattr(interval, end)
        for name, interval in found.items()
        if interval is not None
        for end in ("low", "high")
    }


def _named(prefix: str, figures: TrustFigures) -> dict[str, float]:
    return {f"{prefix}/{name}": float(value) for name, value in asdict(figures).items() if value is not None}


def source_shares(infos: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """The shares of the rewards by source, from the reward_extra_info of rollouts; nothing where none says its own."""
    sources = [info["source"] or "none" for info in infos if "source" in info]
    counts = Counter(sources)
    return {f"memreward/source/{source}": counts[source] / len(sources) for source in SOURCES} if sources else {}


def without_gradient(infos: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Of the groups with two rewards or more, the share whose rewards are all equal; nothing where there is no such
    group. `infos`: the reward_extra_info of rollouts, by session (verl: `{uid of the group}_{number}`)."""
    rewards: dict[str, list[float]] = defaultdict(list)
    for session, info in infos.items():
        reward = info.get("reward", info.get("score"))  # score: of the plain reward function, functions.py
        if "source" in info and reward is not None:
            rewards[session.rsplit("_", 1)[0]].append(float(reward))
    equal = [are_equal(group) for group in rewards.values() if len(group) > 1]
    return {"memreward/groups/without_gradient": sum(equal) / len(equal)} if equal else {}


class MeasuredSampler(ReplayBuffer):  # type: ignore[misc]
    """verl's sampler of its synchronous mode."""

    trust: TrustFollower

    def sample(self, global_steps: int, partition_id: str, batch_size: int) -> tuple[Any, dict[str, Any]]:
        """verl's batch and its metrics, and ours where the batch is to be trained on."""
        return _measured(self.trust, super().sample, global_steps, partition_id, batch_size)


class MeasuredAsyncSampler(ReplayBufferAsync):  # type: ignore[misc]
    """verl's sampler of its asynchronous modes."""

    trust: TrustFollower

    def sample(self, global_steps: int, partition_id: str, batch_size: int) -> tuple[Any, dict[str, Any]]:
        """verl's batch and its metrics, and ours where the batch is to be trained on."""
        return _measured(self.trust, super().sample, global_steps, partition_id, batch_size)


def _measured(trust: TrustFollower, sample: Any, step: int, partition: str, size: int) -> tuple[Any, dict[str, Any]]:
    if partition != "train":
        return sample(step, partition, size)  # type: ignore[no-any-return]
    trust.ask()
    batch, metrics = sample(step, partition, size)
    infos = _infos(batch)
    return batch, metrics | source_shares(infos.values()) | without_gradient(infos) | trust.metrics()


def _infos(batch: Any) -> dict[str, Mapping[str, Any]]:
    """The reward_extra_info of each session in a batch; several outputs of one session share it."""
    sessions = {key.rsplit("_", 1)[0]: key for key in batch.keys}
    read = transfer_queue.kv_batch_get(
        keys=list(sessions.values()), partition_id=batch.partition_id, select_fields=["extra_fields"]
    )
    fields = [getattr(value, "data", value) for value in read["extra_fields"]]
    return {
        session: value.get("reward_extra_info") or {}
        for session, value in zip(sessions, fields, strict=True)
        if isinstance(value, dict)
    }
