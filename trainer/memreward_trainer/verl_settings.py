"""What a verl user may write under `reward.memreward` of verl's configuration.

verl's schema lets keys be added to `reward` with Hydra's plus sign: `+reward.memreward.url=http://127.0.0.1:8080`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import PurePath
from typing import Any

import ray

from memreward_client import Domain
from memreward_trainer.connection import Connection
from memreward_trainer.domains import known_domain
from memreward_trainer.unscored import UnscoredRule

STOPPING_ESTIMATOR = "memreward_grpo"
"""Name of the advantage estimator (verl_advantage.py) that ends the run on a rollout without a reward."""
WAITING_CALLS = 1_000
"""Calls that a Ray actor with coroutine methods, as verl's reward workers are, holds at once."""


@dataclass(frozen=True, slots=True)
class VerlSettings:
    """The settings of the reward manager. A key that is not one of these fields is an error."""

    connection: Connection
    """Keys `url` and `api_key`, else MEMREWARD_URL and MEMREWARD_API_KEY. verl prints and logs its whole
    configuration: prefer the variable for the key."""
    run_id: str
    """Key `run_id`. Default: project and experiment name of the trainer with Ray's session and job, so that all workers
    of a run agree on it and a second run of the same name, or a resumed one, has another."""
    group_size: int
    """actor_rollout_ref.rollout.n of verl's configuration; no key."""
    deadline_seconds: float = 600.0
    """Longest time for one rollout: siblings that are still being generated, and a service that is away."""
    allow_partial: bool = True
    """At the deadline, score the rollouts that are there without their siblings; false: they are not scored."""
    on_unscored: UnscoredRule = field(default_factory=lambda: UnscoredRule("mask"))
    """raise, mask or a number: see unscored.py."""
    domain: Domain | None = None
    """math, qa, code or text, for all rows. Default: the service goes by the name of the data set."""
    domains: Mapping[str, Domain | None] = field(default_factory=dict)
    """data_source -> domain, where a run mixes them; goes before `domain`."""
    datasets: Mapping[str, str] = field(default_factory=dict)
    """data_source -> name of the data set in memory. Default: the data_source itself."""
    query_field: str | None = None
    """Where a row holds the text of the query, for example extra_info.question. Default: the prompt, see
    query_text.py."""
    split_field: str | None = "extra_info.split"
    """Where a row says which split it is from; null: there is no validation, every row is for training."""
    training_splits: tuple[str, ...] = ("train",)
    """The splits that are scored by the service. All other rows get true rewards only."""
    label_set: str | None = None
    """File of `memreward label-set`, on every machine with reward workers: training rows whose query is in it get their
    true reward, and are not predicted."""
    label_ratio: float | None = None
    """Which ratio of the label set holds, for example 0.2."""
    id_field: str = "extra_info.index"
    """Where a row has the id of its query in the label set."""
    verify_seconds: float = 60.0
    """Longest time for verl's reward function on one labelled rollout."""
    remember: bool = True
    """Store the labelled rollouts, in the background, as experience."""
    policy: str | None = None
    """Under which name of its model a stored rollout is known. Default: actor_rollout_ref.model.path, of a folder its
    last part."""

    @classmethod
    def of(cls, config: Any) -> VerlSettings:
        """The settings in verl's whole configuration.

        Raises:
            ValueError: an unknown key or a value that cannot be, in a sentence.
        """
        given = dict(config.reward.get("memreward") or {})
        known = {each.name for each in fields(cls)} - {"connection", "group_size"}
        if unknown := sorted(given.keys() - known - {"url", "api_key"}):
            raise ValueError(
                f"reward.memreward does not know {', '.join(unknown)}: "
                f"it takes url, api_key, {', '.join(sorted(known))}."
            )
        connection = Connection.named(given.pop("url", None), given.pop("api_key", None))
        if "on_unscored" in given:
            given["on_unscored"] = UnscoredRule.parse(given["on_unscored"])
        if "training_splits" in given:
            given["training_splits"] = _names(given["training_splits"])
        if "datasets" in given:
            given["datasets"] = dict(given["datasets"])
        if "domains" in given:
            given["domains"] = {str(source): known_domain(name) for source, name in given["domains"].items()}
        given["domain"] = known_domain(given.get("domain"))
        given.setdefault("run_id", _run_id(config))
        given.setdefault("policy", _policy(config))
        settings = cls(connection=connection, group_size=int(config.actor_rollout_ref.rollout.n), **given)
        settings._check(config)
        return settings

    def _check(self, config: Any) -> None:
        for name in ("deadline_seconds", "verify_seconds"):
            if not float(getattr(self, name)) > 0:
                raise ValueError(f"reward.memreward.{name} is {getattr(self, name)!r}: give seconds above 0.")
        if (self.label_set is None) != (self.label_ratio is None):
            raise ValueError(
                "reward.memreward has a label_set without a label_ratio, or the reverse: give both, for example "
                "label_set=labels.json and label_ratio=0.2, or neither."
            )
        if self.label_ratio is not None and not isinstance(self.label_ratio, int | float):
            raise ValueError(f"reward.memreward.label_ratio is {self.label_ratio!r}: give a number, for example 0.2.")
        estimator = str(config.algorithm.adv_estimator)
        if self.on_unscored.action == "raise" and estimator != STOPPING_ESTIMATOR:
            raise ValueError(
                "reward.memreward.on_unscored=raise needs algorithm.adv_estimator="
                f"{STOPPING_ESTIMATOR}, not {estimator}: verl goes on without a rollout whose reward manager raised, "
                "so the run can only be ended where advantages are computed."
            )

    def waiting(self, config: Any) -> tuple[int, int]:
        """(rollouts of one step, calls that all reward workers together can hold while groups fill up)."""
        return int(config.data.train_batch_size) * self.group_size, int(config.reward.num_workers) * WAITING_CALLS


def _names(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(str(each) for each in given)


def _policy(config: Any) -> str:
    """The name of the model in the configuration: as the hub knows it, or the last part of its folder."""
    path = str(config.actor_rollout_ref.model.path)
    return PurePath(path).name if PurePath(path).is_absolute() else path


def _run_id(config: Any) -> str:
    """The same in all processes of one run of a Ray job, and in no other run."""
    named = f"{config.trainer.project_name}/{config.trainer.experiment_name}"[:120]
    if not ray.is_initialized():
        # Then there is one process, and a group can only be complete inside it.
        return f"{named}/{uuid.uuid4()}"
    context = ray.get_runtime_context()
    return f"{named}/{context.get_session_name()}/{context.get_job_id()}"
