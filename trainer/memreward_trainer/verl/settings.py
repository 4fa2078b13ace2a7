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

from memreward_client import Domain, LabelBudget
from memreward_trainer.adapter.connection import Connection
from memreward_trainer.adapter.domains import known_domain
from memreward_trainer.adapter.unscored import UnscoredRule
from memreward_trainer.verifiers.choose import REWARD_FUNCTION, VerifierChoice, is_external, known_verifier

STOPPING_ESTIMATOR = "memreward_grpo"
"""Name of the advantage estimator (verl/advantage.py) that ends the run on a rollout without a reward."""
MEASURED_SAMPLER = "memreward_trainer.verl.sampler"
"""Where the sampler is that adds metrics (verl/sampler.py)."""
WAITING_CALLS = 1_000
"""Calls that a Ray actor with coroutine methods, as verl's reward workers are, holds at once."""
NO_KEYS = frozenset({"connection", "group_size", "sandbox_url", "sandbox_programs"})
"""Fields that other parts of verl's configuration tell."""
LABEL_MARGIN_SECONDS = 15.0
"""How much longer than a verification may take the service waits for a label: for the way there and back."""


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
    sandbox_url: str | None = None
    """reward.sandbox_fusion.url of verl's configuration: programs run there, and not on this machine; no key."""
    sandbox_programs: int = 64
    """reward.sandbox_fusion.max_concurrent: programs that run there at once for one worker; no key."""
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
    label_share: float | None = None
    """The service may ask for the labels of this share of the rollouts that it is sent, of every step; above 0, at most
    1, for example 0.17. Default: it asks for none."""
    label_limit: int | None = None
    """Labels that the service may ask for in the whole run. Default: as many as the share allows."""
    verifier: VerifierChoice = REWARD_FUNCTION
    """Who tells the true reward of training rows, see verifiers/choose.py. Default: verl's own reward function."""
    truth_field: str = "reward_model.ground_truth"
    """Where a row has the reference answer for a verifier that is not verl's own reward function."""
    tests_field: str = "extra_info.tests"
    """Where a row has the tests for such a verifier: one or a list of them."""
    verify_seconds: float = 60.0
    """Longest time for the verification of one rollout."""
    behaviour: bool | None = None
    """Run the programs of rollouts, and send what they do, so that the service compares them by it. Default: where the
    domain is code."""
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
        known = {each.name for each in fields(cls)} - NO_KEYS
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
        if "verifier" in given:
            given["verifier"] = known_verifier(given["verifier"])
        given.setdefault("run_id", _run_id(config))
        given.setdefault("policy", _policy(config))
        fusion = config.reward.sandbox_fusion
        settings = cls(
            connection=connection, group_size=int(config.actor_rollout_ref.rollout.n), sandbox_url=fusion.url,
            sandbox_programs=int(fusion.max_concurrent), **given,
        )  # fmt: skip
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
        self._check_labels()
        _check_sampler(config)
        estimator = str(config.algorithm.adv_estimator)
        if self.on_unscored.action == "raise" and estimator != STOPPING_ESTIMATOR:
            raise ValueError(
                "reward.memreward.on_unscored=raise needs algorithm.adv_estimator="
                f"{STOPPING_ESTIMATOR}, not {estimator}: verl goes on without a rollout whose reward manager raised, "
                "so the run can only be ended where advantages are computed."
            )

    def _check_labels(self) -> None:
        share, limit = self.label_share, self.label_limit
        if share is not None and not (_is_number(share) and 0 < share <= 1):
            raise ValueError(
                f"reward.memreward.label_share is {share!r}: give a number above 0 and at most 1, for example 0.17."
            )
        if limit is not None and (share is None or isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
            raise ValueError(
                f"reward.memreward.label_limit is {limit!r}: give a whole number from 1, beside a label_share."
            )
        if self.label_budget is not None and self.label_budget.deadline_seconds >= self.deadline_seconds:
            raise ValueError(
                f"reward.memreward.deadline_seconds is {self.deadline_seconds:g}, which leaves no time to verify a "
                f"rollout: give more than verify_seconds + {LABEL_MARGIN_SECONDS:g}, or lower verify_seconds."
            )
        if self.verifier != REWARD_FUNCTION and share is None and self.label_set is None:
            raise ValueError(
                "reward.memreward.verifier is set, and nothing is verified: add a label_share, or a label_set."
            )
        if is_external(self.verifier) and self.domain is None:
            raise ValueError("reward.memreward.verifier is told the domain of a rollout: set reward.memreward.domain.")
        if self.behaviour is not None and not isinstance(self.behaviour, bool):
            raise ValueError(f"reward.memreward.behaviour is {self.behaviour!r}: give true, false or null.")

    @property
    def label_budget(self) -> LabelBudget | None:
        """What the run may spend on labels that the service asks for; None where it may ask for none."""
        if self.label_share is None:
            return None
        waited = float(self.verify_seconds) + LABEL_MARGIN_SECONDS
        return LabelBudget(float(self.label_share), self.label_limit, waited)

    @property
    def programs(self) -> tuple[str, ...]:
        """Why programs run in the reward workers; empty where none does."""
        code = "code" in (self.domain, *self.domains.values())
        compared = code if self.behaviour is None else self.behaviour
        reasons = ("behaviour, which is on for the domain code",) if compared else ()
        return (*reasons, "verifier=code") if self.verifier == "code" else reasons

    def compares_behaviour(self, domain: Domain | None) -> bool:
        """Whether the programs of a row of this domain are run, and compared by what they do."""
        return domain == "code" if self.behaviour is None else self.behaviour

    def waiting(self, config: Any) -> tuple[int, int]:
        """(rollouts of one step, calls that all reward workers together can hold while groups fill up)."""
        return int(config.data.train_batch_size) * self.group_size, int(config.reward.num_workers) * WAITING_CALLS


def _check_sampler(config: Any) -> None:
    """verl gives these settings to its built-in sampler only, and ignores them in silence beside another one."""
    sampler = config.trainer.v1.sampler
    if MEASURED_SAMPLER not in str(sampler.custom_sampler.path):
        return
    filtered = bool((config.algorithm.get("filter_groups") or {}).get("enable"))
    ignored = {"algorithm.filter_groups": filtered, "sync_refill_failed_groups": sampler.sync_refill_failed_groups}
    if given := [name for name, on in ignored.items() if on]:
        raise ValueError(
            f"verl ignores {' and '.join(given)} where trainer.v1.sampler.custom_sampler is set: leave out either "
            f"these, or {MEASURED_SAMPLER}, which only adds metrics."
        )


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)


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
