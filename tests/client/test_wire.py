"""Records to JSON: what is left out, and numbers of other libraries."""

from __future__ import annotations

import json

import numpy as np
import pytest

from memreward_client import wire
from memreward_client.records import Query, Rollout, Submission


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
