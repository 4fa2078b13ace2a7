"""A service for tests of a trainer: no process, no model; a function says the reward of each rollout.

from memreward_client import FakeService, MockTransport, RewardClient

def judge(query, rollout):                      # a reward, or None where it abstains
    return float(rollout.response.endswith("4"))

service = FakeService(judge)
client = RewardClient(transport=MockTransport(service))
...
assert service.submitted[("run-1", "uid-7", 0, 3)].rollout.response == "2 + 2 = 4"

To test that a trainer verifies what it is asked to: FakeService(judge, wants_label=lambda query, rollout: True).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from memreward_client.calls import Call
from memreward_client.errors import Conflict, InvalidArgument, ModelNotTrained, NotFound
from memreward_client.testing.fake_ledger import FakeLedger, Identity
from memreward_proto.plain import record_of
from memreward_proto.records import (
    Domain,
    Experience,
    ExperiencePage,
    ExperienceReceipt,
    ExperienceRequest,
    LabelPlan,
    LabelPlanRequest,
    LabelRequest,
    MemoryStatus,
    PlannedLabel,
    PlanReason,
    Prediction,
    Query,
    Record,
    Rollout,
    RolloutReward,
    Scored,
    ScoredGroup,
    ScoreRequest,
    Source,
    Status,
    StoreCounts,
    StoredRollout,
    Submission,
    TrustFigures,
    TrustReport,
    filled,
)  # fmt: skip

Judge = Callable[[Query, Rollout], float | None]
WantsLabel = Callable[[Query, Rollout], bool]
NO_TRUST = TrustReport(2000, 50, None, None, TrustFigures(0, None, None, None, None, None), ())
"""What a service says of itself that was sent no labelled rollout."""


class FakeService:
    """A handler of MockTransport. It scores by `judge`, and remembers what it was sent; threads may share it.

    A label is its own reward (source label); a response that is blank or holds half a surrogate pair is invalid.
    A rollout sent alone is answered at once as if its group were complete: the real service waits for the siblings.
    `submitted` holds each by its identity, with its label once that has come;
    `scored` counts the rollouts of all `score` calls; `experience` are the stored queries by id. `trained`
    False: no reward can be said.

    Labels: a submission with a `label_budget` for which `wants_label` says True is answered label_requested, until it
    comes with a label or with `no_label`. A label plan names the first rollout without a label of each group. Both are
    counted (`label_spending`; `asked` lists them), and none is refused, whatever the budget of the run.
    `trust` is what the client's `trust` answers: set it.
    """

    def __init__(self, judge: Judge, *, trained: bool = True, wants_label: WantsLabel | None = None) -> None:
        self.judge = judge
        self.trained = trained
        self.wants_label = wants_label
        self.submitted: dict[Identity, Submission] = {}
        self.experience: dict[str, Experience] = {}
        self.scored = 0
        self.trust = NO_TRUST
        self._ledger = FakeLedger()
        self._settled: dict[Identity, Prediction] = {}
        self._writing = threading.Lock()

    @property
    def asked(self) -> list[Identity]:
        """The rollouts whose label was asked for, in that order."""
        return list(self._ledger.asked)

    def __call__(self, call: Call[Any]) -> Record:
        """The answer to one call. Raises MemRewardError as the service does."""
        fields = call.fields
        answers: dict[str, Callable[[], Record]] = {
            "ScoreRewards": lambda: self._score(record_of(ScoreRequest, fields)),
            "PlanLabels": lambda: self._plan(record_of(LabelPlanRequest, fields)),
            "SubmitRollout": lambda: self._submit(record_of(Submission, fields)),
            "AddExperience": lambda: self._add_experience(record_of(ExperienceRequest, fields)),
            "ListExperience": lambda: ExperiencePage(tuple(self.experience.values()), None),
            "GetQuery": lambda: self._query(fields["query_id"]),
            "GetMemory": self._memory,
            "GetTrust": lambda: self.trust,
            "GetLabelSpending": lambda: self._ledger.spending(fields["run_id"]),
        }
        if call.rpc not in answers:
            raise NotFound(f"FakeService has no {call.rpc}: give MockTransport a handler of your own for it.")
        with self._writing:
            return answers[call.rpc]()

    def _score(self, request: ScoreRequest) -> Scored:
        self._check_trained()
        groups = []
        for place, group in enumerate(request.groups):
            rollouts = tuple(self._prediction(group.query, rollout) for rollout in group.rollouts)
            groups.append(ScoredGroup(group.group_id or str(place), rollouts, ()))
            self.scored += len(rollouts)
        return Scored("fake", len(self.experience), tuple(groups))

    def _plan(self, request: LabelPlanRequest) -> LabelPlan:
        if request.run_id is not None and any(group.group_id is None for group in request.groups):
            raise InvalidArgument("group_id is missing: labels are charged by the ids of run and group.")
        plan: list[PlannedLabel] = []
        for place, group in enumerate(request.groups):
            name = group.group_id or str(place)
            unknown = [index for index, rollout in enumerate(group.rollouts) if rollout.label is None]
            plan += [PlannedLabel(name, index, PlanReason.MAJORITY, 1.0) for index in unknown[:1]]
            if request.run_id is not None:
                self._ledger.count((request.run_id, name, 0, 0), request.step, len(group.rollouts))
        plan = plan[: request.budget]
        if request.run_id is not None:
            for planned in plan:
                self._ledger.ask((request.run_id, planned.group_id, 0, planned.rollout_index))
        return LabelPlan("fake", len(self.experience), tuple(plan), ())

    def _submit(self, sent: Submission) -> RolloutReward:
        self._check_trained()
        submission = replace(sent, deadline_ms=None, allow_partial=None)
        if submission.no_label and submission.rollout.label is not None:
            raise InvalidArgument("no_label comes with a label: leave one of them out.", {"field": "no_label"})
        key = submission.key
        identity = (key.run_id, key.group_id, key.group_attempt, submission.rollout_index)
        self._keep(identity, submission)
        request = LabelRequest(PlanReason.MAJORITY, 1.0) if self._requests(identity, submission) else None
        if request is not None:
            told = Prediction(None, None, Status.LABEL_REQUESTED, None)
        elif identity not in self._settled:
            kept = self.submitted[identity]
            told = self._settled[identity] = self._prediction(kept.query, kept.rollout)
        else:
            told = self._settled[identity]
        return RolloutReward(
            *identity,
            group_size=submission.group_size,
            rollouts_present=submission.group_size,
            partial=False,
            reward=told.reward,
            probability=told.probability,
            status=told.status,
            source=told.source,
            model_version="fake" if request is None else None,
            memory_version=len(self.experience) if request is None else None,
            label_request=request,
            reason=told.reason,
        )

    def _keep(self, identity: Identity, submission: Submission) -> None:
        """Raises Conflict where another rollout, or another label, has the identity."""
        before = self.submitted.setdefault(identity, submission)
        known, label = before.rollout.label, submission.rollout.label
        if _content(before) != _content(submission) or (None not in (known, label) and known != label):
            raise Conflict(f"Rollout {identity} was sent with other content: use the next group_attempt.")
        if identity not in self._settled and known is None:
            self.submitted[identity] = submission

    def _requests(self, identity: Identity, submission: Submission) -> bool:
        """Whether the submission is answered by the request for its label."""
        if submission.label_budget is None:
            return False
        self._ledger.count(identity, submission.step, submission.group_size)
        known = submission.no_label or submission.rollout.label is not None or identity in self._settled
        if known or self.wants_label is None or not self.wants_label(submission.query, submission.rollout):
            return False
        self._ledger.ask(identity)
        return True

    def _check_trained(self) -> None:
        if not self.trained:
            raise ModelNotTrained("There is no model yet: store labelled experience, then train.")

    def _prediction(self, query: Query, rollout: Rollout) -> Prediction:
        if rollout.label is None and (fault := _fault(rollout.response)) is not None:
            return Prediction(None, None, Status.INVALID, None, reason=fault)
        known = rollout.label is not None
        reward = rollout.label if known else self.judge(query, rollout)
        if reward is None:
            return Prediction(None, 0.5, Status.ABSTAIN, None)
        return Prediction(reward, reward, Status.OK, Source.LABEL if known else Source.GNN)

    def _add_experience(self, request: ExperienceRequest) -> ExperienceReceipt:
        new, added = 0, list[StoredRollout]()
        sent = [_with_ids(query) for query in request.queries]
        for query in sent:
            new += query.id not in self.experience
            known = self.experience.setdefault(filled(query.id), replace(query, rollouts=()))
            ids = {rollout.id for rollout in known.rollouts}
            more = [rollout for rollout in query.rollouts if rollout.id not in ids]
            self.experience[filled(query.id)] = replace(known, rollouts=(*known.rollouts, *more))
            added += more
        return ExperienceReceipt(
            version=len(self.experience),
            queries_added=new,
            rollouts_added=len(added),
            labels_changed=sum(rollout.label is not None for rollout in added),
            query_ids=tuple(filled(query.id) for query in sent),
            rollout_ids=tuple(tuple(filled(rollout.id) for rollout in query.rollouts) for query in sent),
        )

    def _query(self, query_id: str) -> Experience:
        if query_id not in self.experience:
            raise NotFound(f"There is no query {query_id}.")
        return self.experience[query_id]

    def _memory(self) -> MemoryStatus:
        rollouts: list[StoredRollout] = [rollout for query in self.experience.values() for rollout in query.rollouts]
        labels = sum(rollout.label is not None for rollout in rollouts)
        version = len(self.experience)
        return MemoryStatus(version, version, StoreCounts(version, version, len(rollouts), labels), False)


def _fault(response: str) -> str | None:
    """Why the service would call a rollout with this response invalid."""
    if not response.strip():
        return "response is blank: there is no answer in it."
    try:
        response.encode()
    except UnicodeEncodeError:
        return "response holds half a surrogate pair, or U+FFFF, which are no characters: leave them out."
    return None


def _with_ids(query: Experience) -> Experience:
    """A query as stored: its ids and its domain are there."""
    query_id = query.id or f"query-{query.text}"
    rollouts = tuple(
        replace(rollout, id=rollout.id or f"{query_id}-{place}") for place, rollout in enumerate(query.rollouts)
    )
    return replace(query, id=query_id, domain=query.domain or Domain.TEXT, rollouts=rollouts)


def _content(submission: Submission) -> Submission:
    """What is the same each time a rollout is sent."""
    return replace(
        submission,
        rollout=replace(submission.rollout, label=None),
        step=None,
        label_budget=None,
        no_label=None,
    )
