from __future__ import annotations

import numpy as np
import pytest

from memreward_trainer.adapter.query_text import conversation_text, query_text

SYSTEM = {"role": "system", "content": "Think."}


def test_a_plain_prompt_is_the_query_as_it_is() -> None:
    assert query_text(" 2 + 2?\n") == " 2 + 2?\n"


def test_of_a_chat_of_one_turn_the_query_is_the_user_message_alone() -> None:
    assert query_text([SYSTEM, {"role": "user", "content": "2 + 2?"}]) == "2 + 2?"
    assert query_text(np.array([{"role": "user", "content": "2 + 2?"}])) == "2 + 2?"


def test_several_turns_are_one_query_without_the_system_message() -> None:
    chat = [SYSTEM, {"role": "user", "content": "Add."}, {"role": "assistant", "content": "What?"}]
    assert query_text([*chat, {"role": "user", "content": "2, 2"}]) == "user: Add.\nassistant: What?\nuser: 2, 2"


def test_of_a_message_in_parts_the_text_counts() -> None:
    parts = [{"type": "image", "image": "x.png"}, {"type": "text", "text": "How many?"}, "Say a number."]
    assert query_text([{"role": "user", "content": parts}]) == "How many?\nSay a number."


@pytest.mark.parametrize("prompt", ["  ", [], [SYSTEM], [{"role": "user", "content": [{"type": "image"}]}]])
def test_the_query_of_a_prompt_without_text_is_blank(prompt: object) -> None:
    assert query_text(prompt).strip() == ""  # type: ignore[arg-type]


def test_a_turn_without_content_says_nothing() -> None:
    call = {"role": "assistant", "tool_calls": [{"function": {"name": "look"}}]}
    assert query_text([{"role": "user", "content": "2 + 2?"}, call]) == "2 + 2?"
    assert conversation_text([call]) == ""
    assert conversation_text([{"role": "assistant", "content": {"type": "text", "text": "4"}}]) == "4"


def test_a_response_may_be_blank() -> None:
    assert conversation_text([{"role": "assistant", "content": None}]) == ""
