"""The HTTP transport: a FastAPI application around an engine.

A request passes middleware.py (body limit, metrics, unknown errors), the key check and bodies.py, which reads its JSON
into a record; one route of routes.py has the record validated (requests/validation.py) and calls the engine; the
answer, a record too, is written by orjson. Trainers that bring their own format go through trainers/ instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from memreward_proto.errors import MemRewardError
from memreward_service.auth import Keys
from memreward_service.http.middleware import RequestMiddleware, on_error, on_no_route, on_wrong_request
from memreward_service.http.routes import router
from memreward_service.http.trainers.nemo_gym import router as gym_router
from memreward_service.http.trainers.openrlhf_slime import router as trainer_router
from memreward_service.settings import Settings

if TYPE_CHECKING:
    from memreward_service.engine.engine import Engine

DESCRIPTION = """Rewards for RL fine-tuning when labels are scarce: send the rollouts of a query, get the
reward of each, predicted from labelled experience by a graph neural network. Every error has one shape,
`error` with `code`, `message` and `details`; 401 means that the service wants `Authorization: Bearer
<key>`."""


def application(engine: Engine, settings: Settings) -> FastAPI:
    """The ASGI application. The engine is started and stopped by the caller (server.py)."""
    app = FastAPI(title="MemReward", version="1", description=DESCRIPTION, redoc_url=None)
    app.state.engine = engine
    app.state.settings = settings
    app.state.keys = Keys(settings.keys)
    app.include_router(router)
    app.include_router(trainer_router)
    app.include_router(gym_router)
    app.include_router(gym_router, prefix="/ng-rollout/{gym_rollout_id}", include_in_schema=False)
    app.add_api_route("/healthz", healthz, tags=["operation"], response_class=PlainTextResponse)
    app.add_api_route("/readyz", readyz, tags=["operation"], response_class=PlainTextResponse)
    app.add_api_route("/metrics", metrics, tags=["operation"], response_class=PlainTextResponse)
    app.add_api_route("/", root, include_in_schema=False)
    app.add_exception_handler(MemRewardError, on_error)
    app.add_exception_handler(RequestValidationError, on_wrong_request)
    app.add_exception_handler(HTTPException, on_no_route)
    app.add_middleware(RequestMiddleware, max_body_bytes=settings.max_body_bytes)
    return app


async def healthz() -> Response:
    """200 once the process serves: for liveness probes."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """200 when /v1/rewards can answer; else 503 with a sentence that says what is missing."""
    missing: str | None = request.app.state.engine.ready()
    if missing is None:
        return PlainTextResponse("ready\n")
    return PlainTextResponse(missing + "\n", 503)


async def metrics() -> Response:
    """The Prometheus page."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def root() -> Response:
    """People who open the address in a browser land on the documentation."""
    return RedirectResponse("/docs")
