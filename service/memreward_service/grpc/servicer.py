# ruff: noqa: N802, ARG002 - names and arguments are those of the protocol
"""The gRPC transport: one method a call, the same validation and the same engine as the routes of HTTP.

Errors are raised, not answered: grpc/edge.py turns them into statuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from memreward_proto import reward_pb2 as pb
from memreward_proto import reward_pb2_grpc
from memreward_service.auth import Keys
from memreward_service.grpc import records
from memreward_service.grpc.edge import Edge
from memreward_service.grpc.health import SERVICE, Health
from memreward_service.request_metrics import count_reward, count_scored
from memreward_service.requests import validation
from memreward_service.settings import Settings

if TYPE_CHECKING:
    from memreward_service.engine.engine import Engine


def rpc_server(engine: Engine, settings: Settings, health_checks: Health) -> grpc.aio.Server:
    """A gRPC server with every service on it, not yet bound to a port."""
    server = grpc.aio.server(
        interceptors=(Edge(Keys(settings.keys)),),
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

    async def ScoreRewards(self, request: pb.ScoreRewardsRequest, context: Any) -> pb.ScoreRewardsResponse:
        """The reward of every rollout."""
        drafts = [records.group_draft(group) for group in request.groups]
        groups = validation.valid_groups(drafts, self._settings)
        scored = await self._engine.score(groups, explain=request.explain)
        count_scored(scored)
        return records.scored_message(scored)

    async def PlanLabels(self, request: pb.PlanLabelsRequest, context: Any) -> pb.PlanLabelsResponse:
        """Which rollouts to verify next."""
        groups, budget, charge = validation.valid_label_plan(records.label_plan_draft(request), self._settings)
        return records.label_plan_message(await self._engine.plan_labels(groups, budget, charge))

    async def SubmitRollout(self, request: pb.SubmitRolloutRequest, context: Any) -> pb.SubmitRolloutResponse:
        """The reward of one rollout of a group whose rollouts come one by one, or the request for its label. A caller
        that leaves cancels it."""
        submission = validation.valid_submission(records.submission_draft(request), self._settings)
        reward = await self._engine.submit(submission)
        count_reward(reward)
        return records.reward_message(reward)

    async def AddExperience(self, request: pb.AddExperienceRequest, context: Any) -> pb.AddExperienceResponse:
        """Remember queries with their rollouts."""
        drafts = [records.experience_draft(query) for query in request.queries]
        experience = validation.valid_experience(drafts, self._settings)
        return records.experience_receipt_message(await self._engine.add_experience(experience))

    async def AddLabels(self, request: pb.AddLabelsRequest, context: Any) -> pb.AddLabelsResponse:
        """True rewards that arrive after their rollouts."""
        drafts = [records.label_draft(label) for label in request.labels]
        labels = validation.valid_labels(drafts, self._settings)
        return records.label_receipt_message(await self._engine.add_labels(labels))

    async def ListExperience(self, request: pb.ListExperienceRequest, context: Any) -> pb.ListExperienceResponse:
        """Stored queries in id order, a page at a time."""
        after, limit = validation.valid_page(records.text(request, "after"), records.whole(request, "limit"))
        return records.page_message(await self._engine.list_experience(after, limit + 1), limit)

    async def GetQuery(self, request: pb.GetQueryRequest, context: Any) -> pb.Experience:
        """One stored query with its rollouts."""
        query_id = validation.valid_id(request.query_id, "query_id")
        return records.experience_message(await self._engine.query(query_id))

    async def FindQueries(self, request: pb.FindQueriesRequest, context: Any) -> pb.FindQueriesResponse:
        """The memory queries nearest to a text."""
        text, k = validation.valid_search(request.text, records.whole(request, "k"), self._settings)
        neighbors = await self._engine.similar_queries(text, k)
        return pb.FindQueriesResponse(queries=records.neighbor_messages(neighbors))

    async def GetMemory(self, request: pb.GetMemoryRequest, context: Any) -> pb.MemoryStatus:
        """How far the memory has followed the store."""
        return records.memory_message(await self._engine.memory_status())

    async def StartTraining(self, request: pb.StartTrainingRequest, context: Any) -> pb.TrainingJob:
        """Queue a training job."""
        options = validation.valid_training(records.whole(request, "seeds"), records.whole(request, "epochs"))
        return records.job_message(await self._engine.start_training(options))

    async def GetTrainingJob(self, request: pb.GetTrainingJobRequest, context: Any) -> pb.TrainingJob:
        """How far a training job is."""
        job_id = validation.valid_id(request.job_id, "job_id")
        return records.job_message(self._engine.training_job(job_id))

    async def ListModels(self, request: pb.ListModelsRequest, context: Any) -> pb.ListModelsResponse:
        """The models on disk, newest first."""
        return pb.ListModelsResponse(models=[records.model_message(model) for model in await self._engine.models()])

    async def ActivateModel(self, request: pb.ActivateModelRequest, context: Any) -> pb.ModelInfo:
        """Make a kept model the active one."""
        model_version = validation.valid_id(request.model_version, "model_version")
        return records.model_message(await self._engine.activate_model(model_version))

    async def GetTrust(self, request: pb.GetTrustRequest, context: Any) -> pb.TrustReport:
        """How predictions compare with the labels that came inside groups."""
        return records.trust_message(await self._engine.trust())

    async def GetLabelSpending(self, request: pb.GetLabelSpendingRequest, context: Any) -> pb.LabelSpending:
        """The labels that a run was asked for."""
        run_id = validation.valid_id(request.run_id, "run_id")
        return records.label_spending_message(await self._engine.label_spending(run_id))
