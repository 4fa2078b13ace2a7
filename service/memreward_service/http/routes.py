"""The routes of /v1: read, validate, call the engine, answer. Everything that decides is behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from memreward_proto.errors import (
    Conflict,
    ModelNotTrained,
    NotEnoughLabels,
    NotFound,
    Overloaded,
    TooLarge,
    Unavailable,
)  # fmt: skip
from memreward_service.http import examples, replies
from memreward_service.http.edge import BodyType, json_response, parse_body, read_body, while_connected
from memreward_service.http.examples import error_responses
from memreward_service.http.schemas import (
    ExperiencesBody,
    LabelPlanBody,
    LabelsBody,
    PageString,
    RewardsBody,
    SearchString,
    SpendingString,
    SubmissionBody,
    TrainingBody,
)  # fmt: skip
from memreward_service.request_metrics import count_reward, count_scored
from memreward_service.requests import validation
from memreward_service.settings import Settings

if TYPE_CHECKING:
    from memreward_service.engine.engine import Engine


async def authorized(request: Request) -> None:
    """Every route of /v1 needs a key, where the service has keys. Raises Unauthenticated."""
    request.app.state.keys.check(request.headers.get("authorization"))


router = APIRouter(prefix="/v1", dependencies=[Depends(HTTPBearer(auto_error=False)), Depends(authorized)])


def engine_of(request: Request) -> Engine:
    """The engine of the application."""
    engine: Engine = request.app.state.engine
    return engine


def settings_of(request: Request) -> Settings:
    """The settings of the application."""
    settings: Settings = request.app.state.settings
    return settings


async def _body(request: Request, kind: type[BodyType]) -> BodyType:
    return parse_body(kind, await read_body(request, settings_of(request).max_body_bytes))


def takes(kind: type[BaseModel], example: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    """The OpenAPI entry of a body that the route reads raw, for speed."""
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {
        "requestBody": {
            "required": required,
            "content": {"application/json": {"schema": schema, "example": example}},
        }
    }


@router.post(
    "/rewards",
    tags=["rewards"],
    response_model=replies.ScoredReply,
    openapi_extra=takes(RewardsBody, examples.REWARDS),
    responses={
        200: {"content": {"application/json": {"example": examples.SCORED}}},
        **error_responses(TooLarge, Overloaded, ModelNotTrained, Unavailable),
    },
)
async def score_rewards(request: Request) -> Response:
    """The reward of every rollout. A label inside a group is evidence for its siblings."""
    body = await _body(request, RewardsBody)
    groups = validation.valid_groups([group.draft() for group in body.groups], settings_of(request))
    scored = await engine_of(request).score(groups, explain=bool(body.explain))
    count_scored(scored)
    return json_response(scored)


@router.post(
    "/label-plan",
    tags=["rewards"],
    response_model=replies.LabelPlanReply,
    openapi_extra=takes(LabelPlanBody, examples.LABEL_PLAN),
    responses={
        200: {"content": {"application/json": {"example": examples.PLANNED_LABELS}}},
        **error_responses(TooLarge, Overloaded, Unavailable),
    },
)
async def plan_labels(request: Request) -> Response:
    """Which rollouts to verify next, in order, so that a label budget puts most rewards right. Send the same groups
    again with the labels that came back, and it goes on from there. It works without a model. With run_id and
    label_budget the labels are charged to that run; else nothing is stored."""
    body = await _body(request, LabelPlanBody)
    groups, budget, charge = validation.valid_label_plan(body.draft(), settings_of(request))
    return json_response(await engine_of(request).plan_labels(groups, budget, charge))


@router.post(
    "/rollouts",
    tags=["rewards"],
    response_model=replies.RolloutRewardReply,
    openapi_extra=takes(SubmissionBody, examples.ROLLOUT),
    responses={
        200: {"content": {"application/json": {"examples": examples.ROLLOUT_ANSWERS}}},
        **error_responses(TooLarge, Conflict, Overloaded, ModelNotTrained, Unavailable),
    },
)
async def submit_rollout(request: Request) -> Response:
    """The reward of one rollout of a group whose rollouts come one by one, from any process: the call waits until the
    group is complete, or its deadline passes. The same rollout sent again is no sibling and gets the same answer.
    With a label_budget the answer may be label_requested: verify the rollout, and send it again with its label, or with
    no_label; its siblings wait, and are answered with the evidence."""
    body = await _body(request, SubmissionBody)
    submission = validation.valid_submission(body.draft(), settings_of(request))
    reward = await while_connected(request, engine_of(request).submit(submission))
    count_reward(reward)
    return json_response(reward)


@router.post(
    "/experience",
    tags=["experience"],
    response_model=replies.ExperienceReceiptReply,
    openapi_extra=takes(ExperiencesBody, examples.EXPERIENCE),
    responses=error_responses(TooLarge, Conflict, Unavailable),
)
async def add_experience(request: Request) -> Response:
    """Remember queries with their rollouts. Durable before it answers; the same content again changes
    nothing."""
    body = await _body(request, ExperiencesBody)
    experience = validation.valid_experience([query.experience() for query in body.queries], settings_of(request))
    return json_response(await engine_of(request).add_experience(experience))


@router.get(
    "/experience",
    tags=["experience"],
    response_model=replies.ExperiencePageReply,
    responses=error_responses(),
)
async def list_experience(request: Request, page: Annotated[PageString, Query()]) -> Response:
    """Stored queries in id order, a page at a time: an export."""
    after, limit = validation.valid_page(page.after, page.limit)
    queries = await engine_of(request).list_experience(after, limit + 1)
    return json_response(replies.page_json(queries, limit))


@router.post(
    "/labels",
    tags=["experience"],
    response_model=replies.LabelReceiptReply,
    openapi_extra=takes(LabelsBody, examples.LABELS),
    responses=error_responses(TooLarge, NotFound, Unavailable),
)
async def add_labels(request: Request) -> Response:
    """True rewards that arrive after their rollouts."""
    body = await _body(request, LabelsBody)
    labels = validation.valid_labels([label.draft() for label in body.labels], settings_of(request))
    return json_response(await engine_of(request).add_labels(labels))


@router.get("/queries", tags=["memory"], response_model=replies.SearchReply, responses=error_responses(Unavailable))
async def find_queries(request: Request, search: Annotated[SearchString, Query()]) -> Response:
    """The memory queries nearest to a text, nearest first."""
    text, k = validation.valid_search(search.text, search.k, settings_of(request))
    return json_response({"queries": await engine_of(request).similar_queries(text, k)})


@router.get(
    "/queries/{query_id:path}",
    tags=["memory"],
    response_model=replies.ExperienceReply,
    responses=error_responses(NotFound),
)
async def get_query(request: Request, query_id: str) -> Response:
    """One stored query with its rollouts. The id may hold slashes."""
    experience = await engine_of(request).query(validation.valid_id(query_id, "query_id"))
    return json_response(replies.experience_json(experience))


@router.get("/memory", tags=["memory"], response_model=replies.MemoryReply, responses=error_responses())
async def get_memory(request: Request) -> Response:
    """How far the memory that predictions use has followed the store."""
    return json_response(await engine_of(request).memory_status())


@router.post(
    "/training",
    status_code=202,
    tags=["training"],
    response_model=replies.JobReply,
    openapi_extra=takes(TrainingBody, examples.TRAINING, required=False),
    responses=error_responses(TooLarge, Conflict, NotEnoughLabels),
)
async def start_training(request: Request) -> Response:
    """Queue a training job; an empty body takes the settings of the service."""
    raw = await read_body(request, settings_of(request).max_body_bytes)
    body = parse_body(TrainingBody, raw or b"{}")
    job = await engine_of(request).start_training(validation.valid_training(body.seeds, body.epochs))
    return json_response(replies.job_json(job), 202)


@router.get(
    "/training/{job_id}",
    tags=["training"],
    response_model=replies.JobReply,
    responses=error_responses(NotFound),
)
async def get_training_job(request: Request, job_id: str) -> Response:
    """How far a training job is; its model_version once it succeeded."""
    job = engine_of(request).training_job(validation.valid_id(job_id, "job_id"))
    return json_response(replies.job_json(job))


@router.get("/models", tags=["training"], response_model=replies.ModelsReply, responses=error_responses())
async def list_models(request: Request) -> Response:
    """The models on disk, newest first; one is active once a model was trained."""
    return json_response({"models": list(await engine_of(request).models())})


@router.post(
    "/models/{model_version}/activate",
    tags=["training"],
    response_model=replies.ModelReply,
    responses=error_responses(NotFound),
)
async def activate_model(request: Request, model_version: str) -> Response:
    """Make a kept model the active one; requests in flight keep theirs."""
    return json_response(await engine_of(request).activate_model(validation.valid_id(model_version, "model_version")))


@router.get("/trust", tags=["rewards"], response_model=replies.TrustReply, responses=error_responses())
async def get_trust(request: Request) -> Response:
    """How predictions compare with labels while a run goes on: each labelled rollout of /v1/rewards and /v1/rollouts
    is also predicted without its own label. The figures are over the labelled rollouts: where these are no random
    sample, neither are the figures. They are kept in the process, and begin anew when it starts."""
    return json_response(await engine_of(request).trust())


@router.get(
    "/label-spending",
    tags=["rewards"],
    response_model=replies.LabelSpendingReply,
    responses={
        200: {"content": {"application/json": {"example": examples.LABEL_SPENDING}}},
        **error_responses(Unavailable),
    },
)
async def get_label_spending(request: Request, spending: Annotated[SpendingString, Query()]) -> Response:
    """The labels that a run was asked for, in all and by training step, beside the rollouts among which they were
    chosen. A label counts once it is asked for."""
    run_id = validation.valid_id(spending.run_id, "run_id")
    return json_response(await engine_of(request).label_spending(run_id))
