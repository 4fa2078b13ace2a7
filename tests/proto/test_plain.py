"""Records to JSON and back: what is left out, numbers of other libraries, fields and words of a newer service."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from memreward_proto.plain import plain, record_of
from memreward_proto.records import (
    Domain,
    Experience,
    LabelBudget,
    Query,
    Rollout,
    Scored,
    Status,
    StoredRollout,
    Submission,
)


def written(record: Any) -> Any:
    return json.loads(json.dumps(plain(record)))


def test_what_is_none_is_left_out_and_what_is_empty_is_not() -> None:
    assert written(Query("", dataset="")) == {"text": "", "dataset": ""}
    assert written(Rollout("r", answer_key="", label=0.0)) == {"response": "r", "answer_key": "", "label": 0.0}


def test_numbers_of_numpy_are_numbers() -> None:
    budget = LabelBudget(np.float32(0.5), np.int64(3), 1500)  # type: ignore[arg-type]
    submission = Submission(
        "run", "group", np.int64(3), np.int32(8), Query("?"), Rollout("r", label=np.float32(0.5)), step=np.int64(41),
        label_budget=budget, no_label=np.bool_(True),
    )  # type: ignore[arg-type]  # fmt: skip
    assert written(submission) == {
        "run_id": "run",
        "group_id": "group",
        "rollout_index": 3,
        "group_size": 8,
        "query": {"text": "?"},
        "rollout": {"response": "r", "label": 0.5},
        "step": 41,
        "label_budget": {"share": 0.5, "labels": 3, "deadline_ms": 1500},
        "no_label": True,
    }
    with pytest.raises(TypeError):
        plain(LabelBudget(0.5, 3.5))  # type: ignore[arg-type]


def test_a_behaviour_is_a_list_of_lists() -> None:
    assert written(Rollout("r", behaviour=(("v1", "n"), ["t"])))["behaviour"] == [["v1", "n"], ["t"]]  # type: ignore[arg-type]
    for wrong in ("v1", ["v1"], [["v1"], "n"]):
        with pytest.raises(TypeError, match="where a list belongs"):
            plain(Rollout("r", behaviour=wrong))  # type: ignore[arg-type]


def test_what_is_written_is_read_back_equal() -> None:
    rollouts = (StoredRollout("r", label=0.25, behaviour=(("v1",), ()), id="r-1", step=2**62), StoredRollout(""))
    given = Experience("\ud800?", "q", Domain.MATH, rollouts=rollouts)
    assert record_of(Experience, written(given)) == given


def test_fields_and_words_of_a_newer_service_pass() -> None:
    prediction = {"reward": 1.0, "probability": 0.5, "status": "ok", "source": "oracle", "explanation": None, "new": 1}
    group = {"group_id": "0", "rollouts": [prediction], "neighbors": []}
    scored = record_of(Scored, {"model_version": "m", "memory_version": 3, "groups": [group], "also": {}})
    (told,) = scored.groups[0].rollouts
    assert (told.status, told.source, told.explanation) == (Status.OK, "oracle", None)
    assert isinstance(told.status, Status)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"model_version": "m", "memory_version": 3}, {"model_version": "m", "memory_version": 3, "groups": "none"}],
)
def test_an_answer_of_another_shape_is_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError)):
        record_of(Scored, wrong)
