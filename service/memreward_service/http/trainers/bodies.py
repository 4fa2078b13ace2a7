"""The bodies of trainers that ask in their own format, and the answers in it.

A trainer may add fields in a later version, so unknown ones are left alone; what is ours (the object `memreward` of a
NeMo Gym row) is held to its fields like every request.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from memreward_proto.records import Source, Status


class TrainerBody(BaseModel):
    """A JSON object of a trainer: the fields that we read, with their types; the others are ignored."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, use_attribute_docstrings=True)


class OpenRlhfBody(TrainerBody):
    """POST /get_reward, as OpenRLHF sends it, one rollout a call or none. Its `labels`, reference answers, are not
    read."""

    query: list[str]
    """Each prompt with its response, special tokens included."""
    prompts: list[str]
    """The prompts, rendered by the chat template where OpenRLHF applies one."""


class SlimeBody(TrainerBody):
    """POST /rm, as slime and miles send it. Its `label` is the reference answer; it is not read."""

    prompt: str | list[dict[str, Any]]
    """The prompt, or its messages."""
    response: str


class CreateParams(TrainerBody):
    """What the model was asked, in the Responses format of OpenAI."""

    input: str | list[dict[str, Any]]
    """The prompt, or its messages."""


class ModelResponse(TrainerBody):
    """What the model answered, in the Responses format of OpenAI."""

    output: list[dict[str, Any]]
    """Items of the types reasoning and message count."""


class GymTask(BaseModel):
    """The object `memreward` in a row of a NeMo Gym data set: what the service has to know about it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)

    domain: str | None = None
    """math, qa, code or text. Without it: that of a known dataset, else text."""
    dataset: str | None = None
    """The data set's name in memory."""
    run_id: str | None = None
    """The training run; needed where two runs with the same group ids share the service."""
    group_size: int | None = None
    """Rollouts a prompt. Without it, each rollout is scored alone."""
    deadline_ms: int | None = None
    """How long a rollout may wait for the rest of its group; without it, as the service is set."""
    allow_partial: bool | None = None
    """At the deadline, score the rollouts that are there."""


class GymBody(TrainerBody):
    """POST /verify, as an agent of NeMo Gym sends it. The trainer (NeMo RL) names the group, or does not."""

    responses_create_params: CreateParams
    response: ModelResponse
    memreward: GymTask = Field(default_factory=GymTask)
    instance_config: dict[str, Any] | None = None
    ng_group_id: str | int | None = Field(None, alias="_ng_group_id")
    ng_group_attempt: int | None = Field(None, alias="_ng_group_attempt")
    ng_rollout_index: int | None = Field(None, alias="_ng_rollout_index")


class GymMetricsBody(TrainerBody):
    """POST /aggregate_metrics, as an agent of NeMo Gym sends it."""

    verify_responses: list[dict[str, Any]]


class TrainerAnswer(BaseModel):
    """An answer in a trainer's format."""

    model_config = ConfigDict(extra="forbid")


class OpenRlhfReply(TrainerAnswer):
    """The answer of POST /get_reward, one number a query in each list; extra_logs are metrics of OpenRLHF. A reward is
    null where the others of several have one."""

    rewards: list[float | None]
    scores: list[float | None]
    extra_logs: dict[str, list[float]]


class GymResult(TrainerAnswer):
    """What stands behind a reward in a trainer's format."""

    status: Status
    probability: float | None
    source: Source | None
    reason: str | None = None


class GymVerifyReply(BaseModel):
    """The answer of POST /verify: the fields of the request, and these. The last three only where there is no reward of
    its own."""

    reward: float
    memreward_result: GymResult
    mask_sample: bool = False
    instance_config: dict[str, object] | None = None
    failure_class: str | None = Field(None, alias="_ng_failure_class")


class GymMetricsReply(TrainerAnswer):
    """The answer of POST /aggregate_metrics."""

    group_level_metrics: list[dict[str, object]]
    agent_metrics: dict[str, float]
    key_metrics: dict[str, float]
