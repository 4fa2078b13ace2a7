"""What a prompt asks, in the template of every model."""

from __future__ import annotations

import pytest

from memreward_service.answers.templates.chat_templates import PLAIN_TEMPLATES, TEMPLATES, ChatTemplate
from memreward_service.answers.templates.prompts import model_text, query_text


@pytest.mark.parametrize("template", TEMPLATES + PLAIN_TEMPLATES, ids=lambda template: template.name)
def test_the_example_of_every_template_asks_its_question(template: ChatTemplate) -> None:
    assert query_text(template.example) == "2 + 2?"


@pytest.mark.parametrize(
    "rendered",
    [
        "<s>[INST] Add. [/INST] What? </s>[INST] 2 + 2? [/INST]",
        "<｜User｜>Add.<｜Assistant｜>What?<｜end▁of▁sentence｜><｜User｜>2 + 2?<｜Assistant｜>",
        "<start_of_turn>user\nAdd.<end_of_turn>\n<start_of_turn>model\nWhat?<end_of_turn>\n<start_of_turn>user\n2 + 2?"
        "<end_of_turn>\n<start_of_turn>model\n",
        "USER: Add. ASSISTANT: What?</s>USER: 2 + 2? ASSISTANT:",
    ],
)
def test_several_turns_are_the_same_text_in_every_template(rendered: str) -> None:
    assert query_text(rendered) == "user: Add.\nassistant: What?\nuser: 2 + 2?"


@pytest.mark.parametrize(
    "asked",
    [
        "<|vision_start|><|image_pad|><|image_pad|><|vision_end|>How many?",
        "<image>\nHow many?",
        "<image>How many?",
        "How many?<image>",
        "<|image_1|>\nHow many?",
        "[IMG][IMG][IMG_BREAK][IMG][IMG_END]How many?",
    ],
)
def test_pictures_are_no_part_of_the_text(asked: str) -> None:
    assert query_text(asked) == "How many?"
    assert query_text(f"<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n") == "How many?"


@pytest.mark.parametrize(
    "asked",
    [
        "What does <img> do?",
        "What does [INST] mean?",
        "What are <|user|> and <|assistant|> for?",
        "A play.\nUser: hello\nAssistant: hi\nWho spoke first?",
        " 2 < 3?\n",
    ],
)
def test_a_question_about_tokens_is_asked_as_it_stands(asked: str) -> None:
    assert query_text(asked) == asked


def test_what_stands_before_a_plain_chat_belongs_to_the_question() -> None:
    assert query_text("Rain fell.\nUser: Was it dry?\nAssistant:") == "Rain fell.\nWas it dry?"


def test_only_the_model_speaks_in_a_response() -> None:
    said = [
        {"role": "assistant", "content": "It is 3."},
        {"role": "user", "content": "Maybe 7?"},
        {"role": "tool", "content": "9"},
        {"role": "assistant", "tool_calls": []},
    ]
    assert model_text(said) == "It is 3.\n"
