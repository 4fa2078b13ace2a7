"""A GRPO training by TRL as people write it: `python -m trainer.real.trl_run POLICY FOLDER URL STEPS QUERIES`.

QUERIES is a file of sums, a JSON list of [left, right]. TRL writes what it trained on into FOLDER/completions.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

from memreward_trainer.trl import GroupReward
from trainer.real.sums import DATASET, Sum

PROMPTS_A_STEP = 4
ROLLOUTS = 8


def train(policy: str, folder: str, url: str, steps: int, queries: list[Sum]) -> None:
    """Steps of PROMPTS_A_STEP * ROLLOUTS completions, all rewarded by the service at `url`."""
    trainer = GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(policy, dtype=torch.float32),
        processing_class=AutoTokenizer.from_pretrained(policy),
        train_dataset=Dataset.from_list([{"prompt": query.messages} for query in queries]),
        reward_funcs=GroupReward(url, domain="math", dataset=DATASET, num_generations=ROLLOUTS),
        args=GRPOConfig(
            output_dir=folder,
            use_cpu=True,
            bf16=False,
            max_steps=steps,
            per_device_train_batch_size=PROMPTS_A_STEP * ROLLOUTS,
            num_generations=ROLLOUTS,
            max_completion_length=8,
            learning_rate=3e-4,
            lr_scheduler_type="constant",
            logging_steps=1,
            log_completions=True,
            num_completions_to_print=1,
            save_strategy="no",
            report_to="none",
            seed=0,
        ),
    )
    trainer.train()


if __name__ == "__main__":
    asked = [Sum(*pair) for pair in json.loads(Path(sys.argv[5]).read_text())]
    train(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), asked)
