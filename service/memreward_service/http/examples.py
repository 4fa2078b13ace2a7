"""Requests, answers and errors shown on /docs. Every request here is one that the service takes as it
stands."""

from __future__ import annotations

from memreward_proto.errors import (
    Conflict,
    Internal,
    InvalidArgument,
    MemRewardError,
    ModelNotTrained,
    NotEnoughLabels,
    NotFound,
    NotScored,
    Overloaded,
    TooLarge,
    Unauthenticated,
    Unavailable,
)  # fmt: skip
from memreward_service.error_objects import ErrorReply, error_object

QUESTION = "Tom has 3 boxes with 12 pencils each and gives 9 pencils away. How many are left?"

REWARDS = {
    "groups": [
        {
            "group_id": "step-7/prompt-0",
            "query": {"text": QUESTION, "dataset": "gsm8k"},
            "rollouts": [
                {"response": "3 * 12 = 36 pencils, 36 - 9 = 27. #### 27"},
                {"response": "12 * 3 is 36. Less 9 makes 27. #### 27", "label": 1.0},
                {"response": "3 + 12 = 15, 15 - 9 = 6. #### 6"},
            ],
        }
    ],
    "explain": True,
}
SCORED = {
    "model_version": "m-0003",
    "memory_version": 412,
    "groups": [
        {
            "group_id": "step-7/prompt-0",
            "rollouts": [
                {
                    "reward": 1.0,
                    "probability": 0.97,
                    "status": "ok",
                    "source": "gnn",
                    "explanation": {
                        "answer": "27",
                        "answer_key": "27",
                        "agreement": 0.67,
                        "same_key_right": 1,
                        "same_key_wrong": 0,
                        "earlier_right": 0,
                        "earlier_wrong": 0,
                        "last_labelled_step": None,
                        "earlier_votes": 5,
                        "earlier_rollouts": 8,
                        "own_probability": 0.83,
                        "summary": "Labelled right in its group; 5 of 8 earlier rollouts say the same; "
                        "2 of 3 of its group agree; network 0.83.",
                    },
                }
            ],
            "neighbors": [{"query_id": "q-5d2f", "similarity": 0.71, "text": "Ann has 4 bags of 6 apples …"}],
        }
    ],
}
LABEL_PLAN = {
    "groups": [
        {
            "group_id": "step-7/prompt-0",
            "query": {"text": QUESTION, "dataset": "gsm8k"},
            "rollouts": [
                {"response": "3 + 12 = 15, 15 - 9 = 6. #### 6", "label": 0.0},
                {"response": "12 + 3 is 15. Less 9 makes 6. #### 6"},
                {"response": "3 * 12 = 36 pencils, 36 - 9 = 27. #### 27"},
            ],
        }
    ],
    "budget": 4,
    "run_id": "grpo-2031",
    "step": 7,
    "label_budget": {"share": 0.17, "labels": 5_000},
}
PLANNED_LABELS = {
    "model_version": "m-0003",
    "memory_version": 412,
    "plan": [{"group_id": "step-7/prompt-0", "rollout_index": 2, "reason": "second_answer", "gain": 0.38}],
    "sample": [],
}
ROLLOUT = {
    "run_id": "grpo-2031",
    "group_id": "step-7/prompt-0",
    "rollout_index": 5,
    "group_size": 8,
    "step": 7,
    "query": {"text": QUESTION, "dataset": "gsm8k"},
    "rollout": {"response": "3 * 12 = 36 pencils, 36 - 9 = 27. #### 27"},
    "deadline_ms": 30_000,
    "allow_partial": True,
    "label_budget": {"share": 0.17, "labels": 5_000, "deadline_ms": 60_000},
}
ROLLOUT_REWARD = {
    "run_id": "grpo-2031",
    "group_id": "step-7/prompt-0",
    "group_attempt": 0,
    "rollout_index": 5,
    "group_size": 8,
    "rollouts_present": 8,
    "partial": False,
    "reward": 1.0,
    "probability": 0.97,
    "status": "ok",
    "source": "gnn",
    "model_version": "m-0003",
    "memory_version": 412,
    "label_request": None,
    "reason": None,
}
ROLLOUT_REQUESTED = {
    **ROLLOUT_REWARD,
    **dict.fromkeys(("reward", "probability", "source", "model_version", "memory_version")),
    "status": "label_requested",
    "label_request": {"reason": "majority_answer", "gain": 0.93},
}
ROLLOUT_ANSWERS = {
    "ok": {"value": ROLLOUT_REWARD},
    "label_requested": {
        "value": ROLLOUT_REQUESTED,
        "summary": "Verify the rollout, and send it again with its label, or with no_label",
    },
}
LABEL_SPENDING = {
    "run_id": "grpo-2031",
    "rollouts": 2_048,
    "labels": 331,
    "steps": [{"step": 6, "rollouts": 1_024, "labels": 174}, {"step": 7, "rollouts": 1_024, "labels": 157}],
}
PRUNE = {"dry_run": True, "rollouts_per_query": 16, "days": 30}
PRUNED = {
    "dry_run": True,
    "queries": 7_473,
    "rollouts": 478_272,
    "bytes": 411_313_920,
    "reasons": [{"reason": "rollouts_per_query", "rollouts": 478_272, "bytes": 411_313_920}],
}
EXPERIENCE = {
    "queries": [
        {
            "id": "gsm8k-17",
            "text": QUESTION,
            "domain": "math",
            "dataset": "gsm8k",
            "rollouts": [
                {
                    "response": "36 - 9 = 27. #### 27",
                    "label": 1.0,
                    "label_source": "verifier",
                    "policy": "qwen3-4b",
                },
                {"id": "gsm8k-17-b", "response": "15 - 9 = 6. #### 6", "policy": "qwen3-4b", "step": 7},
            ],
        },
        {
            "id": "humaneval-53",
            "text": "def add(x: int, y: int):\n    # Add two numbers x and y",
            "domain": "code",
            "rollouts": [
                {
                    "response": "def add(x, y):\n    return x + int(y)",
                    "behaviour": [["v5c1f0a9d2e", "v0b6e4c7a18"], ["v77d03be915", "xValueError"]],
                }
            ],
        },
    ]
}
LABELS = {"labels": [{"rollout_id": "gsm8k-17-b", "label": 0.0, "source": "expert"}]}
TRAINING = {"seeds": 3, "epochs": 60}

_PROMPT = f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
OPENRLHF = {"query": [_PROMPT + "36 - 9 = 27. #### 27<|im_end|>"], "prompts": [_PROMPT], "labels": ["27"]}
OPENRLHF_REWARDS = {
    "rewards": [1.0],
    "scores": [1.0],
    "extra_logs": {"memreward_scored": [1.0], "memreward_from_label": [0.0]},
}
SLIME = {"prompt": QUESTION, "response": "36 - 9 = 27. #### 27", "label": "27"}
GYM = {
    "responses_create_params": {"input": [{"role": "user", "content": QUESTION}]},
    "response": {
        "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "#### 27"}]}]
    },
    "memreward": {"dataset": "gsm8k", "group_size": 8, "allow_partial": True},
    "_ng_group_id": "step-7/prompt-0",
    "_ng_group_attempt": 0,
    "_ng_rollout_index": 5,
}
GYM_VERIFIED = {
    **GYM,
    "reward": 1.0,
    "memreward_result": {"status": "ok", "probability": 0.97, "source": "gnn", "reason": None},
}
GYM_METRICS = {"verify_responses": [{"_ng_task_index": 0, "reward": 1.0}]}

ERRORS: tuple[MemRewardError, ...] = (
    InvalidArgument(
        "groups[0].rollouts[2].label is 1.5: a label is a number from 0 (wrong) to 1 (right).",
        field="groups[0].rollouts[2].label",
        given="1.5",
    ),
    Unauthenticated("The API key is wrong: send Authorization: Bearer <key> with a key of the service."),
    NotFound("There is no query gsm8k-99: GET /v1/experience lists what is stored.", id="gsm8k-99"),
    Conflict(
        "A training job is running: wait for it, GET /v1/training/job-4 says when it is done.",
        job_id="job-4",
    ),
    TooLarge("The body is larger than 67108864 bytes: split the request.", limit=67108864),
    Overloaded("All 64 places are taken: try again in 1 s.", retry_after=1.0, limit=64),
    ModelNotTrained("There is no model yet: add labelled experience, then POST /v1/training."),
    NotEnoughLabels("Training needs 40 labelled rollouts and there are 12: add labels.", needed=40, given=12),
    NotScored(
        "Rollout 0 could not be scored (invalid) and this format has no word for that: set MEMREWARD_UNSCORED_REWARD "
        "to the number that such rollouts are to get.",
        rollout_index=0,
        status="invalid",
    ),
    Unavailable("The service is shutting down: send the request again when it is back."),
    Internal(
        "Something went wrong inside the service: look for reference 3f0c9a1b77de in its log.",
        reference="3f0c9a1b77de",
    ),
)
"""One real error of each code that HTTP answers with."""

ALWAYS: tuple[type[MemRewardError], ...] = (InvalidArgument, Unauthenticated, Internal)
"""The errors that every route of /v1 may answer with."""


def body_example(example: object) -> dict[str, object]:
    """The OpenAPI `openapi_extra` of a route that shows one body."""
    return {"requestBody": {"content": {"application/json": {"example": example}}}}


def error_responses(*kinds: type[MemRewardError]) -> dict[int | str, dict[str, object]]:
    """The OpenAPI `responses` of a route that may raise `kinds` besides those of every route."""
    responses: dict[int | str, dict[str, object]] = {}
    shown = [error for error in ERRORS if isinstance(error, ALWAYS + kinds)]
    for status in sorted({error.http_status for error in shown}):
        examples = {
            error.code: {"value": {"error": error_object(error)}} for error in shown if error.http_status == status
        }
        responses[status] = {
            "model": ErrorReply,
            "description": " or ".join(examples),
            "content": {"application/json": {"examples": examples}},
        }
    return responses
