"""`python -m verl.trainer.main_ppo` on this machine, and what it writes down about every sample."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psutil
import pyarrow
from pyarrow import parquet

from trainer.real.recording_proxy import RecordingProxy
from trainer.real.sums import DATASET, Sum

TESTS = Path(__file__).parents[2]
PROMPTS_A_STEP = 4
ROLLOUTS = 8
REWARD_WORKERS = 2
PATIENCE_SECONDS = 540.0
MODEL = "actor_rollout_ref.model"
ACTOR = "actor_rollout_ref.actor"
ROLLOUT = "actor_rollout_ref.rollout"
ON_CPU = [
    "trainer.device=cpu",
    "trainer.n_gpus_per_node=1",
    f"+{MODEL}.override_config.attn_implementation=sdpa",
    f"{MODEL}.use_remove_padding=False",
    f"{MODEL}.enable_gradient_checkpointing=False",
    f"{ACTOR}.strategy=fsdp2",
    f"{ACTOR}.fsdp_config.strategy=fsdp2",
    f"{ACTOR}.use_torch_compile=False",
    f"{ACTOR}.fsdp_config.use_torch_compile=False",
    f"{ACTOR}.fsdp_config.dtype=float32",
    f"+{ACTOR}.fsdp_config.mixed_precision={{param_dtype:fp32,reduce_dtype:fp32,buffer_dtype:fp32}}",
    f"{ROLLOUT}.name=tiny_policy",
    f"{ROLLOUT}.tensor_model_parallel_size=1",
    f"{ROLLOUT}.load_format=auto",
    f"{ROLLOUT}.agent.num_workers=1",
    "data.dataloader_num_workers=0",
    "transfer_queue.backend.SimpleStorage.num_data_storage_units=1",
    # Logical: verl's placement never fits into fewer, whatever the machine has.
    "ray_kwargs.ray_init.num_cpus=16",
    "+ray_kwargs.ray_init.num_gpus=1",
    "+ray_kwargs.ray_init.include_dashboard=False",
    f"+ray_kwargs.ray_init.object_store_memory={300 * 2**20}",
]
"""What makes verl run where there is no accelerator."""
THE_TASK = [
    "algorithm.adv_estimator=grpo",
    f"data.train_batch_size={PROMPTS_A_STEP}",
    "data.max_prompt_length=32",
    "data.max_response_length=8",
    "data.filter_overlong_prompts=False",
    f"{ACTOR}.optim.lr=3e-4",
    f"{ACTOR}.ppo_mini_batch_size={PROMPTS_A_STEP}",
    f"{ACTOR}.ppo_micro_batch_size_per_gpu={PROMPTS_A_STEP * ROLLOUTS}",
    f"{ACTOR}.use_kl_loss=False",
    f"{ROLLOUT}.n={ROLLOUTS}",
    f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu={PROMPTS_A_STEP * ROLLOUTS}",
    f"{ROLLOUT}.calculate_log_probs=True",
    f"reward.num_workers={REWARD_WORKERS}",
    "trainer.logger=[console]",
    "trainer.save_freq=-1",
    "trainer.resume_mode=disable",
    "trainer.total_epochs=1000",
]
"""GRPO on sums, as a user would configure it."""


def memreward(url: str) -> list[str]:
    """What a user of the service adds, and the true reward that a validation needs anyway."""
    return [
        "reward.reward_manager.source=importlib",
        "reward.reward_manager.module.path=pkg://memreward_trainer.verl.manager",
        "reward.reward_manager.name=GroupRewardManager",
        f"+reward.memreward.url={url}",
        "+reward.memreward.domain=math",
        # Of the validation, which the service does not score.
        f"reward.custom_reward_function.path={TESTS / 'trainer' / 'real' / 'true_reward.py'}",
    ]


@dataclass(frozen=True)
class Sample:
    """One rollout that verl trained on, as it dumped it. `place` is (uid, session)."""

    step: int
    place: tuple[str, int]
    response: str
    truth: int
    score: float

    @property
    def right(self) -> bool:
        return self.response.split()[-1:] == [str(self.truth)]


class VerlRun:
    """A run in a session of its own, ended with all that it started. `folder` receives all that it writes.

    It trains on `queries`, rewarded by the service at `url`, and is validated before and after on `held_out`, where
    there are any, by their truth. `overrides` are further lines of its configuration.
    """

    def __init__(
        self,
        folder: Path,
        policy: Path,
        url: str,
        steps: int,
        queries: Sequence[Sum],
        held_out: Sequence[Sum] = (),
        overrides: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.dump = folder / "dump"
        self.validation = folder / "validation"
        folder.mkdir(parents=True)
        write_sums(folder / "train.parquet", queries, "train")
        write_sums(folder / "test.parquet", held_out or queries, "test")
        # Ray puts Unix sockets in there, whose paths must be short.
        self.ray = Path(tempfile.mkdtemp(prefix="verl-", dir="/tmp"))
        command = [
            *(sys.executable, "-m", "verl.trainer.main_ppo", *ON_CPU, *THE_TASK),
            f"{MODEL}.path={policy}",
            f"data.train_files={folder / 'train.parquet'}",
            f"data.val_files={folder / 'test.parquet'}",
            f"trainer.rollout_data_dir={self.dump}",
            f"trainer.validation_data_dir={self.validation}",
            f"trainer.total_training_steps={steps}",
            f"trainer.val_before_train={bool(held_out)}",
            f"trainer.test_freq={steps if held_out else -1}",
            f"+ray_kwargs.ray_init._temp_dir={self.ray}",
            *memreward(url),
            *overrides,
        ]
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=_environment(), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def log_file(self) -> Path:
        return self.folder / "verl.log"

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    @property
    def traces(self) -> str:
        """The end of the log, to see why a run failed."""
        return self.log[-6000:]

    def steps_done(self) -> int:
        """How many steps it has dumped."""
        return len(list(self.dump.glob("*.jsonl")))

    def samples(self) -> list[Sample]:
        """Every sample of every step, in order."""
        return [sample for step in range(1, self.steps_done() + 1) for sample in _samples(self.dump, step)]

    def metrics(self, name: str) -> dict[int, float]:
        """Step -> the value of a metric, as verl's console logger told it."""
        lines = [line for line in self.log.splitlines() if re.search(r"\bstep:\d+ - ", line)]
        found = [
            (re.search(r"\bstep:(\d+) - ", line), re.search(rf" - {re.escape(name)}:(\S+)", line)) for line in lines
        ]
        number = re.compile(r"[-+.\de]+")
        return {
            int(step[1]): float(told[0])
            for step, value in found
            if step and value and (told := number.search(value[1].removeprefix("np.float64")))
        }

    def validated(self, step: int) -> list[Sample]:
        """Every sample of the validation after so many steps."""
        return _samples(self.validation, step)

    def until_step(self, step: int) -> None:
        """Wait until it has trained on so many steps."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.steps_done() < step:
            assert self.process.poll() is None and time.monotonic() < deadline, self.traces
            time.sleep(0.1)

    def until_ended(self) -> int:
        """Its exit code."""
        return self.process.wait(PATIENCE_SECONDS)

    def __enter__(self) -> VerlRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            # Ray's processes have groups of their own, and end when this one does.
            started = psutil.Process(self.process.pid)
            others = started.children(recursive=True)
            self.process.terminate()
            psutil.wait_procs([started, *others], timeout=30)
            for each in (started, *others):
                with suppress(psutil.NoSuchProcess):
                    each.kill()
            self.process.wait()
        shutil.rmtree(self.ray, ignore_errors=True)


def write_sums(path: Path, queries: Sequence[Sum], split: str) -> None:
    """The data set that verl reads."""
    rows = [
        {
            "data_source": DATASET,
            "prompt": query.messages,
            "reward_model": {"style": "rule", "ground_truth": str(query.answer)},
            "extra_info": {"split": split, "index": place},
        }
        for place, query in enumerate(queries)
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def _samples(folder: Path, step: int) -> list[Sample]:
    rows = [json.loads(line) for line in (folder / f"{step}.jsonl").read_text().splitlines()]
    places = [row["uid"].rsplit("_", 2) for row in rows]
    return [
        Sample(row["step"], (uid, int(session)), row["output"], int(row["gts"]), row["score"])
        for row, (uid, session, _) in zip(rows, places, strict=True)
        if not uid.startswith("pad")  # verl's own, in the place of rollouts that are left out; else hexadecimal
    ]


def rewards_given(proxy: RecordingProxy) -> dict[tuple[str, int], float]:
    """The rewards that the service answered, by place.

    At times the policy ends at once. Such a blank response is the only one without a reward, and is left out by verl.
    """
    sent = {(each["group_id"], each["rollout_index"]): each["rollout"]["response"] for each in proxy.submissions()}
    answered = proxy.rewards()
    assert answered.keys() == sent.keys()
    for place, response in sent.items():
        assert (answered[place]["status"], answered[place]["reward"] is None) == (
            ("ok", False) if response.strip() else ("invalid", True)
        )
    return {place: answer["reward"] for place, answer in answered.items() if answer["reward"] is not None}


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MEMREWARD_", "CUDA_"))}
    return kept | {
        "PYTHONPATH": str(TESTS),
        "VERL_PLATFORM": "cpu",
        "VERL_USE_EXTERNAL_MODULES": "trainer.real.verl_cpu",
        # The FSDP engine is registered for accelerators only, and asks nothing of CUDA.
        "VERL_ENGINE_DEVICE": "cuda",
        "HF_HUB_OFFLINE": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        # Else it starts a Python process for each logical CPU ahead of time.
        "RAY_prestart_worker_first_driver": "0",
        "HYDRA_FULL_ERROR": "1",
    }
