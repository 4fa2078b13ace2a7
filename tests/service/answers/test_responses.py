"""What a response says: without thinking, tokens that end a turn, and turns of others."""

from __future__ import annotations

import time

import pytest

from memreward_service.answers.templates.chat_templates import TEMPLATES, THINKING_TAGS, ChatTemplate
from memreward_service.answers.templates.prompts import query_text
from memreward_service.answers.templates.responses import response_text, split_response
from memreward_service.http.trainers.chat_text import after_prompt

CHANNEL = "<|channel|>"


@pytest.mark.parametrize(("opening", "closing"), THINKING_TAGS)
def test_thinking_in_the_tags_of_every_model(opening: str, closing: str) -> None:
    assert split_response(f"{opening}7 or 8?{closing}\n\n8") == ("7 or 8?", "8")
    assert split_response(f"7 or 8?\n{closing}8") == ("7 or 8?", "8")
    assert split_response(f"{opening}7 or 8") == ("7 or 8", "")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_a_response_ends_where_its_turn_ends(template: ChatTemplate) -> None:
    head = template.heads[0]
    user = f"{head.opening}{'' if head.role else 'user'}{head.closing}"
    for end in template.ends:
        if end.startswith("[/"):
            continue
        assert split_response(f"It is 8.{end}") == (None, "It is 8.")
        if head.role in (None, "user"):
            assert split_response(f"It is 8.{end}\n{user}Sure?{end}")[1] == "It is 8."


@pytest.mark.parametrize(
    ("response", "parts"),
    [
        (f"{CHANNEL}analysis<|message|>7?<|end|><|start|>assistant{CHANNEL}final<|message|>8<|return|>", ("7?", "8")),
        (f"7?<|end|><|start|>assistant{CHANNEL}final<|message|>8", ("7?", "8")),
        (f"{CHANNEL}final<|message|>8<|end|><|start|>user<|message|>Sure?<|end|>", (None, "8")),
        (f"{CHANNEL}analysis<|message|>7, or", ("7, or", "")),
        (
            f"{CHANNEL}commentary to=functions.add <|constrain|>json<|message|>[1]<|call|><|start|>functions.add "
            f"to=assistant{CHANNEL}commentary<|message|>9<|end|><|start|>assistant{CHANNEL}final<|message|>8<|return|>",
            ("[1]", "8"),
        ),
        ("analysis7?assistantfinal8", ("7?", "8")),
        ("analysis shows that it is 8", (None, "analysis shows that it is 8")),
        ("Here is my thought process: 7? Here is my response: 8", ("7?", "8")),
        ("7?</think>8</s>", ("7?", "8")),
        ("<think>\n7?\n</think>\n8<|endoftext|>Human: next", ("7?", "8")),
        ("<think><think>7?</think>\n8", ("<think>7?", "8")),
        ("<think>a</think>b<think>c</think>8", ("a</think>b<think>c", "8")),
        ("<think>a</think>8\n<think>and", ("a", "8")),
        ("<think>7 or 8\n<answer>8</answer>", ("7 or 8", "<answer>8</answer>")),
        ("<think>I answer in <think> </think> tags. 7?</think>\n8", ("I answer in <think> </think> tags. 7?", "8")),
        ("<think>I close with </think> then. 7?</think>\n8", ("I close with </think> then. 7?", "8")),
        ("<Think>7?</Think>8", ("7?", "8")),
        ("Sure.<think>7?</think>8", ("Sure.<think>7?", "8")),
        ("8<|user|>\nNext?", (None, "8")),
        ("8<|user|>", (None, "8")),
        ("<|im_start|>assistant\n8<|im_end|>", (None, "8")),
        ("I ask.<|im_end|>\n<|im_start|>tool\n7<|im_end|>\n<|im_start|>assistant\n8<|im_end|>", (None, "I ask.\n8")),
        ("<|begin_of_thought|>7?<|end_of_thought|>\n<|begin_of_solution|>8<|end_of_solution|>", ("7?", "8")),
        ("<think>7?</think><|begin_of_box|>8<|end_of_box|>", ("7?", "\\boxed{8}")),
    ],
)  # fmt: skip
def test_what_was_thought_and_what_was_said(response: str, parts: tuple[str | None, str]) -> None:
    assert split_response(response) == parts


@pytest.mark.parametrize(
    "response",
    [
        "Write it in <think> tags.",
        "Write it in <think> and </think> tags.",
        "Split at `</think>` and take the rest.",
        "re.sub(r\"<think>.*?</think>\", \"\", text)",
        "ChatML begins a turn with <|im_start|> and ends it with <|im_end|> tokens.",
        "```python\nprompt = \"\"\"<|im_start|>user\n{q}<|im_end|>\n<|im_start|>assistant\n\"\"\"\n```",
        "GLM stops at <|user|> and at <|observation|> too.",
        "x < 3 and [1, 2] and \\[ y \\]",
    ],
)  # fmt: skip
def test_tags_and_tokens_that_are_spoken_about_are_text(response: str) -> None:
    assert split_response(response) == (None, response)
    assert response_text(response) == response


@pytest.mark.parametrize(
    "unit",
    ["\n", "<", "[", "</s>x", "<eos>", "<|a|>", "<think>", "<think></think>", " <think> ", "<image>", "x<image>",
     "[INST]", "<|im_start|>user\n", "```<|im_end|>\n", "<|start|>assistant<|channel|>final<|message|>a<|end|>",
     "<|user|>x<|observation|>y<|assistant|>z", "<" + "a" * 39, "a b ", "User: x\nAssistant: "],
)  # fmt: skip
def test_hostile_texts_take_linear_time(unit: str) -> None:
    """A quadratic step would take seconds of processor time here."""
    text = (unit * 200_000)[:200_000] + "x"
    begun = time.process_time()
    for each in (text, "<think>" + text, text + "Assistant:"):
        split_response(each)
        response_text(each)
        query_text(each)
        after_prompt(" " + each, each)
    assert time.process_time() - begun < 3
