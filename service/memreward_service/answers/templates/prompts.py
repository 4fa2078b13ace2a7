"""What a prompt asks: the text under which memory knows a query.

A trainer's prompt is that text as it is, a list of messages, or a chat that a model's template has rendered. Of a chat,
the user's message is what was asked; several turns become one line `role: text` each. A system message, the same for
all queries of a run, does not count; nor do the tokens that hold the place of a picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from memreward_service.answers.templates.chat_templates import MODEL_ROLES, PADS, UNSPOKEN_ROLES, WORD_PADS
from memreward_service.answers.templates.turns import LONGEST, rendered_turns

_TEXT_PARTS = frozenset({"text", "input_text", "output_text", "summary_text", "reasoning_text"})
_ANGLED = "|".join(re.escape(pad[1:]) for pad in PADS if pad.startswith("<"))
_PAD = (
    rf"<(?=[|A-Za-z])(?:{_ANGLED}|\|(?:image|audio|video)_\d{{1,3}}\|>|row_\d{{1,2}}_col_\d{{1,2}}>)"
    r"|\[IMG(?:_BREAK|_END)?\]"
)
_PADS = re.compile(_PAD)
_LONE_PADS = re.compile(
    rf"^[ \t]*+(?:(?:{'|'.join(map(re.escape, WORD_PADS))})[ \t]*+)++$\n?|^(?:<image>)++|(?<!<image>)(?:<image>)++$",
    re.MULTILINE,
)
GAP = re.compile(rf"\s++|{_PAD}|<(?=[/aiv])(?:{'|'.join(re.escape(pad[1:]) for pad in WORD_PADS)})")
"""What decoding may change in a prompt: blanks, and how many tokens hold the place of a picture."""


def query_text(prompt: str | Iterable[Mapping[str, Any]]) -> str:
    """What a prompt asks; blank where there is no text in it."""
    if isinstance(prompt, str):
        turns = rendered_turns(prompt)
        return _spoken([(turn.role, turn.text) for turn in turns]) if turns else without_pads(prompt)
    return _spoken([(str(message.get("role", "")), message_text(message.get("content"))) for message in prompt])


def message_text(content: Any) -> str:
    """The text of a message: a string, or parts such as {"type": "text", "text": …} of which others are left out."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return _part_text(content)
    parts = content if isinstance(content, Iterable) and not isinstance(content, bytes) else ()
    return "\n".join(text for part in parts if (text := _part_text(part)))


def model_text(messages: Iterable[Mapping[str, Any]]) -> str:
    """What the model said in a list of messages: a user's or a tool's message is no part of it."""
    said = (message_text(each.get("content")) for each in messages if each.get("role", "assistant") in MODEL_ROLES)
    return "\n".join(said)


def without_pads(text: str) -> str:
    """The text without the tokens that hold the place of pictures, films and sounds."""
    if len(text) > LONGEST or ("<" not in text and "[IMG" not in text):
        return text
    kept = _LONE_PADS.sub("", _PADS.sub("", text))
    return text if len(kept) == len(text) else kept.strip()


def _part_text(part: Any) -> str:
    if isinstance(part, str):
        return part
    known = isinstance(part, Mapping) and part.get("type", "text") in _TEXT_PARTS
    return str(part["text"]) if known and part.get("text") is not None else ""


def _spoken(turns: Sequence[tuple[str, str]]) -> str:
    spoken = [(role.lower(), without_pads(text)) for role, text in turns if role.lower() not in UNSPOKEN_ROLES]
    spoken = [(role, text) for role, text in spoken if text.strip()]
    if len(spoken) == 1:
        return spoken[0][1]
    return "\n".join(f"{'assistant' if role in MODEL_ROLES else role}: {text}" for role, text in spoken)
