from pathlib import Path

import pytest

from memreward_client.files.rollouts import FileQuery, FileRollout, write_rollout_file
from memreward_proto.errors import InvalidArgument
from memreward_trainer.evaluation.splits import flat, labelled_queries, queries_split, rollouts_split

POLICIES = ("openai-6b", "openai-175b", "gpt-4o", "text-davinci-003-cot")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """20 queries with a rollout of each policy, right in turn, and one unlabelled rollout."""
    path = tmp_path / "rollouts.jsonl.gz"
    queries = [
        FileQuery(
            query=f"What is {n} + 1?",
            rollouts=(
                *(FileRollout(f"A: {n + place}", float(place == 1), policy) for place, policy in enumerate(POLICIES)),
                FileRollout("A: 7", None, "openai-6b"),
            ),
            id=f"q{n}",
            dataset="gsm8k",
        )
        for n in range(20)
    ]
    write_rollout_file(path, queries)
    return path


def test_setting_of_eight_takes_the_policies_of_the_data_set(file: Path) -> None:
    chosen = labelled_queries(file, 8, None)
    assert [r.policy for r in chosen[0].rollouts] == ["openai-6b", "openai-175b", "text-davinci-003-cot"]
    assert chosen[0].domain == "math"


def test_other_numbers_take_the_first_labelled_rollouts(file: Path) -> None:
    assert [r.policy for r in labelled_queries(file, 2, None)[0].rollouts] == ["openai-6b", "openai-175b"]
    assert len(labelled_queries(file, None, None)[0].rollouts) == 4


def test_named_policies_may_be_patterns_and_an_unknown_one_is_an_error(file: Path) -> None:
    assert {r.policy for r in labelled_queries(file, None, ["gpt-*"])[0].rollouts} == {"gpt-4o"}
    with pytest.raises(InvalidArgument, match="0 queries"):
        labelled_queries(file, None, ["nobody"])


def test_regime_queries_labels_whole_queries_and_asks_the_others(file: Path) -> None:
    split = queries_split(labelled_queries(file, None, None), 0.2, seed=3)
    memory, asked = {e.id for e in split.memory}, {e.id for e in split.asked}
    assert len(memory) == 4
    assert len(asked) == 16
    assert not memory & asked
    assert split.labels_spent == pytest.approx(0.2)
    assert all(s.label is not None for e in split.memory for s in e.rollouts)
    assert all(s.label is None for e in split.asked for s in e.rollouts)
    assert flat(split.hidden).all()
    assert flat(split.truth).sum() == 16


def test_regime_rollouts_shows_the_budget_and_hides_the_rest(file: Path) -> None:
    queries = labelled_queries(file, None, None)
    split = rollouts_split(queries, 0.25, seed=3)
    shown = [s.label is not None for e in split.memory for s in e.rollouts]
    assert sum(shown) == 20
    assert split.labels_spent == pytest.approx(0.25)
    assert [s.label is not None for e in split.asked for s in e.rollouts] == shown
    assert flat(split.hidden).tolist() == [float(not seen) for seen in shown]
    truth = [s.label for e in queries for s in e.rollouts]
    assert flat(split.truth).tolist() == truth


def test_splits_depend_on_the_seed_alone(file: Path) -> None:
    queries = labelled_queries(file, None, None)
    assert queries_split(queries, 0.3, 1) == queries_split(queries, 0.3, 1)
    assert queries_split(queries, 0.3, 1) != queries_split(queries, 0.3, 2)


def test_behaviours_of_the_file_are_kept(tmp_path: Path) -> None:
    told = (("va", "xError"),)
    queries = [
        FileQuery(query=f"Write {n}.", rollouts=(FileRollout("def f(): pass", 1.0, behaviour=told),), domain="code")
        for n in range(2)
    ]
    write_rollout_file(tmp_path / "programs.jsonl", queries)
    kept = labelled_queries(tmp_path / "programs.jsonl", None, None)
    assert [stored.behaviour for one in kept for stored in one.rollouts] == [told, told]
