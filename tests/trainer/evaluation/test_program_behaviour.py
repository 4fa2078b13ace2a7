"""Programs of a rollout file are run once, and compared by what they did."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from memreward_proto.errors import InvalidArgument
from memreward_proto.records import Domain, Experience, Rollout, StoredRollout, fields_of
from memreward_service.store import with_ids
from memreward_trainer.evaluation.program_behaviour import Behaviour, SandboxRunner, with_behaviour
from memreward_trainer.evaluation.splits import queries_split

QUERY = 'def largest(numbers: list[int]) -> int:\n    """The largest."""\n'
RIGHT, ALSO_RIGHT = "def largest(xs): return max(xs)", "def largest(xs): return sorted(xs)[-1]"
WRONG = "def largest(xs): return xs[-1]"


class Counted:
    """A runner whose programs do what their text says; one of them is never given time."""

    def __init__(self, revision: str = "one") -> None:
        self.revision = revision
        self.ran: list[str] = []

    async def behaviour(self, query: str, rollout: Rollout) -> Behaviour | None:
        self.ran.append(rollout.response)
        return None if rollout.response == "starved" else ((f"v{query}{rollout.response}",),)


def experience(*rollouts: Rollout, domain: Domain = Domain.CODE, text: str = "Write f.") -> Experience:
    return with_ids(
        [
            Experience(
                text,
                "",
                domain,
                rollouts=tuple(StoredRollout(**fields_of(one), label_source="verifier") for one in rollouts),
            )
        ]
    )[0]


def told(*queries: Experience, runner: Counted, folder: Path) -> tuple[list[Behaviour | None], int]:
    done = [0]
    found = with_behaviour(queries, runner, folder, lambda more: done.append(done.pop() + more))
    return [stored.behaviour for one in found for stored in one.rollouts], done[0]


def test_programs_are_run_once_and_kept(tmp_path: Path) -> None:
    query, runner = experience(Rollout("a", label=1.0), Rollout("b"), Rollout("a")), Counted()
    expected = ([(("vWrite f.a",),), (("vWrite f.b",),), (("vWrite f.a",),)], 2)
    assert told(query, runner=runner, folder=tmp_path) == expected
    assert sorted(runner.ran) == ["a", "b"]
    again = Counted()
    assert told(query, runner=again, folder=tmp_path) == expected
    assert again.ran == []


def test_other_inputs_another_query_and_another_answer_are_run_again(tmp_path: Path) -> None:
    told(experience(Rollout("a")), runner=Counted(), folder=tmp_path)
    newer, other = Counted("two"), Counted()
    told(experience(Rollout("a")), runner=newer, folder=tmp_path)
    told(experience(Rollout("a"), text="Write g."), experience(Rollout("a", answer="b")), runner=other, folder=tmp_path)
    assert newer.ran == ["a"]
    assert other.ran == ["a", "a"]


def test_only_programs_that_would_be_compared_by_their_text_are_run(tmp_path: Path) -> None:
    given: Behaviour = (("vmine",),)
    code = experience(Rollout("a", answer_key="k"), Rollout("b", behaviour=given), Rollout("c"))
    runner = Counted()
    found, _ = told(code, experience(Rollout("d"), domain=Domain.MATH), runner=runner, folder=tmp_path)
    assert found == [None, given, (("vWrite f.c",),), None]
    assert runner.ran == ["c"]


def test_what_could_not_be_found_out_is_tried_again(tmp_path: Path) -> None:
    runner = Counted()
    for _ in range(2):
        assert told(experience(Rollout("starved")), runner=runner, folder=tmp_path) == ([None], 1)
    assert runner.ran == ["starved"] * 2
    with sqlite3.connect(tmp_path / "behaviours.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM behaviour").fetchone() == (0,)
    database.close()


def test_a_split_that_hides_labels_keeps_behaviours(tmp_path: Path) -> None:
    queries = with_behaviour(
        [experience(Rollout("a", label=1.0), text=f"Write {n}.") for n in range(4)], Counted(), tmp_path, lambda _: None
    )
    split = queries_split(queries, 0.5, seed=0)
    for one in (*split.memory, *split.asked):
        assert one.rollouts[0].behaviour == ((f"v{one.text}a",),)
    assert all(one.rollouts[0].label is None for one in split.asked)


def test_real_programs_run_in_the_sandbox(tmp_path: Path) -> None:
    query = experience(*map(Rollout, (RIGHT, ALSO_RIGHT, WRONG)), text=QUERY)
    (found,) = with_behaviour([query], SandboxRunner(), tmp_path, lambda _: None)
    first, second, third = (stored.behaviour for stored in found.rollouts)
    assert first is not None
    assert first == second != third


def test_without_a_sandbox_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memreward_trainer.sandbox.sandbox.missing_part", lambda _: "It is not there.")
    with pytest.raises(InvalidArgument, match=r"not there.*--no-behaviour"):
        with_behaviour([experience(Rollout(RIGHT), text=QUERY)], SandboxRunner(), tmp_path, lambda _: None)
