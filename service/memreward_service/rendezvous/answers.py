"""What a call returns: the answer of a scoring, a timeout, a request for the label, or why it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

from memreward_proto.errors import Conflict, Internal, MemRewardError, Overloaded, Unavailable
from memreward_proto.records import GroupKey, LabelBudget, RolloutReward, Scored, Status, Submission, filled
from memreward_service.rendezvous.protocol import RETRY_SECONDS, Answer, Arrival, Claim, RolloutState


def answers_of(claim: Claim, scored: Scored) -> Mapping[int, Answer]:
    """The answers to `claim.settles`."""
    predictions = dict(zip(sorted(claim.rollouts), scored.groups[0].rollouts, strict=True))
    return {
        index: Answer(
            rollouts_present=len(claim.rollouts),
            partial=not claim.complete,
            reward=predictions[index].reward,
            probability=predictions[index].probability,
            status=predictions[index].status,
            source=predictions[index].source,
            model_version=scored.model_version,
            memory_version=scored.memory_version,
            reason=predictions[index].reason,
        )
        for index in claim.settles
    }


def reward_of(submission: Submission, answer: Answer) -> RolloutReward:
    """The answer to a call whose rollout is settled."""
    key, index, size = submission.key, submission.rollout_index, submission.group_size
    return RolloutReward(key.run_id, key.group_id, key.group_attempt, index, size, **asdict(answer))


def timeout_of(submission: Submission, state: RolloutState) -> RolloutReward:
    """The answer to a call whose group did not become complete in time."""
    return reward_of(submission, Answer(state.present, False, None, None, Status.TIMEOUT, None, None, None))


def requested_of(submission: Submission, state: RolloutState) -> RolloutReward:
    """The answer to a call whose rollout is to be verified first."""
    answer = Answer(state.present, False, None, None, Status.LABEL_REQUESTED, None, None, None)
    return replace(reward_of(submission, answer), label_request=state.request)


def error_of_its_own(error: Exception) -> MemRewardError:
    """The error of a scoring for one of its callers: a shared object would collect the tracebacks of all."""
    if isinstance(error, MemRewardError):
        own = type(error)(error.message, **error.details)
    else:
        own = Internal("Scoring the group failed; the log has the cause.")
    own.__cause__ = error
    return own


def other_query(arrival: Arrival) -> Conflict:
    """The error of a rollout whose siblings came with another query."""
    return _conflict(arrival.submission.key, "came with another query before", field="group_id")


def other_rollout(arrival: Arrival) -> Conflict:
    """The error of an identity that is taken by another rollout."""
    index = arrival.submission.rollout_index
    what = f"has another rollout {index}, or that rollout with another label"
    return _conflict(arrival.submission.key, what, field="rollout_index", rollout_index=index)


def disagreement(arrival: Arrival, field: str, before: object, now: object) -> Conflict:
    """The error of a rollout that says another thing of its group than a sibling said before."""
    index = arrival.submission.rollout_index
    what = f"came with {field} {_said(before)} before, and rollout {index} with {field} {_said(now)}"
    return _conflict(arrival.submission.key, what, field=field, rollout_index=index)


def answered_otherwise(key: GroupKey) -> Conflict:
    """The error of a group that another process answered with other content."""
    return _conflict(key, "was answered with other content already")


def full(limit: int) -> Overloaded:
    """The error of a rollout for which there is no room."""
    return Overloaded(
        f"The groups that wait hold {limit} bytes, which is the limit: try again in {RETRY_SECONDS:g} s, "
        "or raise MEMREWARD_RENDEZVOUS_MAX_BYTES of the service.",
        retry_after=RETRY_SECONDS,
        limit=limit,
    )


def closing() -> Unavailable:
    """The error of a call that the end of the service meets."""
    return Unavailable(
        "The service is shutting down: send the rollout again, here or to another replica.",
        retry_after=RETRY_SECONDS,
    )


def _conflict(key: GroupKey, what: str, **details: object) -> Conflict:
    return Conflict(
        f"The group {key.group_id!r} of run {key.run_id!r} {what}: "
        "send a group that is sampled again with the next group_attempt.",
        group_id=key.group_id,
        group_attempt=key.group_attempt,
        **details,
    )


def _said(value: object) -> object:
    if not isinstance(value, LabelBudget):
        return value
    labels = "" if value.labels is None else f"labels {value.labels}, "
    return f"(share {value.share:g}, {labels}deadline {filled(value.deadline_ms) / 1000:g} s)"
