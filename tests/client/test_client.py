"""Every method of both clients over both transports, against a real server with made-up answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import fake_engine
from client.callers import KINDS, caller, url_of
from memreward_client import (
    Conflict,
    DeadlineExceeded,
    DomainTrust,
    Experience,
    ExperienceReceipt,
    Explanation,
    Group,
    Internal,
    Interval,
    InvalidArgument,
    JobError,
    Label,
    LabelBudget,
    LabelPlan,
    LabelReceipt,
    LabelRequest,
    LabelSpending,
    MemoryStatus,
    ModelNotTrained,
    Neighbor,
    NotEnoughLabels,
    NotFound,
    NotMemReward,
    Overloaded,
    PlannedLabel,
    Prediction,
    PrunedRollouts,
    PruneReason,
    PruneReport,
    Query,
    Retries,
    Rollout,
    RolloutReward,
    SampledRollout,
    StepSpending,
    StepTrust,
    StoreCounts,
    StoredRollout,
    Submission,
    TooLarge,
    TrainingFailed,
    TrainingJob,
    TrustFigures,
    TrustIntervals,
    TrustReport,
    Unauthenticated,
    Unavailable,
    Unreachable,
)
from memreward_proto import errors as service_errors
from memreward_proto import records as service_records
from serving import Address, serving

GROUPS = [
    Group(
        Query("2 + 2?", domain="math"), [Rollout("It is 4."), Rollout("5", label=0.0), Rollout("unsure"), Rollout(" ")]
    ),
    Group(
        Query("3 + 3?", id="q-3", dataset="sums"),
        (Rollout("6", "3, 6", "6", "6"), Rollout("def f(): 6", behaviour=[("v1", "n"), ["xKeyError"]])),
        "mine",
    ),
]
STORED = Experience(
    "Größe?",
    "a/b c?",
    "math",
    "sums",
    rollouts=(
        StoredRollout("So\n4", "So", "4", "4", 0.5, id="r-1", label_source="expert", policy="small", step=7),
        StoredRollout("5", behaviour=(("v1", "n"), ("xKeyError",)), id="r-2"),
    ),
)
SUBMISSION = Submission("run-1", "uid-7", 3, 8, Query("2 + 2?", domain="math"), Rollout("It is 4."), 2, 41)
IMPATIENT = {"retries": Retries(first_wait=0.001, attempts=2)}


@pytest.fixture(scope="module")
def _served() -> Iterator[Address]:
    with serving() as address:
        yield address


@pytest.fixture
def address(_served: Address) -> Address:
    """The server of all tests, before an engine that remembers nothing."""
    _served.engine.forget()
    return _served


@pytest.fixture(params=KINDS)
def client(request: pytest.FixtureRequest, address: Address) -> Iterator[Any]:
    with caller(request.param, url_of(address, request.param), **IMPATIENT) as client:
        yield client


def test_score(client: Any, address: Address) -> None:
    scored = client.score(GROUPS, explain=True)
    assert (scored.model_version, scored.memory_version) == ("m-2", 9)
    first, second = scored.groups
    said = Explanation(
        "27", "27", 2 / 3, 1, 0, 1, 0, 12, 31, 40, 0.83,
        "Labelled right at step 12; 31 of 40 earlier rollouts say the same.",
    )  # fmt: skip
    assert first.rollouts == (
        Prediction(1.0, 0.8, "ok", "gnn", said),
        Prediction(0.0, 0.0, "ok", "label", said),
        Prediction(None, 0.5, "abstain", None, said),
        Prediction(None, None, "invalid", None, None, "response is blank: there is no answer in it."),
    )
    assert (first.group_id, second.group_id) == ("0", "mine")
    assert first.neighbors == (Neighbor("q-a", 0.4, "Ann has 4 bags"), Neighbor("q-b", -0.25, "Bob has ünïcode"))
    [sent] = address.engine.scored
    assert sent[0].query.domain == "math"
    assert sent[1].query == service_records.Query("3 + 3?", "q-3", service_records.Domain.TEXT, "sums")
    assert sent[1].rollouts == (
        service_records.Rollout("6", "3, 6", "6", "6"),
        service_records.Rollout("def f(): 6", behaviour=(("v1", "n"), ("xKeyError",))),
    )
    assert client.score(iter(GROUPS[1:])).groups[0].rollouts[0].explanation is None


def test_plan_labels(client: Any, address: Address) -> None:
    plan = client.plan_labels(iter(GROUPS), 2)
    expected = (PlannedLabel("0", 0, "majority_answer", 1.0), PlannedLabel("0", 2, "uncertain", 1 / 3))
    assert plan == LabelPlan("m-2", 9, expected, (SampledRollout("0", 0),))
    [sent] = address.engine.scored
    assert [rollout.label for rollout in sent[0].rollouts] == [None, 0.0, None, None]
    address.engine.not_ready = "Train first."
    assert client.plan_labels(GROUPS, 1).model_version is None
    with pytest.raises(InvalidArgument) as caught:
        client.plan_labels(GROUPS, 0)
    assert caught.value.details["field"] == "budget"
    with pytest.raises(InvalidArgument):
        client.plan_labels(GROUPS, 1.5)


def test_submit(client: Any, address: Address) -> None:
    answer = client.submit(SUBMISSION, deadline=90, allow_partial=True)
    assert answer == RolloutReward("run-1", "uid-7", 2, 3, 8, 1, False, 1.0, 0.8, "ok", "gnn", "m-2", 9)
    [sent] = address.engine.submitted
    assert sent.key == service_records.GroupKey("run-1", "uid-7", 2)
    assert (sent.rollout_index, sent.group_size, sent.step) == (3, 8, 41)
    assert (sent.query.text, sent.query.domain, sent.rollout.response) == ("2 + 2?", "math", "It is 4.")
    # Held for 25 s at most; partial answers are for the last hold.
    assert (sent.deadline_ms, sent.allow_partial) == (25_000, False)


def test_submit_at_the_deadline(client: Any, address: Address) -> None:
    answer = client.submit(SUBMISSION, deadline=0, allow_partial=True)
    assert (answer.status, answer.reward, answer.probability, answer.source) == ("timeout", None, None, None)
    assert (answer.model_version, answer.memory_version) == (None, None)
    [sent] = address.engine.submitted
    assert (sent.deadline_ms, sent.allow_partial) == (0, True)


def test_a_label_plan_is_charged_to_its_run(client: Any, address: Address) -> None:
    assert client.plan_labels(GROUPS[1:], 1, run_id="run-1", step=6, label_budget=LabelBudget(0.17)).plan
    budget = service_records.LabelBudget(0.17, None, 60_000)
    assert address.engine.charged == [service_records.LabelCharge("run-1", 6, budget)]
    with pytest.raises(InvalidArgument, match="label_budget is missing"):
        client.plan_labels(GROUPS[1:], 1, run_id="run-1")
    with pytest.raises(InvalidArgument):
        client.plan_labels(GROUPS[1:], 1, run_id="run-1", label_budget=0.17)


def test_submit_with_a_label_budget(client: Any, address: Address) -> None:
    asked = replace(SUBMISSION, label_budget=LabelBudget(0.17, 5000, 1500))
    answer = client.submit(asked, deadline=9)
    assert (answer.status, answer.reward, answer.label_request) == (
        "label_requested", None, LabelRequest("second_answer", 0.75),
    )  # fmt: skip
    answer = client.submit(replace(asked, rollout=replace(asked.rollout, label=0.25)))
    assert (answer.reward, answer.source, answer.label_request) == (0.25, "label", None)
    assert client.submit(replace(asked, no_label=True)).source == "gnn"
    sent = address.engine.submitted
    assert {each.label_budget for each in sent} == {service_records.LabelBudget(0.17, 5000, 1500)}
    assert [(each.rollout.label, each.no_label) for each in sent] == [(None, False), (0.25, False), (None, True)]


def test_label_spending(client: Any) -> None:
    steps = (StepSpending(None, 8, 1), StepSpending(2**40, 2**40, 2))
    assert client.label_spending("run-1") == LabelSpending("run-1", 2**40 + 8, 3, steps)
    assert client.label_spending("r/2 ü") == LabelSpending("r/2 ü", 0, 0, ())
    with pytest.raises(InvalidArgument) as caught:
        client.label_spending(" ")
    assert caught.value.details == {"field": "run_id"}


def test_prune(client: Any) -> None:
    reasons = (PrunedRollouts(PruneReason.ROLLOUTS_PER_QUERY, 4, 2048),)
    assert client.prune(rollouts_per_query=4) == PruneReport(True, 3, 4, 2048, reasons)
    assert client.prune(dry_run=False, rollouts_per_query=4, days=1.5, max_bytes=10).dry_run is False


def test_trust(client: Any) -> None:
    sure, none = TrustFigures(40, 0.125, 0.75, 0.5, 0.25, 0.0625), TrustFigures(1, 0.0, None, None, 0.0, 0.5)
    steps = StepTrust(2**40, sure, 0.625), StepTrust(41, none)
    intervals = TrustIntervals(Interval(0.5, 0.75), Interval(0.0, 0.125), None)
    math = DomainTrust("math", False, "The AUC is too low.", sure, none, intervals, 60, None, steps, 0.875, 3)
    few = "not enough audited rollouts: 3 of 50"
    qa = DomainTrust("qa", True, None, none, sure, TrustIntervals(None, None, None), 3, few, ())
    overall = TrustFigures(41, 0.125, 0.75, 0.5, 0.25, 0.0625)
    assert client.trust() == TrustReport(2000, 50, 0.8, None, overall, (math, qa))


def test_experience(client: Any) -> None:
    receipt = client.add_experience([STORED])
    assert receipt == ExperienceReceipt(1, 1, 2, 1, ("a/b c?",), (("r-1", "r-2"),))
    assert client.add_experience([STORED]).queries_added == 0
    assert client.query("a/b c?") == STORED
    client.add_experience([Experience(f"q {n}", f"z-{n}", rollouts=[StoredRollout("x")]) for n in range(4)])
    page = client.list_experience(limit=2)
    assert (page.queries[0], page.next) == (STORED, "z-0")
    assert client.list_experience("z-2").queries[0].id == "z-3"
    assert client.list_experience("z-2").next is None
    assert [each.id for each in client.experience(2)] == ["a/b c?", "z-0", "z-1", "z-2", "z-3"]


def test_labels(client: Any, address: Address) -> None:
    client.add_experience([STORED])
    assert client.add_labels([Label("r-2", 1, "verifier")]) == LabelReceipt(101, 1)
    assert address.engine.labels == [service_records.Label("r-2", 1.0, "verifier")]


def test_memory(client: Any) -> None:
    assert client.memory() == MemoryStatus(9, 3, StoreCounts(11, 4, 16, 5), True)
    near = client.find_queries("Größe & more?", 1)
    assert near == (Neighbor("q-a", pytest.approx(0.25), "Ann has 4 bags"),)
    assert len(client.find_queries("x")) == 2


def test_training(client: Any, address: Address) -> None:
    queued = client.start_training(epochs=9)
    assert queued == TrainingJob("job-1", "queued", 0.0, {"seeds": 0, "epochs": 9})
    assert client.training_job("job-1") == TrainingJob("job-1", "running", 0.25, {"loss": 0.5})
    assert client.training_job("job-failed").error == JobError("not_enough_labels", "Add 12 labels.")
    seen: list[TrainingJob] = []

    def end_it(job: TrainingJob) -> None:
        seen.append(job)
        done = service_records.JobStatus.SUCCEEDED
        address.engine.job = service_records.TrainingJob("job-1", done, 1.0, {"auc": 0.75}, "m-3")

    assert client.wait_for_training("job-1", poll=0.001, looked=end_it).model_version == "m-3"
    assert [job.status for job in seen] == ["running", "succeeded"]
    with pytest.raises(TrainingFailed, match="Add 12 labels"):
        client.wait_for_training("job-failed")


def test_models(client: Any) -> None:
    newest, older = client.models()
    metrics = {"auc": 0.9375, "false_positive_rate": 0.125}
    assert newest == fake_engine.MODELS[0]
    assert newest.metrics == metrics
    assert newest.reason == "Taken: it is better."
    assert client.activate_model("m-1") == older


def test_ready(client: Any, address: Address) -> None:
    assert client.ready() is True
    address.engine.not_ready = "Train first."
    assert client.ready() is False


ERRORS = [
    (service_errors.NotFound("No."), NotFound),
    (service_errors.Conflict("Other content."), Conflict),
    (service_errors.TooLarge("Too large."), TooLarge),
    (service_errors.Overloaded("Full.", retry_after=0), Overloaded),
    (service_errors.ModelNotTrained("Train first."), ModelNotTrained),
    (service_errors.NotEnoughLabels("Add labels."), NotEnoughLabels),
    (service_errors.DeadlineExceeded("Too late."), DeadlineExceeded),
    (service_errors.Unavailable("Stopping."), Unavailable),
    (service_errors.InvalidArgument("query.text is empty.", field="query.text"), InvalidArgument),
]


def test_errors(client: Any, address: Address) -> None:
    for raised, kind in ERRORS:
        address.engine.failures["score"] = raised
        with pytest.raises(kind) as caught:
            client.score(GROUPS)
        assert type(caught.value) is kind
        assert (caught.value.code, caught.value.message) == (raised.code, raised.message)
        assert caught.value.details == raised.details


def test_an_internal_error_names_its_reference(client: Any, address: Address) -> None:
    address.engine.failures["memory_status"] = ZeroDivisionError("secret")
    with pytest.raises(Internal, match="look for reference") as caught:
        client.memory()
    assert "secret" not in str(caught.value)


def test_what_the_service_refuses_names_the_field(client: Any) -> None:
    with pytest.raises(InvalidArgument) as caught:
        client.score([Group(Query("?"), [Rollout("r", label=3)])])
    assert caught.value.details["field"] == "groups[0].rollouts[0].label"


@pytest.mark.parametrize(
    "group",
    [
        Group(Query("?"), [Rollout("r", label="high")]),  # type: ignore[arg-type]
        Group(Query(7), [Rollout("r")]),  # type: ignore[arg-type]
        Group(Query("?"), ["r"]),  # type: ignore[list-item]
        Group(Query("?"), [Rollout("r", behaviour=["v1"])]),
        Group(Query("?"), [Rollout("r", behaviour=[[1]])]),  # type: ignore[list-item]
        Group(Query("?"), [Rollout("r", behaviour=7)]),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_written_is_an_invalid_argument(group: Group, client: Any) -> None:
    with pytest.raises(InvalidArgument):
        client.score([group])


@pytest.mark.parametrize("kind", KINDS)
def test_keys(kind: str) -> None:
    with serving(api_keys="k-1") as address:
        url = url_of(address, kind)
        with caller(kind, url, "k-1") as client:
            assert len(client.models()) == 2
            assert client.ready()
        with caller(kind, url, "wrong") as client, pytest.raises(Unauthenticated, match="API key is wrong"):
            client.models()
        with caller(kind, url.replace("://", "://any:k-1@")) as client:
            assert len(client.models()) == 2
            assert "k-1" not in f"{client.url} {client!r}"


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_there(kind: str) -> None:
    url = f"{'grpc' if kind.endswith('grpc') else 'http'}://127.0.0.1:9"
    with caller(kind, url, await_service=False) as client:
        with pytest.raises(Unreachable, match=f"No service is reachable at {url}: start one") as caught:
            client.start_training()
        assert caught.value.sent is False
        with pytest.raises(Unreachable):
            client.ready()
    with caller(kind, url) as client, pytest.raises(DeadlineExceeded, match="There was no answer within"):
        client.memory(deadline=0.3)


def test_a_service_of_grpc_at_a_url_of_http_and_the_other_way_round(address: Address) -> None:
    for url in (f"http://{address.grpc}", address.http.replace("http", "grpc")):
        with caller("http", url, **IMPATIENT) as client, pytest.raises((NotMemReward, Unreachable)):
            client.memory()


def test_an_answer_that_does_not_come_in_time(client: Any, address: Address) -> None:
    async def gate() -> asyncio.Event:
        return asyncio.Event()

    address.engine.gate = asyncio.run_coroutine_threadsafe(gate(), address.loop).result()
    try:
        with pytest.raises(DeadlineExceeded, match="did not answer in time"):
            client.score(GROUPS, deadline=0.2)
    finally:
        address.loop.call_soon_threadsafe(address.engine.gate.set)
