"""A plain reward function for verl, where the reward manager of manager.py cannot be used.

    reward.custom_reward_function.path=pkg://memreward_trainer.verl.functions
    +reward.custom_reward_function.reward_kwargs.url=http://127.0.0.1:8080

verl passes such a function neither the group of a rollout nor its siblings. So every rollout is scored as a group of
one, which leaves the service without its best evidence, agreement: prefer the reward manager.

A row of a validation gets the true reward of verl's own reward functions and is never sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memreward_client import Group, Query, Rollout
from memreward_trainer.adapter.connection import Connection, async_client, known_domain
from memreward_trainer.adapter.outcomes import rewards, score_groups
from memreward_trainer.adapter.query_text import query_text
from memreward_trainer.adapter.unscored import Tally, UnscoredRule

QUERY_FIELDS = ("question", "prompt", "problem", "query")
"""Where extra_info holds the text of the query, looked at in this order."""
TALLY = Tally()
"""Of this process."""


async def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    *,
    url: str | None = None,
    api_key: str | None = None,
    on_unscored: object = "raise",
    domain: str | None = None,
    query_field: str | None = None,
    training_splits: Sequence[str] | None = ("train",),
    deadline_seconds: float = 600.0,
    reward_router_address: str | None = None,  # noqa: ARG001 (of verl, where it serves a reward model)
    reward_model_tokenizer: Any = None,  # noqa: ARG001
) -> Any:
    """The reward of one rollout: {"score", "probability", "status", "source", "model_version"}.

    Of a validation row: what verl's default_compute_score gives. The options stand under
    reward.custom_reward_function.reward_kwargs.

    Args:
        data_source: the name of the data set in memory, too.
        solution_str: the response.
        ground_truth: the reference answer; only validation rows need it.
        extra_info: has the text of the query, and the split.
        url: http(s):// or grpc(s)://; else MEMREWARD_URL.
        api_key: else MEMREWARD_API_KEY.
        on_unscored: raise, on which verl leaves the rollout out, or the number to give instead.
        domain: math, qa, code or text; else the service goes by the name of the data set.
        query_field: key of extra_info with the text of the query; else one of QUERY_FIELDS.
        training_splits: the values of extra_info["split"] that are for training; None: there is no validation.
        deadline_seconds: longest time for one rollout.

    Raises:
        NotScored: there is no reward, and none is stated for this case.
        MemRewardError: the set-up has to be corrected: a wrong key, no trained model.
        ValueError: an option cannot be, or extra_info lacks the query or the split.
    """
    rule = UnscoredRule.parse(on_unscored, can_mask=False)
    if training_splits is not None and _split(extra_info) not in training_splits:
        from verl.utils.reward_score import default_compute_score

        return default_compute_score(data_source, solution_str, ground_truth, extra_info)
    query = Query(_query_text(extra_info, query_field), domain=known_domain(domain), dataset=str(data_source))
    client = async_client(Connection.named(url, api_key))
    found = await score_groups(client, [Group(query, [Rollout(solution_str)])], float(deadline_seconds))
    return {"score": rewards(found, rule, TALLY)[0]} | found[0].provenance()


def _split(extra_info: Mapping[str, Any] | None) -> str:
    """Raises ValueError where the row does not say its split."""
    split = (extra_info or {}).get("split")
    if split is None:
        raise ValueError(
            "A row has no extra_info['split'], so nobody knows whether it is for training or for validation, which "
            "is never scored by prediction: add it, or set training_splits to null where there is no validation."
        )
    return str(split)


def _query_text(extra_info: Mapping[str, Any] | None, query_field: str | None) -> str:
    """Raises ValueError where extra_info does not hold the text of the query."""
    names = (query_field,) if query_field else QUERY_FIELDS
    prompt = next((found for name in names if (found := (extra_info or {}).get(name)) is not None), None)
    if prompt is None:
        raise ValueError(
            f"extra_info holds no text of the query (looked at {', '.join(names)}): add it to the data set, name its "
            "key by query_field, or use the reward manager memreward_trainer.verl.manager, which has the prompt."
        )
    return query_text(prompt)
