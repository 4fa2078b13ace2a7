"""A query of a rollout file becomes records of the client, and comes back the same."""

from __future__ import annotations

from memreward_client.files.convert import experience_of, file_query, group_of
from memreward_client.files.rollouts import FileQuery, FileRollout

LINE = FileQuery(
    "Add two numbers.",
    (
        FileRollout("a + b", 0.25, "p", "r-1", "t", "a", "k", "expert", 3, (("v1", "n"), ("xKeyError",))),
        FileRollout("b + a", id="r-2"),
    ),
    "q-1",
    "sums",
    "code",
)


def test_what_is_stored_comes_back_the_same() -> None:
    assert file_query(experience_of(LINE, with_labels=True)) == LINE
    unlabelled = experience_of(LINE, with_labels=False).rollouts[0]
    assert (unlabelled.label, unlabelled.label_source) == (None, None)
    assert unlabelled.behaviour == (("v1", "n"), ("xKeyError",))


def test_a_group_to_score_has_the_behaviour_of_its_programs() -> None:
    group = group_of(LINE, "0", with_labels=False)
    assert [rollout.behaviour for rollout in group.rollouts] == [(("v1", "n"), ("xKeyError",)), None]
    assert [rollout.label for rollout in group.rollouts] == [None, None]
