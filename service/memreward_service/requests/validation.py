"""What a request must be before anything is done with it: drafts in, records out, or one InvalidArgument.

Both transports pass through here, so a wrong request gets the same code, message and details over HTTP and
gRPC. Everything is checked before the first record goes on: nothing is stored when anything in the request is
wrong. A blank response is no error here: its prediction has the status `invalid`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from memreward_proto.errors import InvalidArgument
from memreward_proto.records import (
    Domain,
    Experience,
    Group,
    GroupKey,
    Label,
    LabelCharge,
    Query,
    Rollout,
    StoredRollout,
    Submission,
    TrainingOptions,
)  # fmt: skip
from memreward_service.groups.datasets import domain_of
from memreward_service.requests.drafts import (
    ExperienceDraft,
    GroupDraft,
    LabelDraft,
    LabelPlanDraft,
    QueryDraft,
    StoredRolloutDraft,
    SubmissionDraft,
)
from memreward_service.requests.label_budgets import valid_budget, valid_charge
from memreward_service.requests.limits import (
    MAX_STEP,
    check_behaviour,
    check_count,
    check_label,
    check_length,
    check_name,
    check_whole,
    given,
    missing,
    shortened,
)
from memreward_service.settings import MAX_DEADLINE_MS, Settings
from memreward_service.store import query_id, with_ids

MAX_NEIGHBORS = 100
"""Most neighbors that one search answers."""
MAX_PAGE = 1_000
"""Most queries on one page of an export."""
DOMAINS = ", ".join(Domain)
"""The known domains, as error messages list them."""


def valid_groups(drafts: Sequence[GroupDraft], settings: Settings) -> tuple[Group, ...]:
    """The groups of one request to score; a missing group_id is the position, a missing query id is
    derived."""
    check_count("groups", len(drafts), settings.max_rollouts, "groups")
    _total([len(draft.rollouts) for draft in drafts], "groups", settings)
    groups: list[Group] = []
    places: dict[str, int] = {}
    for position, draft in enumerate(drafts):
        place = f"groups[{position}]."
        group_id = str(position) if draft.group_id is None else check_name(draft.group_id, place + "group_id")
        if group_id in places:
            raise InvalidArgument(
                f"{place}group_id {group_id!r} is taken by groups[{places[group_id]}]: "
                "give each group its own id, or none of them one.",
                field=place + "group_id",
            )
        places[group_id] = position
        if draft.query is None:
            raise missing(place + "query")
        query = _identified(_query(draft.query, place + "query.", settings))
        groups.append(Group(group_id, query, _group_rollouts(draft, place, settings)))
    return tuple(groups)


def valid_label_plan(draft: LabelPlanDraft, settings: Settings) -> tuple[tuple[Group, ...], int, LabelCharge | None]:
    """The groups that may be asked for labels, how many labels at most, and to whom they are charged."""
    groups = valid_groups(draft.groups, settings)
    budget = check_whole(given(draft.budget, "budget"), "budget", 1, settings.max_rollouts)
    return groups, budget, valid_charge(draft)


def valid_submission(draft: SubmissionDraft, settings: Settings) -> Submission:
    """One rollout sent alone; a missing group_attempt is 0, a missing deadline that of the settings."""
    run_id, group_id = check_name(draft.run_id, "run_id"), check_name(draft.group_id, "group_id")
    attempt = check_whole(draft.group_attempt or 0, "group_attempt", 0, MAX_STEP)
    group_size = check_whole(given(draft.group_size, "group_size"), "group_size", 1, settings.max_group_size)
    rollout_index = check_whole(given(draft.rollout_index, "rollout_index"), "rollout_index", 0, group_size - 1)
    query = _identified(_query(given(draft.query, "query"), "query.", settings))
    rollout = given(draft.rollout, "rollout")
    _rollout(rollout, "rollout.", settings.max_text_chars)
    if draft.no_label and rollout.label is not None:
        raise InvalidArgument(
            "no_label comes with a label: leave no_label out, or the label where there is none.", field="no_label"
        )
    deadline_ms = settings.rendezvous_deadline_ms if draft.deadline_ms is None else draft.deadline_ms
    return Submission(
        key=GroupKey(run_id, group_id, attempt),
        rollout_index=rollout_index,
        group_size=group_size,
        query=query,
        rollout=rollout,
        deadline_seconds=check_whole(deadline_ms, "deadline_ms", 0, MAX_DEADLINE_MS) / 1000,
        allow_partial=bool(draft.allow_partial),
        step=None if draft.step is None else check_whole(draft.step, "step", 0, MAX_STEP),
        label_budget=None if draft.label_budget is None else valid_budget(draft.label_budget),
        no_label=bool(draft.no_label),
    )


def valid_experience(drafts: Sequence[ExperienceDraft], settings: Settings) -> tuple[Experience, ...]:
    """The queries of one request to store, with every missing id derived (store/identity.py)."""
    check_count("queries", len(drafts), settings.max_rollouts, "queries")
    _total([len(draft.rollouts) for draft in drafts], "queries", settings)
    experience: list[Experience] = []
    for position, draft in enumerate(drafts):
        place = f"queries[{position}]."
        query = _query(draft.query, place, settings)
        check_count(place + "rollouts", len(draft.rollouts), settings.max_group_size, "rollouts")
        rollouts = [
            _stored(rollout, f"{place}rollouts[{index}].", settings) for index, rollout in enumerate(draft.rollouts)
        ]
        _distinct(rollouts, place)
        experience.append(Experience(query, tuple(rollouts)))
    return tuple(with_ids(experience))


def valid_labels(drafts: Sequence[LabelDraft], settings: Settings) -> tuple[Label, ...]:
    """The labels of one request; two different labels for one rollout are an error."""
    check_count("labels", len(drafts), settings.max_rollouts, "labels")
    labels: dict[str, Label] = {}
    for position, draft in enumerate(drafts):
        place = f"labels[{position}]."
        rollout_id = check_name(draft.rollout_id, place + "rollout_id")
        if draft.label is None:
            raise missing(place + "label")
        check_label(draft.label, place + "label")
        label = Label(rollout_id, draft.label, check_name(draft.source, place + "source"))
        if labels.setdefault(rollout_id, label) != label:
            raise InvalidArgument(
                f"{place}rollout_id {rollout_id!r} has another label or source earlier in the request: "
                "send one label a rollout.",
                field=place + "rollout_id",
            )
    return tuple(labels.values())


def valid_page(after: str | None, limit: int | None) -> tuple[str | None, int]:
    """The `after` and `limit` of one page of an export; 100 queries where no limit is given."""
    page = 100 if limit is None else check_whole(limit, "limit", 1, MAX_PAGE)
    return (None if after is None else check_name(after, "after")), page


def valid_search(text: str, k: int | None, settings: Settings) -> tuple[str, int]:
    """The text and the number of neighbors of one search; 8 neighbors where no k is given."""
    neighbors = 8 if k is None else check_whole(k, "k", 1, MAX_NEIGHBORS)
    check_length(text, "", "text", settings.max_text_chars)
    if not text.strip():
        raise missing("text")
    return text, neighbors


def valid_training(seeds: int | None, epochs: int | None) -> TrainingOptions:
    """The options of a training job; the ranges are those of the settings of the same names."""
    return TrainingOptions(
        seeds=None if seeds is None else check_whole(seeds, "seeds", 1, 32),
        epochs=None if epochs is None else check_whole(epochs, "epochs", 1, 10_000),
    )


def valid_id(value: str, field: str) -> str:
    """An id of a query, a job or a model, as it stands in a path."""
    return check_name(value, field)


def _identified(query: Query) -> Query:
    """The query with its id derived where none was given."""
    return query if query.id else replace(query, id=query_id(query.text, query.domain, query.dataset))


def _query(draft: QueryDraft, place: str, settings: Settings) -> Query:
    """The query with its domain; its id stays empty where none was given."""
    check_length(draft.text, place, "text", settings.max_text_chars)
    if not draft.text.strip():
        raise missing(place + "text")
    dataset = None if draft.dataset is None else check_name(draft.dataset, place + "dataset")
    identity = "" if draft.id is None else check_name(draft.id, place + "id")
    return Query(draft.text, identity, _domain(draft, place), dataset)


def _domain(draft: QueryDraft, place: str) -> Domain:
    if draft.domain is None:
        return domain_of(draft.dataset)
    try:
        return Domain(draft.domain)
    except ValueError:
        raise InvalidArgument(
            f"{place}domain {shortened(draft.domain)!r} is unknown: use one of {DOMAINS}.",
            field=place + "domain",
            given=shortened(draft.domain),
        ) from None


def _group_rollouts(draft: GroupDraft, place: str, settings: Settings) -> tuple[Rollout, ...]:
    check_count(place + "rollouts", len(draft.rollouts), settings.max_group_size, "rollouts")
    for index, rollout in enumerate(draft.rollouts):
        _rollout(rollout, f"{place}rollouts[{index}].", settings.max_text_chars)
    return draft.rollouts


def _stored(draft: StoredRolloutDraft, place: str, settings: Settings) -> StoredRollout:
    """The rollout to store; its id stays empty where none was given."""
    _rollout(draft.rollout, place, settings.max_text_chars)
    source = None if draft.label_source is None else check_name(draft.label_source, place + "label_source")
    if source is not None and draft.rollout.label is None:
        raise InvalidArgument(
            f"{place}label_source comes without a label: give the label too, or leave the source out.",
            field=place + "label_source",
        )
    return StoredRollout(
        id="" if draft.id is None else check_name(draft.id, place + "id"),
        rollout=draft.rollout,
        label_source=source,
        policy=None if draft.policy is None else check_name(draft.policy, place + "policy"),
        step=None if draft.step is None else check_whole(draft.step, place + "step", 0, MAX_STEP),
    )


def _distinct(rollouts: Sequence[StoredRollout], place: str) -> None:
    places: dict[str, int] = {}
    for index, stored in enumerate(rollouts):
        if stored.id and places.setdefault(stored.id, index) != index:
            raise InvalidArgument(
                f"{place}rollouts[{index}].id {stored.id!r} is taken by rollouts[{places[stored.id]}] "
                "of that query: give each rollout its own id, or leave it out.",
                field=f"{place}rollouts[{index}].id",
            )


def _rollout(rollout: Rollout, place: str, limit: int) -> None:
    check_length(rollout.response, place, "response", limit)
    if rollout.thinking is not None:
        check_length(rollout.thinking, place, "thinking", limit)
    if rollout.answer is not None:
        check_length(rollout.answer, place, "answer", limit)
    if rollout.answer_key is not None:
        check_length(rollout.answer_key, place, "answer_key", limit)
    if rollout.label is not None:
        check_label(rollout.label, place + "label")
    if rollout.behaviour is not None:
        check_behaviour(rollout.behaviour, place + "behaviour")


def _total(sizes: Sequence[int], field: str, settings: Settings) -> None:
    if (total := sum(sizes)) > settings.max_rollouts:
        raise InvalidArgument(
            f"The request holds {total} rollouts: split it into requests of at most {settings.max_rollouts}.",
            field=field,
            limit=settings.max_rollouts,
            given=total,
        )
