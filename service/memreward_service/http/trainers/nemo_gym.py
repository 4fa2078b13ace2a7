"""Routes in the format of NeMo Gym: the service as a resources server.

An agent of NeMo Gym opens a session, asks for the reward of its rollout (/verify), and at the end for metrics. Where
the trainer names the group (NeMo RL) and the row its size, the rollout meets its siblings (rendezvous); else it is
scored alone. With observability on, NeMo Gym puts /ng-rollout/{id} in front of every path.
"""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from memreward_proto.errors import (
    Conflict,
    InvalidArgument,
    ModelNotTrained,
    NotScored,
    Overloaded,
    TooLarge,
    Unavailable,
)  # fmt: skip
from memreward_proto.records import Group, Prediction, Query, Rollout, RolloutReward, Submission
from memreward_service.http import examples
from memreward_service.http.bodies import JsonBody, TrainerRoute, json_response
from memreward_service.http.examples import body_example, error_responses
from memreward_service.http.middleware import while_connected
from memreward_service.http.routes import engine_of, settings_of
from memreward_service.http.trainers.bodies import GymBody, GymMetricsBody, GymMetricsReply, GymVerifyReply
from memreward_service.http.trainers.chat_text import message_text, model_text, query_text, response_text
from memreward_service.http.trainers.openrlhf_slime import KEY_CHECK, given_rewards, read_within
from memreward_service.request_metrics import count_reward, count_scored
from memreward_service.requests import validation
from memreward_service.settings import Settings

RUN_ID = "nemo-gym"
"""The run of rows that name none."""

router = APIRouter(route_class=TrainerRoute, tags=["trainers"], dependencies=[*KEY_CHECK])


@router.post("/seed_session", response_model=dict[str, object])
async def seed_session() -> Response:
    """NeMo Gym opens a session before each rollout; there is none to keep."""
    return json_response({})


@router.post(
    "/verify",
    response_model=GymVerifyReply,
    openapi_extra=body_example(examples.GYM),
    responses={
        200: {"content": {"application/json": {"example": examples.GYM_VERIFIED}}},
        **error_responses(NotScored, TooLarge, Conflict, Overloaded, ModelNotTrained, Unavailable),
    },
)
async def verify(request: Request, body: JsonBody[GymBody]) -> Response:
    """NeMo Gym: the request with its reward. What could not be scored is masked where unscored_reward is set, else an
    error."""
    settings = settings_of(request)
    answer = await _answer(request, body, settings)
    (reward,) = given_rewards([answer], settings, "/verify")
    added: dict[str, Any] = {
        "reward": reward,
        "memreward_result": {
            "status": answer.status,
            "probability": answer.probability,
            "source": answer.source,
            "reason": answer.reason,
        },
    }
    if answer.reward is None:
        added |= {
            "mask_sample": True,
            # where NeMo RL looks for it
            "instance_config": {**(body.instance_config or {}), "mask_sample": True},
            # what keeps the row out of NeMo Gym's own metrics
            "_ng_failure_class": f"memreward_{answer.status}",
        }
    # Everything that was sent goes back as it came, numbers to their last digit; of a name that stands twice in an
    # object, readers of JSON take the last.
    raw = await request.body()
    return Response(raw.rstrip()[:-1] + b"," + orjson.dumps(added)[1:], media_type="application/json")


@router.post(
    "/aggregate_metrics",
    response_model=GymMetricsReply,
    openapi_extra=body_example(examples.GYM_METRICS),
    responses=error_responses(TooLarge),
)
async def aggregate_metrics(body: JsonBody[GymMetricsBody]) -> Response:
    """NeMo Gym, at the end of a collection: the mean reward."""
    rewards = [row["reward"] for row in body.verify_responses if isinstance(row.get("reward"), int | float)]
    means = {"mean/reward": sum(rewards) / len(rewards)} if rewards else {}
    return json_response({"group_level_metrics": [], "agent_metrics": means, "key_metrics": means})


async def _answer(request: Request, body: GymBody, settings: Settings) -> Prediction | RolloutReward:
    task = body.memreward
    limit, asked = settings.max_text_chars, body.responses_create_params.input
    text = read_within(limit, query_text, asked) if isinstance(asked, str) else query_text(asked)
    query = Query(text, domain=task.domain, dataset=task.dataset)
    rollout = _rollout(body.response.output, limit)
    if task.group_size is None:
        groups = validation.valid_groups([Group(query, (rollout,))], settings, blank_queries=True)
        scored = await engine_of(request).score(groups)
        count_scored(scored)
        return scored.groups[0].rollouts[0]
    if body.ng_group_id is None or body.ng_rollout_index is None:
        raise InvalidArgument(
            "memreward.group_size is given, but the trainer sends no _ng_group_id and _ng_rollout_index: leave "
            "group_size out of the rows, and each rollout is scored alone.",
            field="memreward.group_size",
        )
    submission = validation.valid_submission(
        Submission(
            run_id=RUN_ID if task.run_id is None else task.run_id,
            group_id=str(body.ng_group_id),
            group_attempt=body.ng_group_attempt,
            rollout_index=body.ng_rollout_index,
            group_size=task.group_size,
            query=query,
            rollout=rollout,
            deadline_ms=task.deadline_ms,
            allow_partial=task.allow_partial,
        ),
        settings,
        blank_queries=True,
    )
    reward = await while_connected(request, engine_of(request).submit(submission))
    count_reward(reward)
    return reward


def _rollout(output: list[dict[str, Any]], limit: int) -> Rollout:
    """The messages of the assistant are the response, its reasoning items the thinking; what a user or a tool says
    among them is neither."""
    messages = [item for item in output if item.get("type", "message") == "message"]
    thoughts = [
        text
        for item in output
        if item.get("type") == "reasoning"
        for part in ("summary", "content")
        if (text := message_text(item.get(part)))
    ]
    return Rollout(read_within(limit, response_text, model_text(messages)), "\n".join(thoughts) or None)
