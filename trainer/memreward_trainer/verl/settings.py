"""What a verl user may write under `reward.memreward` of verl's configuration.

verl's schema lets keys be added to `reward` with Hydra's plus sign: `+reward.memreward.url=http://127.0.0.1:8080`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import PurePath
from typing import Any

import ray
from omegaconf import OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from memreward_client import LabelBudget
from memreward_trainer.adapter.connection import Connection, known_domain
from memreward_trainer.adapter.unscored import UnscoredRule
from memreward_trainer.verifiers.choose import REWARD_FUNCTION, is_external, known_verifier

STOPPING_ESTIMATOR = "memreward_grpo"
"""Name of the advantage estimator (advantage.py) that ends the run on a rollout without a reward."""
MEASURED_SAMPLER = "memreward_trainer.verl.sampler"
"""Where the sampler is that adds metrics (sampler.py)."""
LABEL_MARGIN_SECONDS = 15.0
"""How much longer than a verification may take the service waits for a label: for the way there and back."""


@dataclass(frozen=True)
class VerlSettings:
    """The keys, with their types as OmegaConf checks them. A key that is not one of these fields is an error."""

    url: str | None = None
    """Address of the service; else MEMREWARD_URL."""
    api_key: str | None = field(default=None, repr=False)
    """Else MEMREWARD_API_KEY. verl prints and logs its whole configuration: prefer the variable."""
    run_id: str = ""
    """Default: project and experiment name of the trainer with Ray's session and job, so that all workers of a run
    agree on it and a second run of the same name, or a resumed one, has another."""
    deadline_seconds: float = 600.0
    """Longest time for one rollout: siblings that are still being generated, and a service that is away."""
    allow_partial: bool = True
    """At the deadline, score the rollouts that are there without their siblings; false: they are not scored."""
    on_unscored: Any = "mask"
    """raise, mask or a number: see adapter/unscored.py."""
    domain: str | None = None
    """math, qa, code or text, for all rows. Default: the service goes by the name of the data set."""
    domains: dict[str, str | None] = field(default_factory=dict)
    """data_source -> domain, where a run mixes them; goes before `domain`."""
    datasets: dict[str, str] = field(default_factory=dict)
    """data_source -> name of the data set in memory. Default: the data_source itself."""
    query_field: str | None = None
    """Where a row holds the text of the query, for example extra_info.question. Default: the prompt, see
    adapter/query_text.py."""
    split_field: str | None = "extra_info.split"
    """Where a row says which split it is from; null: there is no validation, every row is for training."""
    training_splits: list[str] = field(default_factory=lambda: ["train"])
    """The splits that are scored by the service, one or a list. All other rows get true rewards only."""
    label_set: str | None = None
    """File of `memreward label-set`, on every machine with reward workers: training rows whose query is in it get their
    true reward, and are not predicted."""
    label_ratio: float | None = None
    """Which ratio of the label set holds, for example 0.2."""
    id_field: str = "extra_info.index"
    """Where a row has the id of its query in the label set."""
    label_share: float | None = None
    """The service may ask for the labels of this share of the rollouts that it was sent so far; above 0, at most 1, for
    example 0.17. Default: it asks for none."""
    label_limit: int | None = None
    """Labels that the service may ask for in the whole run. Default: as many as the share allows."""
    verifier: Any = REWARD_FUNCTION
    """Who says the true reward of training rows, see verifiers/choose.py. Default: verl's own reward function."""
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
    policy: str = ""
    """Under which name of its model a stored rollout is known. Default: actor_rollout_ref.model.path, of a folder its
    last part."""

    @classmethod
    def of(cls, config: Any) -> VerlSettings:
        """The settings in verl's whole configuration.

        Raises:
            ValueError: an unknown key or a value that cannot be, in a sentence.
        """
        node = config.reward.get("memreward")
        given = {} if node is None else OmegaConf.to_container(node, resolve=True)
        if isinstance(given.get("training_splits"), str):
            given["training_splits"] = [given["training_splits"]]
        try:
            written: VerlSettings = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(cls), given))
        except ConfigKeyError as error:
            names = ", ".join(each.name for each in fields(cls))
            raise ValueError(f"reward.memreward does not know {error.full_key}: it takes {names}.") from None
        except OmegaConfBaseException as error:
            raise ValueError(f"reward.memreward.{error.full_key}: {str(error.msg).splitlines()[0]}.") from None
        connection = Connection.named(written.url, written.api_key)
        settings = replace(
            written,
            url=connection.url,
            api_key=connection.api_key,
            run_id=written.run_id or _run_id(config),
            verifier=known_verifier(written.verifier),
            policy=written.policy or _policy(config),
        )
        for wrong, sentence in settings._checks(str(config.algorithm.adv_estimator)):
            if wrong:
                raise ValueError(f"reward.memreward.{sentence}")
        _check_sampler(config)
        return settings

    def _checks(self, estimator: str) -> Iterator[tuple[bool, str]]:
        """(is wrong, what to do about it), key by key. Raises ValueError where a word has no meaning."""
        for domain in (self.domain, *self.domains.values()):
            known_domain(domain)
        for name in ("deadline_seconds", "verify_seconds"):
            seconds = getattr(self, name)
            yield not seconds > 0, f"{name} is {seconds:g}: give seconds above 0."
        yield (
            (self.label_set is None) != (self.label_ratio is None),
            "label_set and label_ratio belong together, for example label_set=labels.json and label_ratio=0.2: give "
            "both or neither.",
        )
        share, limit = self.label_share, self.label_limit
        yield (
            share is not None and not 0 < share <= 1,
            f"label_share is {share}: give a number above 0 and at most 1, for example 0.17.",
        )
        yield (
            limit is not None and (share is None or limit < 1),
            f"label_limit is {limit}: give a whole number from 1, beside a label_share.",
        )
        yield (
            self.label_budget is not None and self._label_seconds >= self.deadline_seconds,
            f"deadline_seconds is {self.deadline_seconds:g}, which leaves no time to verify a rollout: give more than "
            f"verify_seconds + {LABEL_MARGIN_SECONDS:g}, or lower verify_seconds.",
        )
        yield (
            self.verifier != REWARD_FUNCTION and share is None and self.label_set is None,
            "verifier is set, and nothing is verified: add a label_share, or a label_set.",
        )
        yield (
            is_external(self.verifier) and self.domain is None,
            "verifier gets the domain of a rollout: set reward.memreward.domain.",
        )
        yield (
            self.rule.action == "raise" and estimator != STOPPING_ESTIMATOR,
            f"on_unscored=raise needs algorithm.adv_estimator={STOPPING_ESTIMATOR}, not {estimator}: verl goes on "
            "without a rollout whose reward manager raised, so a run can only be ended where advantages are computed.",
        )

    @property
    def connection(self) -> Connection:
        """Where the service is."""
        return Connection.named(self.url, self.api_key)

    @property
    def rule(self) -> UnscoredRule:
        """What `on_unscored` says."""
        return UnscoredRule.parse(self.on_unscored)

    @property
    def label_budget(self) -> LabelBudget | None:
        """What the run may spend on labels that the service asks for; None where it may ask for none."""
        if self.label_share is None:
            return None
        return LabelBudget(self.label_share, self.label_limit, round(1000 * self._label_seconds))

    @property
    def _label_seconds(self) -> float:
        """How long a label that was asked for is awaited."""
        return self.verify_seconds + LABEL_MARGIN_SECONDS

    @property
    def programs(self) -> tuple[str, ...]:
        """Why programs run in the reward workers; empty where none does."""
        compared = any(map(self.compares_behaviour, (self.domain, *self.domains.values())))
        reasons = ("behaviour, which is on for the domain code",) if compared else ()
        return (*reasons, "verifier=code") if self.verifier == "code" else reasons

    def compares_behaviour(self, domain: str | None) -> bool:
        """Whether the programs of a row of this domain are run, and compared by what they do."""
        return domain == "code" if self.behaviour is None else self.behaviour


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
