"""The policy that the training runs start from: a Qwen3 of 0.2M parameters that guesses two of three answers.

The others it works out, mostly right: so it has something to learn, and what it should learn can be seen in its
responses. Its weights and its tokenizer, one token a word or number, are made here from nothing but a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import torch
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Sequence as PreTokenizers
from tokenizers.pre_tokenizers import Split
from torch import Tensor
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from trainer.real.sums import LARGEST, Sum, all_sums

PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""That of Qwen without its system message."""
RIGHT_ENOUGH = 0.8
"""Probability of the right number in a response that is worked out, at which the policy is left as it is."""
STEPS_OF_GUESSING = 40
BATCH = 64
RESPONSE_TOKENS = 6
"""Of a response that is worked out, with its end."""


def write_policy(folder: Path, seed: int = 0) -> None:
    """Train the policy and save it with its tokenizer, as `from_pretrained` reads them."""
    torch.manual_seed(seed)
    tokenizer = word_tokenizer()
    model = tiny_qwen3(tokenizer)
    learn_a_little(model, tokenizer, seed)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def word_tokenizer() -> PreTrainedTokenizerFast:
    """Every number up to the largest sum, and every other word of the task, is one token."""
    words = [PAD, START, END, "\n", "system", "user", "assistant", "What", "is", "+", "=", "?", "maybe"]
    words += [str(number) for number in range(2 * LARGEST + 1)]
    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate(words)}, unk_token=PAD))
    tokenizer.pre_tokenizer = PreTokenizers([Split(" ", "removed"), Split(Regex(r"\w+|\n|[^\w\s]"), "isolated")])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[START],
        chat_template=CHAT_TEMPLATE,
    )


def tiny_qwen3(tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    """Random weights."""
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=128,
            intermediate_size=256,
            num_hidden_layers=1,
            num_attention_heads=4,
            num_key_value_heads=4,
            head_dim=32,
            max_position_embeddings=64,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def learn_a_little(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
    """Supervised steps on all sums: to work them out, until that is right enough, then to guess two of three."""
    random = Random(seed)
    queries = all_sums()
    prompts = prompt_tokens(tokenizer, queries)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    right, steps_of_guessing = 0.0, 0
    while steps_of_guessing < STEPS_OF_GUESSING:
        steps_of_guessing += right >= RIGHT_ENOUGH
        worked_out = torch.arange(BATCH) % 3 == 0 if steps_of_guessing else torch.ones(BATCH, dtype=torch.bool)
        chosen = random.sample(range(len(queries)), BATCH)
        texts = [
            queries[place].worked_out if works else queries[place].guess(random)
            for place, works in zip(chosen, worked_out, strict=True)
        ]
        responses = response_tokens(tokenizer, texts)
        logits = model(torch.cat([prompts[chosen], responses], dim=1)).logits[:, -RESPONSE_TOKENS - 1 : -1]
        told = logits.log_softmax(-1).gather(2, responses[:, :, None])[:, :, 0]  # (BATCH, RESPONSE_TOKENS)
        right = 0.9 * right + 0.1 * float(told[worked_out, -2].detach().exp().mean())
        meant = responses != tokenizer.pad_token_id
        loss = -(told * meant).sum() / meant.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def sample_responses(folder: Path, queries: Sequence[Sum], each: int, seed: int) -> list[list[str]]:
    """`each` responses of the policy in `folder` to every query, at temperature 1."""
    torch.manual_seed(seed)
    model = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    tokens = prompt_tokens(tokenizer, queries).repeat_interleave(each, dim=0)
    start = tokens.shape[1]
    for _ in range(RESPONSE_TOKENS):
        drawn = torch.multinomial(model(tokens).logits[:, -1].softmax(-1), 1)
        tokens = torch.cat([tokens, drawn], dim=1)
    texts = [tokenizer.decode(until_end(row[start:], tokenizer), skip_special_tokens=True) for row in tokens]
    return [texts[place : place + each] for place in range(0, len(texts), each)]


def prompt_tokens(tokenizer: PreTrainedTokenizerFast, queries: Sequence[Sum]) -> Tensor:
    """(Q, prompt width): all sums have as many words."""
    return torch.tensor(
        [tokenizer.apply_chat_template(query.messages, add_generation_prompt=True)["input_ids"] for query in queries]
    )


def response_tokens(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> Tensor:
    """(N, RESPONSE_TOKENS), ended and padded."""
    padded = tokenizer([text + END for text in texts], padding="max_length", max_length=RESPONSE_TOKENS)
    return torch.tensor(padded["input_ids"])


def until_end(tokens: Tensor, tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """The tokens before the first end."""
    ids: list[int] = tokens.tolist()
    end = tokenizer.eos_token_id
    return ids[: ids.index(end)] if end in ids else ids
