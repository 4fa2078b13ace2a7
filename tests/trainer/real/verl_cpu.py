"""verl 0.9.1 on a machine without an accelerator: a platform that is the CPU, and a rollout server for a tiny policy.

verl imports this in each of its processes (VERL_USE_EXTERNAL_MODULES). The trainer, the replay buffer, the agent loop,
the reward workers and FSDP2 are verl's own; a real run has vLLM or SGLang where this has `PolicyServer`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import ray
import torch
from verl.plugin.platform import PlatformBase, PlatformRegistry
from verl.utils import distributed, import_utils
from verl.workers.rollout.base import _ROLLOUT_REGISTRY, BaseRollout
from verl.workers.rollout.replica import RolloutReplica, RolloutReplicaRegistry, TokenOutput

ROLLOUT = "tiny_policy"
"""The name of the rollout in verl's configuration."""
SERVER = "tiny_policy_server"


def _nothing(*_: Any, **__: Any) -> int:
    return 0


# What verl asks of torch.<device> about memory, and torch.cpu does not have.
for _name in ("empty_cache", "memory_allocated", "memory_reserved", "max_memory_allocated", "max_memory_reserved"):
    if not hasattr(torch.cpu, _name):
        setattr(torch.cpu, _name, _nothing)

# verl joins one backend for the CPU and one for the device; torch refuses to be told about the CPU twice.
distributed.initialize_global_process_group_ray = partial(
    distributed.initialize_global_process_group_ray, backend="cpu:gloo"
)

# TRL, which is installed beside it for its own tests, no longer has the class that verl patches where it finds TRL.
import_utils.is_trl_available = lambda: False


@PlatformRegistry.register(platform="cpu")
class CpuPlatform(PlatformBase):
    """The CPU as verl's one device; Ray is told of it as one GPU, which verl's placement asks for."""

    device_name = "cpu"
    vendor_name = "cpu"
    device_module = torch.cpu

    def is_available(self) -> bool:
        return True

    def current_device(self) -> torch.device:
        return torch.device("cpu")

    def device_count(self) -> int:
        return 1

    def set_device(self, device_index: int) -> None:
        return None

    def synchronize(self, device_index: int | None = None) -> None:
        return None

    def manual_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings: str) -> None:
        return None

    def empty_cache(self) -> None:
        return None

    def get_device_capability(self, device_index: int = 0) -> tuple[int | None, int | None]:
        return None, None

    def communication_backend_name(self) -> str:
        return "gloo"

    def visible_devices_envvar(self) -> str:
        return "CUDA_VISIBLE_DEVICES"

    @contextmanager
    def nvtx_range(self, msg: str) -> Iterator[None]:
        yield

    def profiler_start(self) -> None:
        return None

    def profiler_stop(self) -> None:
        return None

    def ray_resource_name(self) -> str:
        return "GPU"

    def ray_noset_envvars(self) -> list[str]:
        return []

    def is_ipc_supported(self) -> bool:
        return False

    def cudart(self) -> None:
        return None


class PolicyServer:
    """The Ray actor that samples. Its calls run one after another, so weights never change inside a response."""

    def __init__(self, path: str, longest: int) -> None:
        from transformers import AutoModelForCausalLM

        self.model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
        self.end = self.model.config.eos_token_id
        self.longest = longest
        self.step = 0

    async def load(self, weights: dict[str, torch.Tensor], step: int | None) -> None:
        self.model.load_state_dict(weights)
        self.step = step or 0

    async def generate(
        self, request_id: str, *, prompt_ids: list[int], sampling_params: dict[str, Any], **_: Any
    ) -> TokenOutput:
        """At most `longest` tokens, ended by the end token, which is part of the response."""
        assert sampling_params["top_p"] == 1 and sampling_params["top_k"] <= 0, sampling_params
        tokens, log_probs = self._sample(list(prompt_ids), sampling_params["temperature"])
        return TokenOutput(
            token_ids=tokens,
            log_probs=log_probs if sampling_params.get("logprobs") else None,
            stop_reason="completed",
            extra_fields={"global_steps": self.step},
        )

    @torch.no_grad()
    def _sample(self, prompt: list[int], temperature: float) -> tuple[list[int], list[float]]:
        tokens: list[int] = []
        log_probs: list[float] = []
        while len(tokens) < self.longest and tokens[-1:] != [self.end]:
            told = self.model(torch.tensor([prompt + tokens])).logits[0, -1].log_softmax(-1)
            greedy = temperature == 0
            drawn = told.argmax() if greedy else torch.multinomial((told / temperature).softmax(-1), 1)
            tokens.append(int(drawn))
            log_probs.append(float(told[tokens[-1]]))
        return tokens, log_probs

    async def sleep(self) -> None:
        return None

    async def wake_up(self) -> None:
        return None


class PolicyReplica(RolloutReplica):
    """Starts the server."""

    async def launch_servers(self) -> None:
        self._server_address = SERVER
        actor = ray.remote(PolicyServer).options(name=SERVER, num_cpus=0)
        self._server_handle = actor.remote(self.model_config.path, self.config.response_length)
        self.servers = [self._server_handle]


class PolicyWeights(BaseRollout):
    """In the trainer's worker: sends new weights to the server."""

    async def resume(self, tags: list[str]) -> None:
        return None

    async def release(self) -> None:
        return None

    async def update_weights(
        self, weights: Iterator[tuple[str, torch.Tensor]], global_steps: int | None = None, **_: Any
    ) -> None:
        copied = {name: weight.detach().clone() for name, weight in weights}
        await ray.get_actor(SERVER).load.remote(copied, global_steps)


RolloutReplicaRegistry.register(ROLLOUT, lambda: PolicyReplica)
_ROLLOUT_REGISTRY[(ROLLOUT, "async")] = f"{__name__}.{PolicyWeights.__name__}"
