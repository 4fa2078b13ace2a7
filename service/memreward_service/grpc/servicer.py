# ruff: noqa: N802, ARG002 - names and arguments are those of the protocol
"""The gRPC transport: one method a call, the same validation and the same engine as the routes of HTTP.

Errors are raised, not answered: grpc/interceptor.py turns them into statuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from memreward_proto import reward_pb2 as pb
from memreward_proto import reward_pb2_grpc
from memreward_proto.codec import MissingField, message_of, record_of
from memreward_proto.records import (
    ExperienceRequest,
    LabelPlanRequest,
    LabelsRequest,
    Models,
    Neighbors,
    PruneRequest,
    ScoreRequest,
    Submission,
    TrainingOptions,
)  # fmt: skip
from memreward_service.auth import Keys
from memreward_service.grpc.health import SERVICE, Health
from memreward_service.grpc.interceptor import CallInterceptor
from memreward_service.request_metrics import count_reward, count_scored
from memreward_service.requests import validation
from memreward_service.requests.limits import check_name, missing
from memreward_service.settings import Settings

if TYPE_CHECKING:
    from memreward_service.engine.engine import Engine

Kind = TypeVar("Kind")


def rpc_server(engine: Engine, settings: Settings, health_checks: Health) -> grpc.aio.Server:
    """A gRPC server with every service on it, not yet bound to a port."""
    server = grpc.aio.server(
        interceptors=(CallInterceptor(Keys(settings.keys)),),
        options=(
            ("grpc.max_receive_message_length", settings.max_body_bytes),
            ("grpc.max_send_message_length", -1),
            # Without this a second server would share the port and take half of the calls.
            ("grpc.so_reuseport", 0),
        ),
    )
    reward_pb2_grpc.add_RewardServiceServicer_to_server(RewardService(engine, settings), server)  # type: ignore[no-untyped-call]
    health_pb2_grpc.add_HealthServicer_to_server(health_checks, server)
    reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    return server


class RewardService(reward_pb2_grpc.RewardServiceServicer):
    """memreward.v1.RewardService over an engine. Every method raises the errors of errors.py."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings

    async def ScoreRewards(self, request: pb.ScoreRewardsRequest, context: Any) -> Message:
        """The reward of every rollout."""
        asked = _read(ScoreRequest, request)
        groups = validation.valid_groups(asked.groups, self._settings)
        scored = await self._engine.score(groups, explain=bool(asked.explain))
        count_scored(scored)
        return message_of(pb.ScoreRewardsResponse, scored)

    async def PlanLabels(self, request: pb.PlanLabelsRequest, context: Any) -> Message:
        """Which rollouts to verify next."""
        asked = _read(LabelPlanRequest, request)
        groups, charge = validation.valid_label_plan(asked, self._settings)
        return message_of(pb.PlanLabelsResponse, await self._engine.plan_labels(groups, asked.budget, charge))

    async def SubmitRollout(self, request: pb.SubmitRolloutRequest, context: Any) -> Message:
        """The reward of one rollout of a group whose rollouts come one by one, or the request for its label. A caller
        that leaves cancels it."""
        submission = validation.valid_submission(_read(Submission, request), self._settings)
        reward = await self._engine.submit(submission)
        count_reward(reward)
        return message_of(pb.SubmitRolloutResponse, reward)

    async def AddExperience(self, request: pb.AddExperienceRequest, context: Any) -> Message:
        """Remember queries with their rollouts."""
        experience = validation.valid_experience(_read(ExperienceRequest, request).queries, self._settings)
        receipt = await self._engine.add_experience(experience.queries)
        return message_of(pb.AddExperienceResponse, experience.receipt(receipt))

    async def AddLabels(self, request: pb.AddLabelsRequest, context: Any) -> Message:
        """True rewards that arrive after their rollouts."""
        labels = validation.valid_labels(_read(LabelsRequest, request).labels, self._settings)
        return message_of(pb.AddLabelsResponse, await self._engine.add_labels(labels))

    async def ListExperience(self, request: pb.ListExperienceRequest, context: Any) -> Message:
        """Stored queries in id order, a page at a time."""
        page = validation.valid_page(_given(request, "after"), _given(request, "limit"))
        return message_of(pb.ListExperienceResponse, await self._engine.list_experience(*page))

    async def GetQuery(self, request: pb.GetQueryRequest, context: Any) -> Message:
        """One stored query with its rollouts."""
        return message_of(pb.Experience, await self._engine.query(check_name(request.query_id, "query_id")))

    async def FindQueries(self, request: pb.FindQueriesRequest, context: Any) -> Message:
        """The memory queries nearest to a text."""
        text, k = validation.valid_search(request.text, _given(request, "k"), self._settings)
        return message_of(pb.FindQueriesResponse, Neighbors(await self._engine.similar_queries(text, k)))

    async def GetMemory(self, request: pb.GetMemoryRequest, context: Any) -> Message:
        """How far the memory has followed the store."""
        return message_of(pb.MemoryStatus, await self._engine.memory_status())

    async def StartTraining(self, request: pb.StartTrainingRequest, context: Any) -> Message:
        """Queue a training job."""
        options = validation.valid_training(_read(TrainingOptions, request))
        return message_of(pb.TrainingJob, await self._engine.start_training(options))

    async def GetTrainingJob(self, request: pb.GetTrainingJobRequest, context: Any) -> Message:
        """How far a training job is."""
        return message_of(pb.TrainingJob, self._engine.training_job(check_name(request.job_id, "job_id")))

    async def ListModels(self, request: pb.ListModelsRequest, context: Any) -> Message:
        """The models on disk, newest first."""
        return message_of(pb.ListModelsResponse, Models(await self._engine.models()))

    async def ActivateModel(self, request: pb.ActivateModelRequest, context: Any) -> Message:
        """Make a kept model the active one."""
        model_version = check_name(request.model_version, "model_version")
        return message_of(pb.ModelInfo, await self._engine.activate_model(model_version))

    async def GetTrust(self, request: pb.GetTrustRequest, context: Any) -> Message:
        """How predictions compare with the labels that came inside groups."""
        return message_of(pb.TrustReport, await self._engine.trust())

    async def GetLabelSpending(self, request: pb.GetLabelSpendingRequest, context: Any) -> Message:
        """The labels that a run was asked for."""
        run_id = check_name(request.run_id, "run_id")
        return message_of(pb.LabelSpending, await self._engine.label_spending(run_id))

    async def Prune(self, request: pb.PruneRequest, context: Any) -> Message:
        """Remove the texts of old rollouts, or say which would go."""
        asked = validation.valid_prune(_read(PruneRequest, request))
        return message_of(pb.PruneReport, await self._engine.prune(asked))


def _read(kind: type[Kind], request: Message) -> Kind:
    """The record of a request. Raises InvalidArgument, as HTTP does, where a field that it needs is absent."""
    try:
        return record_of(kind, request)
    except MissingField as error:
        raise missing(error.field) from None


def _given(request: Message, field: str) -> Any:
    """The value of an optional field; None where absent."""
    return getattr(request, field) if request.HasField(field) else None
