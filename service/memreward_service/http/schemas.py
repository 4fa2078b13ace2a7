"""The JSON bodies and query strings of /v1 as callers send them, for pydantic and for the OpenAPI page.

Shape and type are checked here (an unknown field is an error, so a typo never passes); ranges and everything
else in requests/validation.py, which gRPC goes through too. Each request turns itself into drafts.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from memreward_proto.records import Rollout
from memreward_service.requests.drafts import (
    ExperienceDraft,
    GroupDraft,
    LabelBudgetDraft,
    LabelDraft,
    LabelPlanDraft,
    QueryDraft,
    StoredRolloutDraft,
    SubmissionDraft,
)  # fmt: skip


class Body(BaseModel):
    """A JSON object without surprises: no unknown field, no string where a number belongs."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class QueryBody(Body):
    """A prompt."""

    text: str
    """The prompt itself."""
    id: str | None = None
    """Your own id; without it, one is derived from text, domain and dataset."""
    domain: str | None = None
    """math, qa, code or text. Without it: that of a known dataset, else text."""
    dataset: str | None = None
    """The dataset's name, for example gsm8k."""

    def draft(self) -> QueryDraft:
        """The query as validation takes it."""
        return QueryDraft(self.text, self.id, self.domain, self.dataset)


class RolloutBody(Body):
    """One response to the query."""

    response: str
    """The whole response; a blank one gets the status invalid."""
    thinking: str | None = None
    """The reasoning part, where you have it apart."""
    answer: str | None = None
    """The final answer; without it, it is extracted from the response."""
    answer_key: str | None = None
    """The form in which answers agree; without it, it is derived: for code, from the behaviour where it is given."""
    label: float | None = None
    """The true reward from 0 to 1, where you know it."""
    behaviour: list[list[str]] | None = None
    """For programs: what it did on inputs made from the query alone. One list for each set of inputs, that of the
    likeliest types first, and in it one text an input: 1 to 32 printable ASCII characters, beginning with v for a
    value. At most 64 sets and 4096 texts."""

    def record(self) -> Rollout:
        """The rollout, its label not yet checked."""
        behaviour = None if self.behaviour is None else tuple(map(tuple, self.behaviour))
        return Rollout(self.response, self.thinking, self.answer, self.answer_key, self.label, behaviour)


class GroupBody(Body):
    """The rollouts of one query sampled in one step."""

    query: QueryBody
    rollouts: list[RolloutBody]
    group_id: str | None = None
    """Your own id, back in the answer; without it, the position: "0", "1", …"""

    def draft(self) -> GroupDraft:
        """The group as validation takes it."""
        return GroupDraft(self.query.draft(), tuple(rollout.record() for rollout in self.rollouts), self.group_id)


class RewardsBody(Body):
    """POST /v1/rewards."""

    groups: list[GroupBody]
    explain: bool | None = None
    """Say for each rollout what its group says about it."""


class LabelBudgetBody(Body):
    """What a run may spend on labels."""

    share: float
    """Of the rollouts of every training step, the share whose label may be asked for: above 0, at most 1."""
    labels: int | None = None
    """At most so many labels in the whole run; without it, as many as that share."""
    deadline_ms: int | None = None
    """How long a label that was asked for is awaited, 60000 where not given; its group is scored without it then."""

    def draft(self) -> LabelBudgetDraft:
        """The budget as validation takes it."""
        return LabelBudgetDraft(self.share, self.labels, self.deadline_ms)


class LabelPlanBody(Body):
    """POST /v1/label-plan."""

    groups: list[GroupBody]
    """As in /v1/rewards; the labels known so far stand in their rollouts."""
    budget: int
    """At most so many labels are planned."""
    run_id: str | None = None
    """With label_budget: the run that the labels are charged to, each once. Every group needs its group_id then."""
    step: int | None = None
    """The training step that the labels are charged to."""
    label_budget: LabelBudgetBody | None = None
    """With run_id: what is beyond this budget of the run is not planned."""

    def draft(self) -> LabelPlanDraft:
        """The plan as validation takes it."""
        return LabelPlanDraft(
            tuple(group.draft() for group in self.groups),
            self.budget,
            self.run_id,
            self.step,
            None if self.label_budget is None else self.label_budget.draft(),
        )


class SubmissionBody(Body):
    """POST /v1/rollouts: one rollout, sent alone."""

    run_id: str
    """The training run; two runs never share a group."""
    group_id: str
    """The group: the same for all rollouts of one query in one step, and for no others of the run."""
    group_attempt: int | None = None
    """0 where not given; the next number for a group that is sampled again."""
    rollout_index: int
    """Which rollout of the group, from 0 to group_size - 1. Sent again, it is the same rollout."""
    group_size: int
    """How many rollouts make the group complete."""
    step: int | None = None
    """The training step, by which GET /v1/trust and GET /v1/label-spending tell figures."""
    query: QueryBody
    rollout: RolloutBody
    deadline_ms: int | None = None
    """How long the call may wait for the rest of the group, 0 not at all; without it, as the service is set."""
    allow_partial: bool | None = None
    """At the deadline, score the rollouts that are there instead of answering timeout."""
    label_budget: LabelBudgetBody | None = None
    """You can verify this rollout, and its run may spend so much: the answer may be label_requested. Send the rollout
    again then, with its label, or with no_label."""
    no_label: bool | None = None
    """The label was asked for and cannot be had: the verifier cannot say, or failed."""

    def draft(self) -> SubmissionDraft:
        """The rollout as validation takes it."""
        return SubmissionDraft(
            self.run_id,
            self.group_id,
            self.group_attempt,
            self.rollout_index,
            self.group_size,
            self.query.draft(),
            self.rollout.record(),
            self.deadline_ms,
            self.allow_partial,
            self.step,
            None if self.label_budget is None else self.label_budget.draft(),
            self.no_label,
        )


class StoredRolloutBody(RolloutBody):
    """A rollout to remember."""

    id: str | None = None
    """Your own id, for labels that come later; without it, one is derived from the content."""
    label_source: str | None = None
    """Who gave the label, for example verifier or expert."""
    policy: str | None = None
    """The model that wrote the response."""
    step: int | None = None
    """The training step of that model."""

    def draft(self) -> StoredRolloutDraft:
        """The rollout as validation takes it."""
        return StoredRolloutDraft(self.record(), self.id, self.label_source, self.policy, self.step)


class ExperienceBody(QueryBody):
    """A query to remember, with its rollouts."""

    rollouts: list[StoredRolloutBody]

    def experience(self) -> ExperienceDraft:
        """The query and its rollouts as validation takes them."""
        return ExperienceDraft(self.draft(), tuple(rollout.draft() for rollout in self.rollouts))


class ExperiencesBody(Body):
    """POST /v1/experience."""

    queries: list[ExperienceBody]


class LabelBody(Body):
    """A true reward for a stored rollout."""

    rollout_id: str
    label: float
    """From 0 (wrong) to 1 (right)."""
    source: str
    """Who gave it, for example verifier or expert."""

    def draft(self) -> LabelDraft:
        """The label as validation takes it."""
        return LabelDraft(self.rollout_id, self.label, self.source)


class LabelsBody(Body):
    """POST /v1/labels."""

    labels: list[LabelBody]


class TrainingBody(Body):
    """POST /v1/training."""

    seeds: int | None = None
    """Independent runs, 1 to 32; the best is kept."""
    epochs: int | None = None
    """At most so many epochs each, 1 to 10000."""


class QueryString(BaseModel):
    """Parameters behind the question mark: text, turned into numbers where a number belongs."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class PageString(QueryString):
    """GET /v1/experience?after=&limit="""

    after: str | None = None
    """Start behind this query id: the `next` of the page before."""
    limit: int | None = Field(None, json_schema_extra={"minimum": 1, "maximum": 1000})
    """Queries on the page; 100 where not given."""


class SearchString(QueryString):
    """GET /v1/queries?text=&k="""

    text: str
    """The text whose nearest queries are looked up."""
    k: int | None = Field(None, json_schema_extra={"minimum": 1, "maximum": 100})
    """How many; 8 where not given."""


class SpendingString(QueryString):
    """GET /v1/label-spending?run_id="""

    run_id: str
    """The training run."""


REQUEST_BODIES: tuple[type[Body], ...] = (
    RewardsBody,
    LabelPlanBody,
    SubmissionBody,
    ExperiencesBody,
    LabelsBody,
    TrainingBody,
)
"""The bodies that routes read raw, for the schemas of the OpenAPI page."""
