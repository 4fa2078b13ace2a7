"""Prompts and responses as trainers carry them, back to the plain texts that memory knows.

Memory is searched by what was asked. A trainer's prompt is that text as it is, a list of messages, or a chat that a
model's template has rendered; of a chat, the user's message is what was asked. A system message, the same for all
queries of a run, does not count, and several turns become one line `role: text` each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_TEMPLATES = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        # ChatML: Qwen, Yi, InternLM and others
        r"<\|im_start\|>[ \t]*(?P<role>\w+)\n(?P<text>.*?)(?=<\|im_end\|>|<\|im_start\|>|\Z)",
        # Llama 3 and 4
        r"<\|(?:start_header_id|header_start)\|>(?P<role>\w+)<\|(?:end_header_id|header_end)\|>"
        r"(?P<text>.*?)(?=<\|(?:eot_id|eot|start_header_id|header_start)\|>|\Z)",
        # Gemma
        r"<start_of_turn>(?P<role>\w+)\n(?P<text>.*?)(?=<end_of_turn>|<start_of_turn>|\Z)",
        # DeepSeek
        r"<｜(?P<role>User|Assistant)｜>(?P<text>.*?)(?=<｜|\Z)",
        # Phi, Zephyr, GLM
        r"<\|(?P<role>system|user|assistant)\|>(?P<text>.*?)(?=<\|(?:end|system|user|assistant)\|>|</s>|\Z)",
        # Mistral, Llama 2
        r"\[INST\](?P<text>(?:(?!\[INST\]).)*?)\[/INST\]",
    )
)
"""How models render the turns of a chat."""
_END_MARKS = re.compile(r"(?:\s*(?:<[|｜][^<>\s]{1,40}[|｜]>|</s>|<eos>|<pad>|<end_of_turn>))+\s*\Z")
_TEXT_PARTS = frozenset({"text", "input_text", "output_text", "summary_text", "reasoning_text"})


def query_text(prompt: str | Iterable[Mapping[str, Any]]) -> str:
    """What a prompt asks; blank where there is no text in it."""
    if not isinstance(prompt, str):
        return _spoken([(str(message.get("role", "")), message_text(message.get("content"))) for message in prompt])
    for template in _TEMPLATES:
        turns = [
            (found.groupdict().get("role") or "user", found["text"].strip()) for found in template.finditer(prompt)
        ]
        # The last turn is the opening of the response, blank or with what the template puts before it.
        if turns and turns[-1][0].casefold() in ("assistant", "model"):
            turns.pop()
        if turns:
            return _spoken(turns)
    return prompt


def message_text(content: Any) -> str:
    """The text of a message: a string, or parts such as {"type": "text", "text": …} of which others are left out."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(
        str(part["text"])
        for part in parts
        if isinstance(part, dict) and part.get("type") in _TEXT_PARTS and "text" in part
    )


def response_text(response: str) -> str:
    """A response without the tokens that ended it: they are not part of the answer."""
    return _END_MARKS.sub("", response)


def after_prompt(whole: str, prompt: str) -> str | None:
    """What follows the prompt in a text that begins with it; None where it does not.

    Decoding may drop or add blanks (before punctuation, for example), so blanks do not count in the comparison.
    """
    if whole.startswith(prompt):
        return whole[len(prompt) :]
    place = 0
    for letter in prompt:
        if letter.isspace():
            continue
        while place < len(whole) and whole[place].isspace():
            place += 1
        if place == len(whole) or whole[place] != letter:
            return None
        place += 1
    return whole[place:]


def _spoken(turns: Sequence[tuple[str, str]]) -> str:
    spoken = [(role, text) for role, text in turns if role.casefold() not in ("system", "developer")]
    if len(spoken) == 1:
        return spoken[0][1]
    return "\n".join(f"{role}: {text}" for role, text in spoken)
