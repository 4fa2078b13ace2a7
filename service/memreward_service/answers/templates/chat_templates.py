"""The chat templates of the models that are trained, as data: how a turn begins, how it ends, how thinking is marked.

Each template has a chat as an example: the system says `Think.`, the user asks `2 + 2?`, the response is about to
begin. Read from the published templates of the models; turns.py is the only code that walks through these tables.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Head:
    """How a turn begins: `opening`, then what stands up to `closing`. Without a `role` the role stands between them."""

    opening: str
    role: str | None = None
    closing: str = ""


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """One way to write a chat as a text. `system_first`: what stands before the first turn is the system message."""

    name: str
    heads: tuple[Head, ...]
    ends: tuple[str, ...]
    example: str
    system_first: bool = False


TEMPLATES = (
    ChatTemplate(
        "ChatML: Qwen, Hermes, Yi, InternLM, SmolLM, LFM",
        (Head("<|im_start|>", None, "\n"),),
        ("<|im_end|>", "<|endoftext|>"),
        "<|im_start|>system\nThink.<|im_end|>\n<|im_start|>user\n2 + 2?<|im_end|>\n<|im_start|>assistant\n<think>\n",
    ),
    ChatTemplate(
        "Phi-4",
        (Head("<|im_start|>", None, "<|im_sep|>"),),
        ("<|im_end|>", "<|endoftext|>"),
        "<|im_start|>system<|im_sep|>Think.<|im_end|><|im_start|>user<|im_sep|>2 + 2?<|im_end|>"
        "<|im_start|>assistant<|im_sep|>",
    ),
    ChatTemplate(
        "Llama 3",
        (Head("<|start_header_id|>", None, "<|end_header_id|>"),),
        ("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"),
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nThink.<|eot_id|><|start_header_id|>user"
        "<|end_header_id|>\n\n2 + 2?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    ChatTemplate(
        "Llama 4",
        (Head("<|header_start|>", None, "<|header_end|>"),),
        ("<|eot|>", "<|eom|>", "<|end_of_text|>"),
        "<|begin_of_text|><|header_start|>system<|header_end|>\n\nThink.<|eot|><|header_start|>user<|header_end|>\n\n"
        "2 + 2?<|eot|><|header_start|>assistant<|header_end|>\n\n",
    ),
    ChatTemplate(
        "Llama 2, Mistral, Magistral",
        (
            Head("[INST]", "user"),
            Head("[/INST]", "assistant"),
            Head("<<SYS>>", "system"),
            Head("<</SYS>>", "user"),
            Head("[SYSTEM_PROMPT]", "system"),
            Head("[AVAILABLE_TOOLS]", "system"),
            Head("[MODEL_SETTINGS]", "system"),
            Head("[TOOL_RESULTS]", "tool"),
        ),
        ("</s>", "[/SYSTEM_PROMPT]", "[/AVAILABLE_TOOLS]", "[/MODEL_SETTINGS]", "[/TOOL_RESULTS]"),
        "<s>[INST] <<SYS>>\nThink.\n<</SYS>>\n\n2 + 2? [/INST]",
    ),
    ChatTemplate(
        "Gemma",
        (Head("<start_of_turn>", None, "\n"),),
        ("<end_of_turn>", "<eos>"),
        "<bos><start_of_turn>user\n2 + 2?<end_of_turn>\n<start_of_turn>model\n",
    ),
    ChatTemplate(
        "Gemma 4",
        (Head("<|turn>", None, "\n"),),
        ("<turn|>", "<eos>"),
        "<bos><|turn>system\nThink.<turn|>\n<|turn>user\n2 + 2?<turn|>\n<|turn>model\n<|channel>thought\n<channel|>",
    ),
    ChatTemplate(
        "gpt-oss (harmony)",
        (Head("<|start|>", None, "<|message|>"),),
        ("<|end|>", "<|return|>", "<|call|>"),
        "<|start|>system<|message|>Think.<|end|><|start|>user<|message|>2 + 2?<|end|><|start|>assistant",
    ),
    ChatTemplate(
        "Phi-3, GLM, Zephyr, Tulu, OLMo, Falcon 3",
        (
            Head("<|system|>", "system"),
            Head("<|user|>", "user"),
            Head("<|assistant|>", "assistant"),
            Head("<|observation|>", "tool"),
            Head("<|tool|>", "tool"),
        ),
        ("<|end|>", "</s>", "<|endoftext|>"),
        "[gMASK]<sop><|system|>\nThink.<|user|>\n2 + 2?<|assistant|>\n<think></think>",
    ),
    ChatTemplate(
        "Granite",
        (Head("<|start_of_role|>", None, "<|end_of_role|>"),),
        ("<|end_of_text|>",),
        "<|start_of_role|>system<|end_of_role|>Think.<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>2 + 2?"
        "<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>",
    ),
    ChatTemplate(
        "Kimi",
        (
            Head("<|im_system|>", "system", "<|im_middle|>"),
            Head("<|im_user|>", "user", "<|im_middle|>"),
            Head("<|im_assistant|>", "assistant", "<|im_middle|>"),
        ),
        ("<|im_end|>", "[EOS]"),
        "<|im_system|>system<|im_middle|>Think.<|im_end|><|im_user|>user<|im_middle|>2 + 2?<|im_end|>"
        "<|im_assistant|>assistant<|im_middle|>",
    ),
    ChatTemplate(
        "DeepSeek",
        (
            Head("<｜User｜>", "user"),
            Head("<｜Assistant｜>", "assistant"),
            Head("<｜tool▁outputs▁begin｜>", "tool"),
        ),
        ("<｜end▁of▁sentence｜>", "<｜tool▁outputs▁end｜>"),
        "<｜begin▁of▁sentence｜>Think.<｜User｜>2 + 2?<｜Assistant｜><think>\n",
        system_first=True,
    ),
    ChatTemplate(
        "Hunyuan",
        (Head("<｜hy_User｜>", "user"), Head("<｜hy_Assistant｜>", "assistant")),
        ("<｜hy_place▁holder▁no▁2｜>", "<｜hy_place▁holder▁no▁8｜>"),
        "<｜hy_begin▁of▁sentence｜>Think.<｜hy_User｜>2 + 2?<｜hy_Assistant｜>",
        system_first=True,
    ),
    ChatTemplate(
        "Command R",
        (
            Head("<|SYSTEM_TOKEN|>", "system"),
            Head("<|USER_TOKEN|>", "user"),
            Head("<|CHATBOT_TOKEN|>", "assistant"),
        ),
        ("<|END_OF_TURN_TOKEN|>",),
        "<BOS_TOKEN><|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>Think.<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|>"
        "<|USER_TOKEN|>2 + 2?<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|><|START_RESPONSE|>",
    ),
    ChatTemplate(
        "Seed-OSS",
        (Head("<seed:bos>", None, "\n"),),
        ("<seed:eos>",),
        "<seed:bos>system\nThink.<seed:eos><seed:bos>user\n2 + 2?<seed:eos><seed:bos>assistant\n",
    ),
    ChatTemplate(
        "EXAONE",
        (Head("[|system|]", "system"), Head("[|user|]", "user"), Head("[|assistant|]", "assistant")),
        ("[|endofturn|]",),
        "[|system|]Think.[|endofturn|]\n[|user|]2 + 2?\n[|assistant|]",
    ),
    ChatTemplate(
        "MiniMax M2",
        (Head("]~b]", None, "\n"),),
        ("[e~[",),
        "]~!b[]~b]system\nThink.[e~[\n]~b]user\n2 + 2?[e~[\n]~b]ai\n<think>\n",
    ),
)
"""Templates whose marks are tokens."""

PLAIN_TEMPLATES = (
    ChatTemplate(
        "OpenChat",
        (Head("GPT4 Correct User:", "user"), Head("GPT4 Correct Assistant:", "assistant")),
        ("<|end_of_turn|>",),
        "GPT4 Correct User: 2 + 2?<|end_of_turn|>GPT4 Correct Assistant:",
    ),
    ChatTemplate(
        "Vicuna, LLaVA",
        (Head("USER:", "user"), Head("ASSISTANT:", "assistant")),
        ("</s>",),
        "A chat between a curious user and an artificial intelligence assistant. USER: 2 + 2? ASSISTANT:",
    ),
    ChatTemplate(
        "User and Assistant: R1-Zero, TinyZero, DeepSeek-V2, Falcon",
        (Head("User:", "user"), Head("Assistant:", "assistant")),
        ("<｜end▁of▁sentence｜>", "</s>"),
        "A conversation between User and Assistant. Think.\nUser: 2 + 2?\nAssistant: Let me see.\n<think>",
    ),
    ChatTemplate(
        "Human and Assistant",
        (Head("Human:", "user"), Head("Assistant:", "assistant")),
        ("</s>",),
        "You are a helpful assistant.\n\nHuman: 2 + 2?\n\nAssistant:",
    ),
    ChatTemplate(
        "Alpaca",
        (Head("### Instruction:", "user"), Head("### Response:", "assistant")),
        ("</s>",),
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
        "### Instruction:\n2 + 2?\n\n### Response:",
    ),
)
"""Templates whose marks are plain words: a prompt is such a chat only where it ends with the opening of a response."""

STARTS = ("<s>", "<bos>", "<|begin_of_text|>", "<｜begin▁of▁sentence｜>")
"""Tokens before the first plain turn."""
PLAIN_SYSTEM = (
    "A chat between",
    "A conversation between",
    "You are a helpful",
    "Below is an instruction that describes a task.",
)
"""How a system message before the first plain turn begins; any other text there belongs to the question."""

UNSPOKEN_ROLES = frozenset({"system", "developer", "analysis"})
"""Roles whose turns are no part of what was asked: the same for all queries of a run, or the model's own thoughts."""
MODEL_ROLES = frozenset({"assistant", "model", "ai", "chatbot", "gpt"})
"""The roles under which templates write what the model said."""

THINKING_TAGS = (
    ("<think>", "</think>"),  # DeepSeek-R1, Qwen3, GLM, MiniMax
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),  # OpenThinker, Sky-T1
    ("[THINK]", "[/THINK]"),  # Magistral
    ("◁think▷", "◁/think▷"),  # Kimi
    ("<seed:think>", "</seed:think>"),  # Seed-OSS
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A
    ("<|channel>", "<channel|>"),  # Gemma 4
    ("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    ("<longcat_think>", "</longcat_think>"),
    ("<unused94>", "<unused95>"),  # MedGemma
    ("[unused16]", "[unused17]"),  # openPangu
)
"""What encloses a model's thinking; word tags also in capitals."""

SPELLED_THINKING = (
    ("analysis", "assistantfinal"),  # gpt-oss, decoded without its special tokens
    ("Here is my thought process:", "Here is my response:"),  # Granite 3
    ("Here's my thought process:", "Here's my response:"),
)
"""Thinking that words enclose: the first opens the response, the second ends the thinking."""

ANSWER_TAGS = (
    ("<answer>", "</answer>"),
    ("<solution>", "</solution>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
)
"""What encloses the answer: where nothing closed the thinking, it ends there."""

RESPONSE_WRAPS = ("<|begin_of_solution|>", "<|end_of_solution|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>")
"""Tokens around a whole response."""

PADS = (
    *("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>", "<|vision_pad|>"),  # Qwen-VL
    *("<IMG_CONTEXT>", "<|image|>", "<|video|>", "<|audio|>", "<|image_start|>", "<|image_end|>", "<|patch|>"),
    *("<|tile_x_separator|>", "<|tile_y_separator|>", "<image_soft_token>", "<start_of_image>", "<end_of_image>"),
    *("[IMG]", "[IMG_BREAK]", "[IMG_END]"),  # Pixtral
    *("<|begin_of_image|>", "<|end_of_image|>"),  # GLM-V
    *("<|media_start|>", "<|media_content|>", "<|media_pad|>", "<|media_end|>"),  # Kimi-VL
    *("<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>", "<|audio_start|>", "<|audio_end|>", "<|audio_pad|>"),
    *("<image_placeholder>", "<fake_token_around_image>", "<global-img>", "<|placeholder|>", "<|IMAGE|>"),
)
"""Tokens that hold the place of pictures, films and sounds."""
WORD_PADS = ("<image>", "<img>", "</img>", "<video>", "<audio>")
"""The same as words that may also be markup: no part of a query only where they stand alone in their line, and
`<image>` at the beginning or end of a line."""

RUN_ON_WORDS = ("user\n", "Human:", "User:", "USER:", "Question:", "Problem:", "Q:", "### ", "<human>")
"""How a model goes on as the user after the end of its turn, beside the heads of templates."""

NEXT_QUESTIONS = (
    "Question:",
    "Q:",
    "Problem:",
    "### Instruction",
    "### Question",
    "### Problem",
    "### Human",
    "### User",
    "## Question",
    "## Problem",
    "Human:",
    "User:",
    "USER:",
    "Pregunta:",
    "Frage:",
    "Вопрос:",
    "问题：",
    "问题:",
    "題目：",
    "问：",
)
"""How a model goes on with another question in words alone, as the examples of a prompt do."""
