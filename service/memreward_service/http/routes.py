"""The routes of /v1: read, validate, call the engine, answer. Everything that decides is behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.security import HTTPBearer

from memreward_proto.errors import (
    Conflict,
    ModelNotTrained,
    NotEnoughLabels,
    NotFound,
    Overloaded,
    TooLarge,
    Unavailable,
)  # fmt: skip
from memreward_proto.records import (
    Experience,
    ExperiencePage,
    ExperienceReceipt,
    ExperienceRequest,
    LabelPlan,
    LabelPlanRequest,
    LabelReceipt,
    LabelSpending,
    LabelsRequest,
    MemoryStatus,
    ModelInfo,
    Models,
    Neighbors,
    PruneReport,
    PruneRequest,
    RolloutReward,
    Scored,
    ScoreRequest,
    Submission,
    TrainingJob,
    TrainingOptions,
    TrustReport,
)  # fmt: skip
from memreward_service.http import examples
from memreward_service.http.bodies import JsonBody, KeyedRoute, json_response
from memreward_service.http.examples import error_responses
from memreward_service.http.middleware import while_connected
from memreward_service.http.query_strings import PageString, SearchString, SpendingString
from memreward_service.request_metrics import count_reward, count_scored
from memreward_service.requests import validation
from memreward_service.requests.limits import check_name
from memreward_service.settings import Settings

if TYPE_CHECKING:
    from memreward_service.engine.engine import Engine


router = APIRouter(prefix="/v1", route_class=KeyedRoute, dependencies=[Depends(HTTPBearer(auto_error=False))])


NO_OPTIONS, NO_LIMITS = TrainingOptions(), PruneRequest()


def engine_of(request: Request) -> Engine:
    """The engine of the application."""
    engine: Engine = request.app.state.engine
    return engine


def settings_of(request: Request) -> Settings:
    """The settings of the application."""
    settings: Settings = request.app.state.settings
    return settings


@router.post(
    "/rewards",
    tags=["rewards"],
    response_model=Scored,
    openapi_extra=examples.body_example(examples.REWARDS),
    responses={
        200: {"content": {"application/json": {"example": examples.SCORED}}},
        **error_responses(TooLarge, Overloaded, ModelNotTrained, Unavailable),
    },
)
async def score_rewards(request: Request, body: JsonBody[ScoreRequest]) -> Response:
    """The reward of every rollout. A label inside a group is evidence for its siblings."""
    groups = validation.valid_groups(body.groups, settings_of(request))
    scored = await engine_of(request).score(groups, explain=bool(body.explain))
    count_scored(scored)
    return json_response(scored)


@router.post(
    "/label-plan",
    tags=["rewards"],
    response_model=LabelPlan,
    openapi_extra=examples.body_example(examples.LABEL_PLAN),
    responses={
        200: {"content": {"application/json": {"example": examples.PLANNED_LABELS}}},
        **error_responses(TooLarge, Overloaded, Unavailable),
    },
)
async def plan_labels(request: Request, body: JsonBody[LabelPlanRequest]) -> Response:
    """Which rollouts to verify next, in order, so that a label budget puts most rewards right. Send the same groups
    again with the labels that came back, and it goes on from there. It works without a model. With run_id and
    label_budget the labels are charged to that run; else nothing is stored."""
    groups, charge = validation.valid_label_plan(body, settings_of(request))
    return json_response(await engine_of(request).plan_labels(groups, body.budget, charge))


@router.post(
    "/rollouts",
    tags=["rewards"],
    response_model=RolloutReward,
    openapi_extra=examples.body_example(examples.ROLLOUT),
    responses={
        200: {"content": {"application/json": {"examples": examples.ROLLOUT_ANSWERS}}},
        **error_responses(TooLarge, Conflict, Overloaded, ModelNotTrained, Unavailable),
    },
)
async def submit_rollout(request: Request, body: JsonBody[Submission]) -> Response:
    """The reward of one rollout of a group whose rollouts come one by one, from any process: the call waits until the
    group is complete, or its deadline passes. The same rollout sent again is no sibling and gets the same answer.
    With a label_budget the answer may be label_requested: verify the rollout, and send it again with its label, or with
    no_label; its siblings wait, and are answered with the evidence."""
    submission = validation.valid_submission(body, settings_of(request))
    reward = await while_connected(request, engine_of(request).submit(submission))
    count_reward(reward)
    return json_response(reward)


@router.post(
    "/experience",
    tags=["experience"],
    response_model=ExperienceReceipt,
    openapi_extra=examples.body_example(examples.EXPERIENCE),
    responses=error_responses(TooLarge, Conflict, Unavailable),
)
async def add_experience(request: Request, body: JsonBody[ExperienceRequest]) -> Response:
    """Remember queries with their rollouts. Durable before it answers; the same content again changes nothing. A
    rollout that is too long, or holds what is no character, is refused alone: the answer says which."""
    experience = validation.valid_experience(body.queries, settings_of(request))
    receipt = await engine_of(request).add_experience(experience.queries)
    return json_response(experience.receipt(receipt))


@router.get(
    "/experience",
    tags=["experience"],
    response_model=ExperiencePage,
    responses=error_responses(),
)
async def list_experience(request: Request, page: Annotated[PageString, Query()]) -> Response:
    """Stored queries in id order, a page at a time: an export."""
    return json_response(await engine_of(request).list_experience(*validation.valid_page(page.after, page.limit)))


@router.post(
    "/labels",
    tags=["experience"],
    response_model=LabelReceipt,
    openapi_extra=examples.body_example(examples.LABELS),
    responses=error_responses(TooLarge, NotFound, Unavailable),
)
async def add_labels(request: Request, body: JsonBody[LabelsRequest]) -> Response:
    """True rewards that arrive after their rollouts."""
    labels = validation.valid_labels(body.labels, settings_of(request))
    return json_response(await engine_of(request).add_labels(labels))


@router.post(
    "/prune",
    tags=["experience"],
    response_model=PruneReport,
    openapi_extra=examples.body_example(examples.PRUNE),
    responses={
        200: {"content": {"application/json": {"example": examples.PRUNED}}},
        **error_responses(Unavailable),
    },
)
async def prune(request: Request, body: JsonBody[PruneRequest] = NO_LIMITS) -> Response:
    """Say which stored rollouts are over a limit; with dry_run false, remove their texts. Of a query the newest stay
    longest, those with a label longer than others, and the last one for ever. What they said stays in its history."""
    return json_response(await engine_of(request).prune(validation.valid_prune(body)))


@router.get("/queries", tags=["memory"], response_model=Neighbors, responses=error_responses(Unavailable))
async def find_queries(request: Request, search: Annotated[SearchString, Query()]) -> Response:
    """The memory queries nearest to a text, nearest first."""
    text, k = validation.valid_search(search.text, search.k, settings_of(request))
    return json_response(Neighbors(await engine_of(request).similar_queries(text, k)))


@router.get(
    "/queries/{query_id:path}",
    tags=["memory"],
    response_model=Experience,
    responses=error_responses(NotFound),
)
async def get_query(request: Request, query_id: str) -> Response:
    """One stored query with its rollouts. The id may hold slashes."""
    return json_response(await engine_of(request).query(check_name(query_id, "query_id")))


@router.get("/memory", tags=["memory"], response_model=MemoryStatus, responses=error_responses())
async def get_memory(request: Request) -> Response:
    """How far the memory that predictions use has followed the store."""
    return json_response(await engine_of(request).memory_status())


@router.post(
    "/training",
    status_code=202,
    tags=["training"],
    response_model=TrainingJob,
    openapi_extra=examples.body_example(examples.TRAINING),
    responses=error_responses(TooLarge, Conflict, NotEnoughLabels),
)
async def start_training(request: Request, body: JsonBody[TrainingOptions] = NO_OPTIONS) -> Response:
    """Queue a training job; an empty body takes the settings of the service."""
    return json_response(await engine_of(request).start_training(validation.valid_training(body)), 202)


@router.get(
    "/training/{job_id}",
    tags=["training"],
    response_model=TrainingJob,
    responses=error_responses(NotFound),
)
async def get_training_job(request: Request, job_id: str) -> Response:
    """How far a training job is; its model_version once it succeeded."""
    return json_response(engine_of(request).training_job(check_name(job_id, "job_id")))


@router.get("/models", tags=["training"], response_model=Models, responses=error_responses())
async def list_models(request: Request) -> Response:
    """The models on disk, newest first; one is active once a model was trained."""
    return json_response(Models(await engine_of(request).models()))


@router.post(
    "/models/{model_version}/activate",
    tags=["training"],
    response_model=ModelInfo,
    responses=error_responses(NotFound),
)
async def activate_model(request: Request, model_version: str) -> Response:
    """Make a kept model the active one; requests in flight keep theirs."""
    return json_response(await engine_of(request).activate_model(check_name(model_version, "model_version")))


@router.get("/trust", tags=["rewards"], response_model=TrustReport, responses=error_responses())
async def get_trust(request: Request) -> Response:
    """How predictions compare with labels while a run goes on: each labelled rollout of /v1/rewards and /v1/rollouts
    is also predicted without its own label. The figures are over the labelled rollouts: where these are no random
    sample, neither are the figures. They are kept in the process, and begin anew when it starts."""
    return json_response(await engine_of(request).trust())


@router.get(
    "/label-spending",
    tags=["rewards"],
    response_model=LabelSpending,
    responses={
        200: {"content": {"application/json": {"example": examples.LABEL_SPENDING}}},
        **error_responses(Unavailable),
    },
)
async def get_label_spending(request: Request, spending: Annotated[SpendingString, Query()]) -> Response:
    """The labels that a run was asked for, in all and by training step, beside the rollouts among which they were
    chosen. A label counts once it is asked for."""
    run_id = check_name(spending.run_id, "run_id")
    return json_response(await engine_of(request).label_spending(run_id))
