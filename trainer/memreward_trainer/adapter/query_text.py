"""The text under which memory knows a query, out of the prompts that trainers carry.

The rules are those of the service (answers/templates/prompts.py): a system message, which is the same for all
queries of a run, stays out of the text, and a rendered chat is the same query as its messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from memreward_service.answers.templates import prompts


def query_text(prompt: str | Iterable[Mapping[str, Any]] | None) -> str:
    """What a prompt asks: a plain prompt as it is; of a chat the user's message, or all turns where there are several.

    A chat of one turn is the bare text of its user message, as it stands in rollout files. A longer chat becomes one
    line `role: text` a turn, without the system message. Of a message made of parts, the text parts count.
    It is blank where the prompt holds no text: its rollouts cannot be scored, and those of other prompts are.
    """
    return "" if prompt is None else prompts.query_text(prompt)


def conversation_text(completion: str | Iterable[Mapping[str, Any]] | None) -> str:
    """What the model said in a completion, a text or a list of messages. It is blank where it said nothing, as in a
    message that calls tools, or holds an image."""
    if completion is None or isinstance(completion, str):
        return completion or ""
    return prompts.model_text(completion)
