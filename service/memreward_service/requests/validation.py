"""What a request must be before anything is done with it: a record in, and the record out with what was left out filled
in, or one InvalidArgument.

Shape and types are checked where a request is read (pydantic for HTTP, codec.py for gRPC); ranges, lengths and the rest
here, for both transports, so that a wrong request gets the same code, message and details. All of it is checked before
any of it goes on: nothing is stored where anything is wrong. A rollout that is blank, too long or holds what is no
character is no error of the request: it alone is `invalid`, or is not stored (unreadable.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from memreward_proto.errors import InvalidArgument
from memreward_proto.records import (
    Domain,
    Experience,
    Group,
    Label,
    LabelCharge,
    LabelPlanRequest,
    PruneRequest,
    Query,
    RefusedRollout,
    Rollout,
    StoredRollout,
    Submission,
    TrainingOptions,
)  # fmt: skip
from memreward_service.groups.datasets import domain_of
from memreward_service.requests.label_budgets import valid_budget, valid_charge
from memreward_service.requests.limits import (
    MAX_STEP,
    check_behaviour,
    check_count,
    check_label,
    check_length,
    check_name,
    check_optional_name,
    check_optional_whole,
    check_whole,
    missing,
    shortened,
)
from memreward_service.requests.unreadable import CheckedExperience, readable_group, storable
from memreward_service.settings import MAX_DEADLINE_MS, Settings
from memreward_service.store import query_id, with_ids

MAX_NEIGHBORS, MAX_PAGE = 100, 1_000
"""Most neighbors of one search, most queries on one page of an export."""

AnyQuery = TypeVar("AnyQuery", bound=Query)


def valid_groups(groups: Sequence[Group], settings: Settings, *, blank_queries: bool = False) -> tuple[Group, ...]:
    """The groups of one request to score; a missing group_id is the position, a missing query id is derived.

    `blank_queries`: a query may be blank, where it is what a trainer's prompt says; its rollouts are unreadable then.
    """
    check_count("groups", len(groups), settings.max_rollouts, "groups")
    _total([len(group.rollouts) for group in groups], "groups", settings)
    places: dict[str, int] = {}
    return tuple(_group(group, position, places, settings, blank_queries) for position, group in enumerate(groups))


def valid_label_plan(request: LabelPlanRequest, settings: Settings) -> tuple[tuple[Group, ...], LabelCharge | None]:
    """The groups that may be asked for labels, and to whom the labels are charged."""
    groups = valid_groups(request.groups, settings)
    check_whole(request.budget, "budget", 1, settings.max_rollouts)
    return groups, valid_charge(request)


def valid_submission(given: Submission, settings: Settings, *, blank_queries: bool = False) -> Submission:
    """One rollout sent alone; a missing group_attempt is 0, a missing deadline that of the settings. `blank_queries`:
    as in valid_groups."""
    check_name(given.run_id, "run_id")
    check_name(given.group_id, "group_id")
    attempt = check_whole(given.group_attempt or 0, "group_attempt", 0, MAX_STEP)
    check_whole(given.group_size, "group_size", 1, settings.max_group_size)
    check_whole(given.rollout_index, "rollout_index", 0, given.group_size - 1)
    _check_rollout(given.rollout, "rollout.")
    query = _identified(_query(given.query, "query.", blank_queries))
    query, (rollout,) = readable_group(query, (given.rollout,), settings.max_text_chars)
    if given.no_label and given.rollout.label is not None:
        raise InvalidArgument(
            "no_label comes with a label: leave no_label out, or the label where there is none.", field="no_label"
        )
    deadline_ms = settings.rendezvous_deadline_ms if given.deadline_ms is None else given.deadline_ms
    check_whole(deadline_ms, "deadline_ms", 0, MAX_DEADLINE_MS)
    check_optional_whole(given.step, "step", 0, MAX_STEP)
    budget = None if given.label_budget is None else valid_budget(given.label_budget)
    return replace(
        given,
        query=query,
        rollout=rollout,
        group_attempt=attempt,
        deadline_ms=deadline_ms,
        allow_partial=bool(given.allow_partial),
        label_budget=budget,
        no_label=bool(given.no_label),
    )


def valid_experience(queries: Sequence[Experience], settings: Settings) -> CheckedExperience:
    """The queries of one request to store, with every missing id derived (store/identity.py). A rollout that cannot be
    read is not stored, a query none of whose rollouts can neither."""
    check_count("queries", len(queries), settings.max_rollouts, "queries")
    _total([len(query.rollouts) for query in queries], "queries", settings)
    valid: list[Experience] = []
    refused: list[RefusedRollout] = []
    for position, query in enumerate(queries):
        place = f"queries[{position}]."
        named = _query(query, place)
        check_count(place + "rollouts", len(query.rollouts), settings.max_group_size, "rollouts")
        for index, rollout in enumerate(query.rollouts):
            _check_stored(rollout, f"{place}rollouts[{index}].")
        _check_distinct(query.rollouts, place)
        kept, unread = storable(named, position, settings.max_text_chars)
        refused += unread
        if kept.rollouts:
            valid.append(kept)
    return CheckedExperience(tuple(with_ids(valid)), tuple(refused), tuple(len(query.rollouts) for query in queries))


def valid_labels(labels: Sequence[Label], settings: Settings) -> tuple[Label, ...]:
    """The labels of one request; two different labels for one rollout are an error."""
    check_count("labels", len(labels), settings.max_rollouts, "labels")
    known: dict[str, Label] = {}
    for position, label in enumerate(labels):
        place = f"labels[{position}]."
        check_name(label.rollout_id, place + "rollout_id")
        check_label(label.label, place + "label")
        check_name(label.source, place + "source")
        if known.setdefault(label.rollout_id, label) != label:
            raise InvalidArgument(
                f"{place}rollout_id {label.rollout_id!r} has another label or source earlier in the request: "
                "send one label a rollout.",
                field=place + "rollout_id",
            )
    return tuple(known.values())


def valid_prune(request: PruneRequest) -> PruneRequest:
    """The limits of a pruning; unless dry_run is false it only says what would go."""
    check_optional_whole(request.rollouts_per_query, "rollouts_per_query", 1, MAX_STEP)
    check_optional_whole(request.max_bytes, "max_bytes", 0, MAX_STEP)
    if request.days is not None and not 0 < request.days < math.inf:
        raise InvalidArgument("days must be a number above 0.", field="days")
    return replace(request, dry_run=request.dry_run is not False)


def valid_page(after: str | None, limit: int | None) -> tuple[str | None, int]:
    """The `after` and `limit` of one page of an export; 100 queries where no limit is given."""
    page = 100 if limit is None else check_whole(limit, "limit", 1, MAX_PAGE)
    return check_optional_name(after, "after"), page


def valid_search(text: str, k: int | None, settings: Settings) -> tuple[str, int]:
    """The text and the number of neighbors of one search; 8 neighbors where no k is given."""
    neighbors = 8 if k is None else check_whole(k, "k", 1, MAX_NEIGHBORS)
    check_length(text, "", "text", settings.max_text_chars)
    if not text.strip():
        raise missing("text")
    return text, neighbors


def valid_training(options: TrainingOptions) -> TrainingOptions:
    """The options of a training job; the ranges are those of the settings of the same names."""
    check_optional_whole(options.seeds, "seeds", 1, 32)
    check_optional_whole(options.epochs, "epochs", 1, 10_000)
    return options


def _group(group: Group, position: int, places: dict[str, int], settings: Settings, blank_queries: bool) -> Group:
    """The group at one position; `places` says which ids are taken, and where."""
    place = f"groups[{position}]."
    group_id = str(position) if group.group_id is None else check_name(group.group_id, place + "group_id")
    if places.setdefault(group_id, position) != position:
        raise InvalidArgument(
            f"{place}group_id {group_id!r} is taken by groups[{places[group_id]}]: "
            "give each group its own id, or none of them one.",
            field=place + "group_id",
        )
    query = _identified(_query(group.query, place + "query.", blank_queries))
    check_count(place + "rollouts", len(group.rollouts), settings.max_group_size, "rollouts")
    for index, rollout in enumerate(group.rollouts):
        _check_rollout(rollout, f"{place}rollouts[{index}].")
    return Group(*readable_group(query, group.rollouts, settings.max_text_chars), group_id)


def _identified(query: Query) -> Query:
    """The query with its id derived where none was given."""
    return query if query.id is not None else replace(query, id=query_id(query.text, query.domain, query.dataset))


def _query(query: AnyQuery, place: str, blank_queries: bool = False) -> AnyQuery:
    """The query with its domain."""
    if not blank_queries and not query.text.strip():
        raise missing(place + "text")
    check_optional_name(query.dataset, place + "dataset")
    check_optional_name(query.id, place + "id")
    return replace(query, domain=_domain(query, place))


def _domain(query: Query, place: str) -> Domain:
    if query.domain is None:
        return domain_of(query.dataset)
    try:
        return Domain(query.domain)
    except ValueError:
        raise InvalidArgument(
            f"{place}domain {shortened(query.domain)!r} is unknown: use one of {', '.join(Domain)}.",
            field=place + "domain",
            given=shortened(query.domain),
        ) from None


def _check_stored(stored: StoredRollout, place: str) -> None:
    _check_rollout(stored, place)
    check_optional_name(stored.label_source, place + "label_source")
    if stored.label_source is not None and stored.label is None:
        raise InvalidArgument(
            f"{place}label_source comes without a label: give the label too, or leave the source out.",
            field=place + "label_source",
        )
    check_optional_name(stored.id, place + "id")
    check_optional_name(stored.policy, place + "policy")
    check_optional_whole(stored.step, place + "step", 0, MAX_STEP)


def _check_distinct(rollouts: Sequence[StoredRollout], place: str) -> None:
    places: dict[str, int] = {}
    for index, stored in enumerate(rollouts):
        if stored.id is not None and places.setdefault(stored.id, index) != index:
            raise InvalidArgument(
                f"{place}rollouts[{index}].id {stored.id!r} is taken by rollouts[{places[stored.id]}] "
                "of that query: give each rollout its own id, or leave it out.",
                field=f"{place}rollouts[{index}].id",
            )


def _check_rollout(rollout: Rollout, place: str) -> None:
    if rollout.label is not None:
        check_label(rollout.label, place + "label")
    if rollout.behaviour is not None:
        check_behaviour(rollout.behaviour, place + "behaviour")
    check_optional_name(rollout.behaviour_version, place + "behaviour_version")


def _total(sizes: Sequence[int], field: str, settings: Settings) -> None:
    if (total := sum(sizes)) > settings.max_rollouts:
        raise InvalidArgument(
            f"The request holds {total} rollouts: split it into requests of at most {settings.max_rollouts}.",
            field=field,
            limit=settings.max_rollouts,
            given=total,
        )
