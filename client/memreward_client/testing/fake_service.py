"""A service for tests of a trainer: no process, no model; a function says the reward of each rollout.

from memreward_client import FakeService, MockTransport, RewardClient

def judge(query, rollout):                      # a reward, or None if it abstains
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
from dataclasses import asdict, replace
from typing import Any

from memreward_client.calls import Call
from memreward_client.errors import Conflict, InvalidArgument, ModelNotTrained, NotFound
from memreward_client.records import LabelBudget, Query, Rollout, Submission, TrustFigures, TrustReport
from memreward_client.testing.fake_ledger import FakeLedger, Identity
from memreward_client.wire import Json

Judge = Callable[[Query, Rollout], float | None]
WantsLabel = Callable[[Query, Rollout], bool]
NO_TRUST = TrustReport(2000, 50, None, None, TrustFigures(0, None, None, None, None, None), ())
"""What a service says of itself that was sent no labelled rollout."""


class FakeService:
    """A handler of MockTransport. It scores by `judge`, and remembers what it was sent; threads may share it.

    A label is its own reward (source label). A rollout sent alone is answered at once as if its group were complete:
    the real service waits for the siblings. `submitted` holds each by its identity, with its label once that has come;
    `scored` counts the rollouts of all `score` calls; `experience` are the stored queries by id, as JSON. `trained`
    False: there is no reward.

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
        self.experience: dict[str, Json] = {}
        self.scored = 0
        self.trust = NO_TRUST
        self._ledger = FakeLedger()
        self._settled: dict[Identity, Json] = {}
        self._writing = threading.Lock()

    @property
    def asked(self) -> list[Identity]:
        """The rollouts whose label was asked for, in that order."""
        return list(self._ledger.asked)

    def __call__(self, call: Call[Any]) -> Json:
        """The answer to one call. Raises MemRewardError as the service does."""
        answers: dict[str, Callable[[Json], Json]] = {
            "ScoreRewards": self._score,
            "PlanLabels": self._plan,
            "SubmitRollout": self._submit,
            "AddExperience": self._add_experience,
            "ListExperience": lambda _: {"queries": list(self.experience.values()), "next": None},
            "GetQuery": self._query,
            "GetMemory": lambda _: self._memory(),
            "GetTrust": lambda _: asdict(self.trust),
            "GetLabelSpending": lambda fields: self._ledger.spending(fields["run_id"]),
        }
        if call.rpc not in answers:
            raise NotFound(f"FakeService has no {call.rpc}: give MockTransport a handler of your own for it.")
        with self._writing:
            return answers[call.rpc](dict(call.fields))

    def _score(self, fields: Json) -> Json:
        self._check_trained()
        groups = []
        for place, group in enumerate(fields["groups"]):
            query = Query(**group["query"])
            rollouts = [self._prediction(query, _rollout(each)) | {"explanation": None} for each in group["rollouts"]]
            groups.append({"group_id": group.get("group_id", str(place)), "rollouts": rollouts, "neighbors": []})
            self.scored += len(rollouts)
        return self._versions() | {"groups": groups}

    def _plan(self, fields: Json) -> Json:
        if "run_id" in fields and any("group_id" not in group for group in fields["groups"]):
            raise InvalidArgument("group_id is missing: labels are charged by the ids of run and group.")
        plan = []
        for place, group in enumerate(fields["groups"]):
            unknown = [index for index, rollout in enumerate(group["rollouts"]) if "label" not in rollout]
            planned = {"group_id": group.get("group_id", str(place)), "reason": "majority_answer", "gain": 1.0}
            plan += [planned | {"rollout_index": index} for index in unknown[:1]]
            if "run_id" in fields:
                identity = (fields["run_id"], planned["group_id"], 0, 0)
                self._ledger.count(identity, fields.get("step"), len(group["rollouts"]))
        for planned in (plan := plan[: fields["budget"]]):
            if "run_id" in fields:
                self._ledger.ask((fields["run_id"], planned["group_id"], 0, planned["rollout_index"]))
        return self._versions() | {"plan": plan, "sample": []}

    def _submit(self, fields: Json) -> Json:
        self._check_trained()
        submission = _submission(fields)
        identity = (submission.run_id, submission.group_id, submission.group_attempt, submission.rollout_index)
        self._keep(identity, submission)
        names = ("run_id", "group_id", "group_attempt", "rollout_index", "group_size")
        own = {name: getattr(submission, name) for name in names}
        own |= {"rollouts_present": submission.group_size, "partial": False, "label_request": None}
        if self._requests(identity, submission):
            empty = dict.fromkeys(("reward", "probability", "source", "model_version", "memory_version"))
            request = {"reason": "majority_answer", "gain": 1.0}
            return own | empty | {"status": "label_requested", "label_request": request}
        if identity not in self._settled:
            kept = self.submitted[identity]
            self._settled[identity] = self._prediction(kept.query, kept.rollout) | self._versions()
        return own | self._settled[identity]

    def _keep(self, identity: Identity, submission: Submission) -> None:
        """Raises Conflict if another rollout, or another label, has the identity."""
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

    def _prediction(self, query: Query, rollout: Rollout) -> Json:
        known = rollout.label is not None
        reward = rollout.label if known else self.judge(query, rollout)
        if reward is None:
            return {"reward": None, "probability": 0.5, "status": "abstain", "source": None}
        return {"reward": reward, "probability": reward, "status": "ok", "source": "label" if known else "gnn"}

    def _add_experience(self, fields: Json) -> Json:
        new = rollouts_added = labels = 0
        query_ids, rollout_ids = [], []
        for query in fields["queries"]:
            stored = self._stored(query)
            new += stored["id"] not in self.experience
            known = self.experience.setdefault(stored["id"], stored | {"rollouts": []})["rollouts"]
            ids = {rollout["id"] for rollout in known}
            added = [rollout for rollout in stored["rollouts"] if rollout["id"] not in ids]
            known += added
            rollouts_added += len(added)
            labels += sum(rollout["label"] is not None for rollout in added)
            query_ids.append(stored["id"])
            rollout_ids.append([rollout["id"] for rollout in stored["rollouts"]])
        counts = {"queries_added": new, "rollouts_added": rollouts_added, "labels_changed": labels}
        return {"version": len(self.experience), **counts, "query_ids": query_ids, "rollout_ids": rollout_ids}

    def _stored(self, query: Json) -> Json:
        """A query as GET /v1/experience has it: every field there."""
        query_id = query.get("id") or f"query-{query['text']}"
        names = ("response", "thinking", "answer", "answer_key", "label", "behaviour", "label_source", "policy", "step")
        rollouts = [
            {"id": rollout.get("id") or f"{query_id}-{place}", **{name: rollout.get(name) for name in names}}
            for place, rollout in enumerate(query["rollouts"])
        ]
        domain, dataset = query.get("domain") or "text", query.get("dataset")
        return {"id": query_id, "text": query["text"], "domain": domain, "dataset": dataset, "rollouts": rollouts}

    def _query(self, fields: Json) -> Json:
        if fields["query_id"] not in self.experience:
            raise NotFound(f"There is no query {fields['query_id']}.")
        return self.experience[fields["query_id"]]

    def _memory(self) -> Json:
        rollouts = [rollout for query in self.experience.values() for rollout in query["rollouts"]]
        labels = sum(rollout["label"] is not None for rollout in rollouts)
        version = len(self.experience)
        stored = {"version": version, "queries": version, "rollouts": len(rollouts), "labels": labels}
        return {"memory_version": version, "indexed_queries": version, "stored": stored, "building": False}

    def _versions(self) -> Json:
        return {"model_version": "fake", "memory_version": len(self.experience)}


def _rollout(fields: Json) -> Rollout:
    behaviour = fields.get("behaviour")
    return Rollout(**{**fields, "behaviour": None if behaviour is None else tuple(map(tuple, behaviour))})


def _submission(fields: Json) -> Submission:
    """Raises InvalidArgument for a label beside `no_label`."""
    sent = {**fields, "query": Query(**fields["query"]), "rollout": _rollout(fields["rollout"])}
    del sent["deadline_ms"], sent["allow_partial"]
    if (budget := sent.get("label_budget")) is not None:
        sent["label_budget"] = LabelBudget(budget["share"], budget.get("labels"), budget["deadline_ms"] / 1000)
    submission = Submission(**sent)
    if submission.no_label and submission.rollout.label is not None:
        raise InvalidArgument("no_label comes with a label: leave one of them out.", {"field": "no_label"})
    return submission


def _content(submission: Submission) -> Submission:
    """What is the same each time a rollout is sent."""
    return replace(
        submission, rollout=replace(submission.rollout, label=None), step=None, label_budget=None, no_label=False
    )
