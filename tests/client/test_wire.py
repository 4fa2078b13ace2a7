"""Records to JSON: what is left out, and numbers of other libraries."""

from __future__ import annotations

import json

import numpy as np
import pytest

from memreward_client import wire
from memreward_client.records import LabelBudget, Query, Rollout, Submission


def test_what_is_none_is_left_out_and_what_is_empty_is_not() -> None:
    assert wire.query_json(Query("", dataset="")) == {"text": "", "dataset": ""}
    assert wire.rollout_json(Rollout("r", answer_key="", label=0.0)) == {
        "response": "r",
        "answer_key": "",
        "label": 0.0,
    }


def test_numbers_of_numpy_are_numbers() -> None:
    submission = Submission(
        "run", "group", np.int64(3), np.int32(8), Query("?"), Rollout("r", label=np.float32(0.5)), step=np.int64(41)
    )  # type: ignore[arg-type]
    written = json.loads(json.dumps(wire.submission_json(submission, 2.5, True)))
    assert (written["rollout_index"], written["group_size"], written["step"]) == (3, 8, 41)
    assert (written["rollout"]["label"], written["deadline_ms"], written["group_attempt"]) == (0.5, 2500, 0)
    with pytest.raises(TypeError):
        wire.whole(3.5)


def test_a_label_budget_is_left_out_where_there_is_none() -> None:
    plain = Submission("run", "group", 0, 8, Query("?"), Rollout("r"))
    assert {"label_budget", "no_label"}.isdisjoint(wire.submission_json(plain, 1, False))
    budget = LabelBudget(np.float32(0.5), np.int64(3), 1.5)  # type: ignore[arg-type]
    asked = Submission("run", "group", 0, 8, Query("?"), Rollout("r"), label_budget=budget, no_label=True)
    written = json.loads(json.dumps(wire.submission_json(asked, 1, False)))
    assert written["label_budget"] == {"share": 0.5, "labels": 3, "deadline_ms": 1500}
    assert written["no_label"] is True
    assert wire.label_budget_json(LabelBudget(1)) == {"share": 1.0, "deadline_ms": 60_000}


def test_a_behaviour_is_a_list_of_lists() -> None:
    assert wire.rollout_json(Rollout("r", behaviour=(("v1", "n"), ["t"])))["behaviour"] == [["v1", "n"], ["t"]]
    for wrong in ("v1", ["v1"], [["v1"], "n"]):
        with pytest.raises(TypeError, match="list of lists"):
            wire.rollout_json(Rollout("r", behaviour=wrong))
