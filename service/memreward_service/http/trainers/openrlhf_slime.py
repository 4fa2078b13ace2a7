"""Routes in the formats of OpenRLHF, slime and miles: these trainers ask by themselves, configured by one URL.

Both are stateless: the formats name no group, so a rollout that is sent again is scored again, and one that comes alone
is a group of its own. A rollout that could not be scored is an error (not_scored), or gets the setting unscored_reward.
The reference answers that these trainers send along never reach a prediction.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.security import HTTPBasic, HTTPBearer

from memreward_proto.errors import (
    InvalidArgument,
    ModelNotTrained,
    NotScored,
    Overloaded,
    TooLarge,
    Unavailable,
)  # fmt: skip
from memreward_proto.records import Group, Prediction, Rollout, RolloutReward, Source, Status
from memreward_proto.records import Query as RolloutQuery
from memreward_service.http import examples
from memreward_service.http.bodies import JsonBody, TrainerRoute, json_response
from memreward_service.http.examples import body_example, error_responses
from memreward_service.http.query_strings import TaskString
from memreward_service.http.routes import engine_of, settings_of
from memreward_service.http.trainers.bodies import OpenRlhfBody, OpenRlhfReply, SlimeBody
from memreward_service.http.trainers.chat_text import after_prompt, query_text, response_text
from memreward_service.request_metrics import count_scored
from memreward_service.requests import validation
from memreward_service.settings import Settings

logger = logging.getLogger("memreward.transport")


KEY_CHECK = (Depends(HTTPBearer(auto_error=False)), Depends(HTTPBasic(auto_error=False)))
"""How a trainer may send its key, for the OpenAPI page; TrainerRoute checks it."""
ERRORS = error_responses(NotScored, TooLarge, Overloaded, ModelNotTrained, Unavailable)

router = APIRouter(route_class=TrainerRoute, tags=["trainers"], dependencies=[*KEY_CHECK])


@router.post(
    "/get_reward",
    response_model=OpenRlhfReply,
    openapi_extra=body_example(examples.OPENRLHF),
    responses={200: {"content": {"application/json": {"example": examples.OPENRLHF_REWARDS}}}, **ERRORS},
)
async def get_reward(request: Request, body: JsonBody[OpenRlhfBody], task: Annotated[TaskString, Query()]) -> Response:
    """OpenRLHF (`--reward.remote_url`): one reward for each query. Equal prompts in one call are one group."""
    settings = settings_of(request)
    if not body.query and not body.prompts:
        return json_response({"rewards": [], "scores": [], "extra_logs": {}})
    places = _places(body)
    limit = settings.max_text_chars
    groups = [
        _group(prompt, [_response(body, place, limit) for place in group], task, limit)
        for prompt, group in places.items()
    ]
    scored = await engine_of(request).score(validation.valid_groups(groups, settings, blank_queries=True))
    count_scored(scored)
    predictions: dict[int, Prediction] = {}
    for group, answers in zip(places.values(), scored.groups, strict=True):
        predictions.update(zip(group, answers.rollouts, strict=True))
    ordered = [predictions[place] for place in range(len(body.query))]
    rewards = _rewards_of_some(ordered, settings)
    logs = {
        "memreward_scored": [float(each.status is Status.OK) for each in ordered],
        "memreward_from_label": [float(each.source is Source.LABEL) for each in ordered],
    }
    return json_response({"rewards": rewards, "scores": rewards, "extra_logs": logs})


@router.post(
    "/rm",
    response_model=float,
    openapi_extra=body_example(examples.SLIME),
    responses={200: {"content": {"application/json": {"example": 1.0}}}, **ERRORS},
)
async def remote_rm(request: Request, body: JsonBody[SlimeBody], task: Annotated[TaskString, Query()]) -> Response:
    """slime and miles (`--rm-type remote_rm --rm-url`): the reward of one rollout, a bare number."""
    settings = settings_of(request)
    limit = settings.max_text_chars
    group = _group(body.prompt, [read_within(limit, response_text, body.response)], task, limit)
    scored = await engine_of(request).score(validation.valid_groups([group], settings, blank_queries=True))
    count_scored(scored)
    (reward,) = given_rewards(scored.groups[0].rollouts, settings, "/rm")
    return json_response(reward)


def read_within(limit: int, read: Callable[[str], str], text: str) -> str:
    """What `read` makes of a text. One that is longer than `limit` stays as it is, and is invalid for its length."""
    return read(text) if len(text) <= limit else text


def _rewards_of_some(answers: Sequence[Prediction], settings: Settings) -> list[float | None]:
    """As given_rewards; where some of several rollouts have a reward, null for the others: they harm none of these."""
    if settings.unscored_reward is None and any(each.reward is not None for each in answers):
        unscored = sorted({each.status for each in answers if each.reward is None})
        if unscored:
            logger.warning("/get_reward: some rollouts could not be scored (%s), answered null.", ", ".join(unscored))
        return [each.reward for each in answers]
    return [*given_rewards(answers, settings, "/get_reward")]


def given_rewards(answers: Iterable[Prediction | RolloutReward], settings: Settings, route: str) -> list[float]:
    """The rewards of `answers`; what could not be scored is in the log and gets the setting unscored_reward.

    Raises NotScored where there is no such setting.
    """
    return [_given_reward(place, answer, settings.unscored_reward, route) for place, answer in enumerate(answers)]


def _given_reward(place: int, answer: Prediction | RolloutReward, unscored: float | None, route: str) -> float:
    if answer.reward is not None:
        return answer.reward
    why = answer.status if answer.reason is None else f"{answer.status}: {answer.reason.rstrip('.')}"
    if unscored is None:
        logger.warning("%s: a rollout could not be scored (%s), answered not_scored.", route, why)
        raise NotScored(
            f"Rollout {place} could not be scored ({why}) and this format has no word for that: "
            "set MEMREWARD_UNSCORED_REWARD to the number that such rollouts are to get.",
            rollout_index=place,
            status=answer.status,
        )
    logger.warning("%s: a rollout could not be scored (%s), answered %s as set.", route, why, unscored)
    return unscored


def _places(body: OpenRlhfBody) -> dict[str, list[int]]:
    """The places of each prompt, in the order of its first one."""
    if len(body.query) != len(body.prompts):
        raise InvalidArgument(
            f"query holds {len(body.query)} texts and prompts {len(body.prompts)}: send one prompt for each query.",
            field="prompts",
        )
    places: dict[str, list[int]] = {}
    for place, prompt in enumerate(body.prompts):
        places.setdefault(prompt, []).append(place)
    return places


def _response(body: OpenRlhfBody, place: int, limit: int) -> str:
    if len(body.query[place]) > 2 * limit:
        return body.query[place]  # prompt or response is too long
    response = after_prompt(body.query[place], body.prompts[place])
    if response is None:
        raise InvalidArgument(
            f"query[{place}] does not begin with prompts[{place}], so its response cannot be found: give prompts "
            "more room (--data.max_len) where OpenRLHF cuts them.",
            field=f"query[{place}]",
        )
    return read_within(limit, response_text, response)


def _group(prompt: str | list[dict[str, Any]], responses: Sequence[str], task: TaskString, limit: int) -> Group:
    text = read_within(limit, query_text, prompt) if isinstance(prompt, str) else query_text(prompt)
    query = RolloutQuery(text, domain=task.domain, dataset=task.dataset)
    return Group(query, tuple(Rollout(response) for response in responses))
