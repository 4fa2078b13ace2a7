"""One row of verl's DataProto as the rollout it is: which group, which place in it, what was asked and answered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from memreward_client import Query
from memreward_trainer.adapter.connection import known_domain
from memreward_trainer.adapter.query_text import query_text
from memreward_trainer.verl.settings import VerlSettings


@dataclass(frozen=True, slots=True)
class RolloutRow:
    """A training row, read. `step` is the training step; ids are those of verl's V1 trainer. The query is blank where
    the prompt holds no text."""

    group_id: str
    rollout_index: int
    step: int | None
    query: Query

    @classmethod
    def of(cls, row: Any, settings: VerlSettings) -> RolloutRow:
        """The rollout in `row`, one item of a DataProto.

        Raises:
            ValueError: the row does not say which group it belongs to.
        """
        columns = row.non_tensor_batch
        if "uid" not in columns or "session_id" not in columns:
            raise ValueError(
                "verl passed no uid and session_id, so nobody knows which rollouts are of one group: use its V1 "
                "trainer (python -m verl.trainer.main_ppo), or memreward_trainer.verl.functions, which scores singly."
            )
        source = str(columns["data_source"])
        step = columns.get("global_steps")
        return cls(
            group_id=str(columns["uid"]),
            rollout_index=int(columns["session_id"]),
            step=None if step is None else int(step),
            query=Query(
                _query_text(columns, settings),
                domain=known_domain(settings.domains.get(source, settings.domain)),
                dataset=settings.datasets.get(source, source),
            ),
        )


def is_training(row: Any, settings: VerlSettings) -> bool:
    """Whether the service scores this row; verl itself does not mark the rows of a validation.

    Raises:
        ValueError: the row does not say which split it is from.
    """
    if settings.split_field is None:
        return True
    split = column(row.non_tensor_batch, settings.split_field)
    if split is None:
        raise ValueError(
            f"A row has no {settings.split_field}, so nobody knows whether it is for training or for validation, which "
            "is never scored by prediction: give the data set that column, name another by "
            "reward.memreward.split_field, or set that to null where there is no validation."
        )
    return str(split) in settings.training_splits


async def response_text(row: Any, tokenizer: Any) -> str:
    """The response, decoded in a thread."""
    responses = row.batch["responses"]  # (response_length,), padded at the end
    length = row.non_tensor_batch.get("response_len")
    if length is None:
        length = row.batch["attention_mask"][-responses.shape[-1] :].sum()
    text: str = await asyncio.to_thread(tokenizer.decode, responses[: int(length)], skip_special_tokens=True)
    return text


def column(columns: Any, path: str) -> Any:
    """The value at a dotted path such as extra_info.split; None where a part of it is absent."""
    value: Any = columns
    for name in path.split("."):
        if not hasattr(value, "get"):
            return None
        value = value.get(name)
    return value


def _query_text(columns: Any, settings: VerlSettings) -> str:
    if settings.query_field is None:
        return query_text(columns["raw_prompt"])
    text = column(columns, settings.query_field)
    if not isinstance(text, str):
        raise ValueError(f"A row has no text at {settings.query_field}: correct reward.memreward.query_field.")
    return query_text(text)
