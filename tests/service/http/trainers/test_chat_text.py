from __future__ import annotations

from typing import Any

import pytest

from memreward_service.http.trainers.chat_text import after_prompt, message_text, query_text, response_text

SYSTEM = {"role": "system", "content": "Think."}
USER = {"role": "user", "content": "2 + 2?"}


@pytest.mark.parametrize(
    "rendered",
    [
        "<|im_start|>system\nThink.<|im_end|>\n<|im_start|>user\n2 + 2?<|im_end|>\n<|im_start|>assistant\n<think>\n",
        "<|im_start|>user\n2 + 2?<|im_end|>\n<|im_start|>assistant\n",
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nThink.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\n2 + 2?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        "<bos><start_of_turn>user\n2 + 2?<end_of_turn>\n<start_of_turn>model\n",
        "<｜begin▁of▁sentence｜>Think.<｜User｜>2 + 2?<｜Assistant｜><think>\n",
        "<|system|>\nThink.<|end|>\n<|user|>\n2 + 2?<|end|>\n<|assistant|>\n",
        "<s>[INST] 2 + 2? [/INST]",
    ],
)
def test_of_a_rendered_chat_the_query_is_the_user_message(rendered: str) -> None:
    assert query_text(rendered) == "2 + 2?"


def test_a_plain_prompt_is_the_query_as_it_is() -> None:
    assert query_text(" 2 < 3 | 4 > 1?\n") == " 2 < 3 | 4 > 1?\n"


def test_messages_and_their_rendering_are_one_query() -> None:
    chat = [SYSTEM, {"role": "user", "content": "Add."}, {"role": "assistant", "content": "What?"}, USER]
    rendered = "".join(f"<|im_start|>{turn['role']}\n{turn['content']}<|im_end|>\n" for turn in chat)
    asked = "user: Add.\nassistant: What?\nuser: 2 + 2?"
    assert query_text(chat) == query_text(rendered + "<|im_start|>assistant\n") == asked
    assert query_text([SYSTEM, USER]) == "2 + 2?"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "image", "text": "x"}, {"type": "text", "text": "How"}, {"type": "input_text", "text": "many?"}],
         "How\nmany?"),
        (None, ""),
        ([], ""),
        ([{"type": "output_text"}], ""),
    ],
)  # fmt: skip
def test_of_a_message_in_parts_the_text_counts(content: Any, text: str) -> None:
    assert message_text(content) == text


@pytest.mark.parametrize("end", ["<|im_end|>", "<|im_end|>\n", "</s>", " <eos><pad><pad>", "<｜end▁of▁sentence｜>", ""])
def test_the_tokens_that_end_a_response_are_no_part_of_it(end: str) -> None:
    assert response_text("x </s> | <|y|> is 27." + end) == "x </s> | <|y|> is 27."


@pytest.mark.parametrize(
    ("whole", "prompt", "rest"),
    [
        ("ab c", "ab", " c"),
        ("Hi, you. Yes", "Hi , you .", " Yes"),
        ("Hi , you.Yes", "Hi, you. ", "Yes"),
        ("ab", "ab", ""),
        ("a", "ab", None),
        ("xab", "ab", None),
        ("", "a", None),
        (
            "<|vision_start|><|image_pad|><|image_pad|><|vision_end|>2?A: 4",
            "<|vision_start|><|image_pad|><|vision_end|>2?A:",
            " 4",
        ),
        ("<img><IMG_CONTEXT><IMG_CONTEXT></img>\n2? 4", "<image>\n2?", " 4"),
        ("<|image_pad|><|image_pad|>3? 4", "<|image_pad|>2?", None),
    ],
)
def test_what_follows_a_prompt(whole: str, prompt: str, rest: str | None) -> None:
    assert after_prompt(whole, prompt) == rest
