"""What a call that waited for its group is told: the answer of a scoring, a timeout, a request for the label, or the
error of a scoring."""

from __future__ import annotations

from collections.abc import Sequence

from memreward_proto.errors import Internal, MemRewardError
from memreward_proto.records import LabelRequest, RolloutReward, Scored, Status, Submission
from memreward_service.rendezvous.protocol import Claim


def answers_of(claim: Claim, scored: Scored) -> Sequence[RolloutReward]:
    """The answers to `claim.settles`."""
    predictions = dict(zip(sorted(claim.rollouts), scored.groups[0].rollouts, strict=True))
    return [
        RolloutReward(
            run_id=claim.key.run_id,
            group_id=claim.key.group_id,
            group_attempt=claim.key.group_attempt,
            rollout_index=index,
            group_size=claim.group_size,
            rollouts_present=len(claim.rollouts),
            partial=not claim.complete,
            reward=predictions[index].reward,
            probability=predictions[index].probability,
            status=predictions[index].status,
            source=predictions[index].source,
            model_version=scored.model_version,
            memory_version=scored.memory_version,
        )
        for index in claim.settles
    ]


def timeout_of(submission: Submission, present: int) -> RolloutReward:
    """The answer to a call whose group did not become complete in time."""
    return _without_reward(submission, present, Status.TIMEOUT, None)


def requested_of(submission: Submission, present: int, request: LabelRequest) -> RolloutReward:
    """The answer to a call whose rollout is to be verified first."""
    return _without_reward(submission, present, Status.LABEL_REQUESTED, request)


def _without_reward(
    submission: Submission, present: int, status: Status, request: LabelRequest | None
) -> RolloutReward:
    return RolloutReward(
        run_id=submission.key.run_id,
        group_id=submission.key.group_id,
        group_attempt=submission.key.group_attempt,
        rollout_index=submission.rollout_index,
        group_size=submission.group_size,
        rollouts_present=present,
        partial=False,
        reward=None,
        probability=None,
        status=status,
        source=None,
        model_version=None,
        memory_version=None,
        label_request=request,
    )


def error_of_its_own(error: Exception) -> MemRewardError:
    """The error of a scoring for one of its callers: a shared object would collect the tracebacks of all."""
    if isinstance(error, MemRewardError):
        own = type(error)(error.message, **error.details)
    else:
        own = Internal("Scoring the group failed; the log has the cause.")
    own.__cause__ = error
    return own
