"""A service for tests of a trainer: no process, no model; a function says the reward of each rollout.

from memreward_client import FakeService, MockTransport, RewardClient

def judge(query, rollout):                      # a reward, or None where it abstains
    return float(rollout.response.endswith("4"))

service = FakeService(judge)
client = RewardClient(transport=MockTransport(service))
...
assert service.submitted[("run-1", "uid-7", 0, 3)].rollout.response == "2 + 2 = 4"
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from .calls import Call
from .errors import Conflict, ModelNotTrained, NotFound
from .records import Query, Rollout, Submission
from .wire import Json

Judge = Callable[[Query, Rollout], float | None]
Identity = tuple[str, str, int, int]
"""run_id, group_id, group_attempt, rollout_index."""


class FakeService:
    """A handler of MockTransport. It scores by `judge`, and remembers what it was sent; threads may share it.

    A label is its own reward (source label). A rollout sent alone is answered at once as if its group were complete:
    the real service waits for the siblings. `submitted` holds each by its identity; `scored` counts the rollouts of
    all `score` calls; `experience` are the stored queries by id, as JSON. `trained` False: no reward can be told.
    """

    def __init__(self, judge: Judge, *, trained: bool = True) -> None:
        self.judge = judge
        self.trained = trained
        self.submitted: dict[Identity, Submission] = {}
        self.experience: dict[str, Json] = {}
        self.scored = 0
        self._writing = threading.Lock()

    def __call__(self, call: Call[Any]) -> Json:
        """The answer to one call. Raises MemRewardError as the service does."""
        answers: dict[str, Callable[[Json], Json]] = {
            "ScoreRewards": self._score,
            "SubmitRollout": self._submit,
            "AddExperience": self._add_experience,
            "ListExperience": lambda _: {"queries": list(self.experience.values()), "next": None},
            "GetQuery": self._query,
            "GetMemory": lambda _: self._memory(),
        }
        if call.rpc not in answers:
            raise NotFound(f"FakeService has no {call.rpc}: give MockTransport a handler of your own for it.")
        with self._writing:
            return answers[call.rpc](dict(call.fields))

    def _score(self, fields: Json) -> Json:
        groups = []
        for place, group in enumerate(fields["groups"]):
            query = Query(**group["query"])
            rollouts = [self._prediction(query, Rollout(**each)) | {"explanation": None} for each in group["rollouts"]]
            groups.append({"group_id": group.get("group_id", str(place)), "rollouts": rollouts, "neighbors": []})
            self.scored += len(rollouts)
        return self._versions() | {"groups": groups}

    def _submit(self, fields: Json) -> Json:
        sent = {**fields, "query": Query(**fields["query"]), "rollout": Rollout(**fields["rollout"])}
        del sent["deadline_ms"], sent["allow_partial"]
        submission = Submission(**sent)
        identity = (submission.run_id, submission.group_id, submission.group_attempt, submission.rollout_index)
        answer = self._prediction(submission.query, submission.rollout)
        if self.submitted.setdefault(identity, submission) != submission:
            raise Conflict(f"Rollout {identity} was sent with other content: use the next group_attempt.")
        names = ("run_id", "group_id", "group_attempt", "rollout_index", "group_size")
        own = {name: getattr(submission, name) for name in names}
        return own | answer | self._versions() | {"rollouts_present": submission.group_size, "partial": False}

    def _prediction(self, query: Query, rollout: Rollout) -> Json:
        if not self.trained:
            raise ModelNotTrained("There is no model yet: store labelled experience, then train.")
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
            if stored["id"] not in self.experience:
                self.experience[stored["id"]] = stored
                new += 1
                rollouts_added += len(stored["rollouts"])
                labels += sum(rollout["label"] is not None for rollout in stored["rollouts"])
            query_ids.append(stored["id"])
            rollout_ids.append([rollout["id"] for rollout in stored["rollouts"]])
        counts = {"queries_added": new, "rollouts_added": rollouts_added, "labels_changed": labels}
        return {"version": len(self.experience), **counts, "query_ids": query_ids, "rollout_ids": rollout_ids}

    def _stored(self, query: Json) -> Json:
        """A query as GET /v1/experience has it: every field there."""
        query_id = query.get("id") or f"query-{query['text']}"
        texts = ("response", "thinking", "answer", "answer_key", "label", "label_source", "policy", "step")
        rollouts = [
            {"id": rollout.get("id") or f"{query_id}-{place}", **{name: rollout.get(name) for name in texts}}
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
