"""The text under which memory knows a query, out of the prompts that trainers carry.

Memory is searched by what is asked, so a system message, which is the same for all queries of a run, stays out of the
text: two prompts that differ only in it are the same query.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def query_text(prompt: str | Iterable[Mapping[str, Any]]) -> str:
    """What a prompt asks: a plain prompt as it is; of a chat the user's message, or all turns where there are several.

    A chat of one turn is the bare text of its user message, as it stands in rollout files. A longer chat becomes one
    line `role: text` a turn, without the system message. Of a message made of parts, the text parts count.

    Raises:
        ValueError: the prompt holds no text.
    """
    text = conversation_text(prompt)
    if not text.strip():
        raise ValueError(f"The prompt {prompt!r} holds no text to ask about: give it a user message.")
    return text


def conversation_text(conversation: str | Iterable[Mapping[str, Any]]) -> str:
    """The text of a prompt or a response, by the same rule; it may be blank."""
    if isinstance(conversation, str):
        return conversation
    turns = [(str(message["role"]), _content(message["content"])) for message in conversation]
    spoken = [(role, content) for role, content in turns if role != "system"]
    if len(spoken) == 1:
        return spoken[0][1]
    return "\n".join(f"{role}: {content}" for role, content in spoken)


def _content(content: Any) -> str:
    """The text of a message: a string, or parts such as {"type": "text", "text": ...} of which others are left out."""
    if isinstance(content, str):
        return content
    parts = [part if isinstance(part, str) else str(part.get("text") or "") for part in content or ()]
    return "\n".join(part for part in parts if part)
