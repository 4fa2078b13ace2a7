"""verl's own parts around the reward manager: its configuration, its agent loop's call, a tokenizer made of nothing.

Tests take what imports verl from here, because verl warns while it is imported.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transfer_queue as tq
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as BytesBack
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from transformers import PreTrainedTokenizerFast

from memreward_client import AsyncRewardClient, FakeService, MemRewardError, MockTransport, Query, Retries, Rollout

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import verl
    from verl.experimental.agent_loop.agent_loop import AgentLoopMetrics, AgentLoopOutput, AgentLoopWorker
    from verl.experimental.reward_loop import RewardLoopManager
    from verl.experimental.reward_loop.reward_manager.naive import NaiveRewardManager
    from verl.protocol import DataProto
    from verl.trainer.ppo.metric_utils import process_validation_metrics
    from verl.trainer.ppo.ray_trainer import compute_advantage
    from verl.trainer.ppo.reward import get_custom_reward_fn
    from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopWorkerTQ
    from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer
    from verl.trainer.ppo.v1.utils import compute_advantage_for_multi_trajectories
    from verl.utils.reward_score import default_compute_score

    from memreward_trainer.verl import programs as verl_programs
    from memreward_trainer.verl import sampler as verl_metrics
    from memreward_trainer.verl import submit as verl_requests
    from memreward_trainer.verl import true_reward as verl_true_reward
    from memreward_trainer.verl import verifier as verl_verifier
    from memreward_trainer.verl.manager import GroupRewardManager

__all__ = [
    "DataProto",
    "NaiveRewardManager",
    "ReplayBuffer",
    "RewardLoopManager",
    "compute_advantage",
    "get_custom_reward_fn",
    "process_validation_metrics",
    "verl_metrics",
    "verl_programs",
    "verl_requests",
    "verl_true_reward",
    "verl_verifier",
]

ONE_STORAGE_UNIT = {"SimpleStorage": {"num_data_storage_units": 1, "total_storage_size": 1_000}}
MANAGER_LINES = (
    "reward.reward_manager.source=importlib",
    "reward.reward_manager.module.path=pkg://memreward_trainer.verl.manager",
    "reward.reward_manager.name=GroupRewardManager",
)
"""What docs/trainers.md tells a verl user to add, but for the address and the domain."""


def verl_config(folder: Path, url: str, *overrides: str, group_size: int = 4) -> Any:
    """verl's whole configuration as its command line reads it, with a policy's tokenizer in `folder`."""
    byte_tokenizer().save_pretrained(folder)
    with initialize_config_dir(str(Path(verl.__file__).parent / "trainer" / "config"), version_base=None):
        return compose(
            "ppo_trainer",
            [
                *MANAGER_LINES,
                f"+reward.memreward.url={url}",
                "+reward.memreward.domain=math",
                f"actor_rollout_ref.model.path={folder}",
                f"actor_rollout_ref.rollout.n={group_size}",
                "actor_rollout_ref.rollout.name=hf",
                "algorithm.adv_estimator=grpo",
                "reward.num_workers=3",
                *overrides,
            ],
        )


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, so that every text comes back as it was; <|end|> ends a response."""
    tokenizer = Tokenizer(BPE({letter: place for place, letter in enumerate(sorted(ByteLevel.alphabet()))}, []))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = BytesBack()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|pad|>")


class AgentLoop:
    """The part of verl's agent loop that asks for the reward of one finished rollout, unchanged."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, reward_workers: Sequence[Any]) -> None:
        self.tokenizer = tokenizer
        self.worker = object.__new__(AgentLoopWorker)
        self.worker.reward_loop_worker_handles = list(reward_workers)
        self.worker.processor = None
        self.worker.mm_processor_kwargs = None

    async def score(self, response: str | Sequence[str], **columns: Any) -> AgentLoopOutput:
        """The output with its reward; several responses are the turns of one session, of which the last counts."""
        turns = [response] if isinstance(response, str) else response
        outputs = [self._output(turn, str(columns["raw_prompt"])) for turn in turns]
        await self.worker._compute_score(outputs, kwargs=columns)
        return outputs[-1]

    def _output(self, response: str, prompt: str) -> AgentLoopOutput:
        prompt_ids = self.tokenizer.encode(prompt, add_special_tokens=False)
        response_ids = [*self.tokenizer.encode(response, add_special_tokens=False), self.tokenizer.eos_token_id]
        return AgentLoopOutput(
            prompt_ids=prompt_ids,
            response_ids=response_ids,
            response_mask=[1] * len(response_ids),
            metrics=AgentLoopMetrics(),
            extra_fields={},
        )


def columns(uid: str, session_id: int, question: str, *, split: str = "train", **others: Any) -> dict[str, Any]:
    """The columns of a row that verl's V1 trainer passes on from a data set in its usual form."""
    return {
        "uid": uid,
        "session_id": session_id,
        "global_steps": 3,
        "raw_prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}],
        "data_source": "openai/gsm8k",
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": "42"},
        "extra_info": {"split": split, "index": 0},
        **others,
    }


class TrainingStep:
    """What verl's V1 trainer does with the rewards of a step: its agent loop, queue, replay buffer and advantages.

    `metrics` are those that the `sampler` of the last step told.
    """

    def __init__(self, manager: RewardLoopManager, make_sampler: Callable[..., ReplayBuffer] = ReplayBuffer) -> None:
        self.config = manager.config
        self.make_sampler = make_sampler
        self.sampler: Any = None
        self.metrics: dict[str, float] = {}
        tq.init(OmegaConf.merge(self.config.transfer_queue, {"enable": True, "backend": ONE_STORAGE_UNIT}))
        self.loop = AgentLoop(byte_tokenizer(), manager.reward_loop_worker_handles)
        self.worker = object.__new__(AgentLoopWorkerTQ.__ray_metadata__.modified_class)
        self.worker.__dict__.update(self.loop.worker.__dict__)
        self.worker.config = self.config
        self.worker.distillation_enabled = False
        self.worker._run_agent_loop = self._generated

    def run(self, groups: Mapping[str, Sequence[str]]) -> dict[tuple[str, int], float]:
        """(group, place) -> advantage, of the rollouts that are trained on; the responses of each group are given."""
        self.responses = groups
        tags = [{"is_prompt": True, "status": "pending", "global_steps": 3} for _ in groups]
        tq.kv_batch_put(keys=list(groups), partition_id="train", tags=tags)
        asyncio.run(self._generate(groups))
        self.sampler = self.make_sampler(
            trainer_mode="sync",
            trainer_config=self.config.trainer,
            max_off_policy_threshold=None,
            max_off_policy_strategy="drop",
            sampler_kwargs=self.config.trainer.v1.sampler.sampler_kwargs,
            poll_interval=0.1,
        )
        batch, self.metrics = self.sampler.sample(global_steps=3, partition_id="train", batch_size=len(groups))
        fields = ["uid", "response_mask", "rm_scores"]
        read = tq.kv_batch_get(keys=batch.keys, partition_id="train", select_fields=fields)
        data = DataProto(batch=read.to_padded_tensor())
        data.batch["token_level_rewards"] = data.batch["rm_scores"]
        data.non_tensor_batch["uid"] = np.array(data.batch.pop("uid").tolist(), dtype=object)
        algorithm = self.config.algorithm
        data = compute_advantage_for_multi_trajectories(data, batch.keys, algorithm.adv_estimator, config=algorithm)
        tq.kv_clear(keys=batch.keys, partition_id="train")
        places = [key.rsplit("_", 2) for key in batch.keys]
        advantages = data.batch["advantages"][:, 0].tolist()
        return {(uid, int(session)): each for (uid, session, _), each in zip(places, advantages, strict=True)}

    async def _generate(self, groups: Mapping[str, Sequence[str]]) -> None:
        trajectory = {"step": 3, "sample_index": 0, "rollout_n": 0, "validate": False}
        prompts = []
        for uid, responses in groups.items():
            prompt = columns(uid, 0, f"query of {uid}") | {"__rollout_n__": len(responses)}
            del prompt["session_id"]
            prompts.append(self.worker._run_prompt(prompt, {}, trajectory))
        await asyncio.gather(*prompts)

    async def _generated(self, _: Any, *, trajectory: Any, trace: bool, session_id: int, **prompt: Any) -> None:
        """Stands for the language model only: the response is given, what follows is verl's."""
        output = self.loop._output(self.responses[prompt["uid"]][session_id], "prompt")
        await self.worker._agent_loop_postprocess(output, False, session_id=session_id, **prompt)


def batch_of(responses: Sequence[str], extra_infos: Sequence[dict[str, Any]]) -> DataProto:
    """A batch of responses with their padding."""
    tokenizer = byte_tokenizer()
    rows = [tokenizer.encode(response) for response in responses]
    width = max(map(len, rows))
    tokens = torch.tensor([row + [tokenizer.pad_token_id] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * (1 + len(row)) + [0] * (width - len(row)) for row in rows])
    others: dict[str, list[Any]] = {
        "data_source": ["openai/gsm8k"] * len(rows),
        "reward_model": [{"ground_truth": "42"}] * len(rows),
        "extra_info": list(extra_infos),
    }
    tensors = {"prompts": torch.ones(len(rows), 1, dtype=torch.int64), "responses": tokens, "attention_mask": mask}
    return DataProto.from_dict(tensors, {name: np.array(values, dtype=object) for name, values in others.items()})


class RewardWorker:
    """What the agent loop sees of a reward worker, with the manager in this process."""

    def __init__(self, manager: GroupRewardManager) -> None:
        self.manager = manager
        self.compute_score = self

    async def remote(self, data: Any) -> Any:
        return await self.manager.run_single(data)


Judge = Callable[[Query, Rollout], float | None]


def manager_in_a_loop(config: Any, compute_score: Any) -> GroupRewardManager:
    """A manager made while an event loop runs: verl's managers open one otherwise, and never close it."""

    async def made() -> GroupRewardManager:
        return GroupRewardManager(config, byte_tokenizer(), compute_score)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(made())
    return GroupRewardManager(config, byte_tokenizer(), compute_score)


def manager_with(
    config: Any, judge: Judge | MemRewardError, compute_score: Any = default_compute_score
) -> tuple[GroupRewardManager, FakeService]:
    """A manager whose service answers by `judge`, or always with this error."""

    def fail(_: Any) -> Any:
        raise judge  # type: ignore[misc]

    if isinstance(judge, MemRewardError):
        return manager_before(config, fail, compute_score), FakeService(lambda *_: None)
    service = FakeService(judge)
    return manager_before(config, service, compute_score), service


def manager_before(config: Any, handler: Any, compute_score: Any = default_compute_score) -> GroupRewardManager:
    """A manager whose service is this handler of calls."""
    manager = manager_in_a_loop(config, compute_score)
    client = AsyncRewardClient(transport=MockTransport(handler), retries=Retries(attempts=1))
    manager.client = manager.submitter.client = manager.experience.client = manager.compared.client = client
    return manager
