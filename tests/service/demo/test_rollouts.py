"""The demo's rollouts: true by construction, wrong like people, and as hard as real ones."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from random import Random
from statistics import correlation

import pytest
from sklearn.metrics import roc_auc_score

from memreward_client.files.rollouts import FileQuery, read_rollout_file
from memreward_service.demo.rollouts import draw_rollouts, write_demo_files
from memreward_service.demo.simulated_policy import POLICIES, draw_mistake, work
from memreward_service.demo.templates import TEMPLATES
from memreward_service.demo.word_problems import Mistake, Step, WordProblem, calculate, draw_problem

ROSES = WordProblem(
    "A path of 30 metres has a rose every 5 metres and at both ends. How many?",
    {"a": 30, "b": 5},
    (Step("gaps", "/", "a", "b"), Step("roses", "+", "gaps", "1")),
    0.0,
    Mistake("forgets_step", 1),
)


def answers(query: FileQuery) -> list[str]:
    return [re.findall(r"-?\d+", rollout.response)[-1] for rollout in query.rollouts]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.steps[-1].name)
def test_problems_come_out_even_and_never_negative(template: object) -> None:
    random = Random(1)
    for _ in range(200):
        problem = draw_problem(random, template)  # type: ignore[arg-type]
        assert "{" not in problem.text
        for number in problem.numbers.values():
            assert str(number) in problem.text
            assert number > 0
        values = dict(problem.numbers)
        for step in problem.steps:
            left = int(step.left) if step.left.isdigit() else values[step.left]
            right = int(step.right) if step.right.isdigit() else values[step.right]
            assert step.operation != "/" or left % right == 0
            values[step.name] = calculate(step.operation, left, right)
            assert values[step.name] > 0
        assert problem.answer == values[problem.steps[-1].name]


def test_the_known_answer() -> None:
    assert ROSES.answer == 7
    assert [line.value for line in work(ROSES, [])] == [6, 7]


@pytest.mark.parametrize(
    ("mistake", "answer"),
    [
        (Mistake("forgets_step", 1), 6),
        (Mistake("forgets_step", 0), 31),
        (Mistake("wrong_operation", 0), 151),
        (Mistake("wrong_operation", 1), 5),
        (Mistake("slip", 0, -2), 5),
        (Mistake("slip", 1, 10), 17),
        (Mistake("off_by_one", 1, -10), 6),
        (Mistake("misreads_number", 0), 6),
        (Mistake("copies_number", 1, -10), 30),
    ],
)
def test_mistakes_do_what_they_are_called(mistake: Mistake, answer: int) -> None:
    assert work(ROSES, [mistake])[-1].value == answer


def test_a_solution_never_forgets_everything() -> None:
    assert len(work(ROSES, [Mistake("forgets_step", 0), Mistake("forgets_step", 1)])) == 1


def test_any_mistake_at_any_step_leaves_a_solution() -> None:
    random = Random(2)
    for template in TEMPLATES * 30:
        problem = draw_problem(random, template)
        assert work(problem, [draw_mistake(problem, random), draw_mistake(problem, random)])


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_every_style_ends_in_the_final_answer(policy: object) -> None:
    random = Random(3)
    for _ in range(50):
        response, answer = policy.respond(ROSES, 0.0, random)  # type: ignore[attr-defined]
        assert re.search(r"(#### |\\boxed\{|A: |The answer is )(-?\d+)\}?\.?$", response)[2] == str(answer)  # type: ignore[index]


def test_labels_say_whether_the_answer_is_true() -> None:
    queries = draw_rollouts(seed=0)
    assert len(queries) == 300
    assert len({query.query for query in queries}) == 300
    assert len({query.id for query in queries}) == 300
    for query in queries:
        assert len(query.rollouts) == 8
        right = [float(answer == query.ground_truth) for answer in answers(query)]
        assert [rollout.label for rollout in query.rollouts] == right


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_they_are_as_hard_as_real_ones(seed: int) -> None:
    queries = draw_rollouts(seed)
    labels: list[float] = []
    agreement: list[float] = []
    misled = shared_mistakes = 0
    for query in queries:
        found = answers(query)
        votes = Counter(found)
        labels += [rollout.label or 0.0 for rollout in query.rollouts]
        agreement += [votes[answer] / len(found) for answer in found]
        misled += votes.most_common(1)[0][0] != query.ground_truth
        shared_mistakes += any(n > 1 for answer, n in votes.items() if answer != query.ground_truth)
    assert 0.55 <= sum(labels) / len(labels) <= 0.65
    assert 0.85 <= roc_auc_score(labels, agreement) <= 0.93
    assert 0.1 <= misled / len(queries) <= 0.35
    assert shared_mistakes > 100


def test_better_policies_are_right_more_often() -> None:
    right: Counter[str | None] = Counter()
    for query in draw_rollouts(seed=0):
        right.update(rollout.policy for rollout in query.rollouts if rollout.label)
    shares = [right[policy.name] for policy in POLICIES]
    assert shares == sorted(shares, reverse=True)


def test_files_split_the_queries_and_repeat_for_a_seed(tmp_path: Path) -> None:
    files = write_demo_files(tmp_path / "one", seed=7)
    same = write_demo_files(tmp_path / "two", seed=7)
    other = write_demo_files(tmp_path / "three", seed=8)
    first, second = list(read_rollout_file(files.labelled)), list(read_rollout_file(files.asked))
    assert (len(first), len(second)) == (60, 240)
    assert not {query.id for query in first} & {query.id for query in second}
    assert all(rollout.label is not None for query in (*first, *second) for rollout in query.rollouts)
    for name in ("labelled", "asked", "again"):
        assert getattr(same, name).read_bytes() == getattr(files, name).read_bytes()
        assert getattr(other, name).read_bytes() != getattr(files, name).read_bytes()


def test_a_second_epoch_has_the_same_queries_and_other_rollouts(tmp_path: Path) -> None:
    files = write_demo_files(tmp_path, seed=7)
    first, again = list(read_rollout_file(files.asked)), list(read_rollout_file(files.again))
    for query, later in zip(first, again, strict=True):
        assert (later.id, later.query, later.ground_truth) == (query.id, query.query, query.ground_truth)
        assert [rollout.label for rollout in later.rollouts] == [
            float(answer == query.ground_truth) for answer in answers(later)
        ]
    same = sum(query.rollouts == later.rollouts for query, later in zip(first, again, strict=True))
    assert same == 0
    # A query stays as hard as it was.
    shares = [[sum(r.label or 0 for r in query.rollouts) / 8 for query in queries] for queries in (first, again)]
    assert correlation(*shares) > 0.5
