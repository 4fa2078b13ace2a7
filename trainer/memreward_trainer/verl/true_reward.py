"""The true reward of a labelled rollout, by verl's own reward function, within a time."""

from __future__ import annotations

import asyncio
import inspect
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Literal

from verl.experimental.reward_loop.reward_manager.naive import NaiveRewardManager
from verl.utils.reward_score import default_compute_score

PARALLEL = 64
"""Reward functions that are no coroutines and run at once in one worker, each in a thread."""


class NoTrueReward(Exception):
    """There is no true reward. `to_correct`: the set-up is wrong, which no stated reward may hide."""

    def __init__(
        self, status: Literal["verifier_failed", "verifier_timeout"], message: str, *, to_correct: bool = False
    ) -> None:
        super().__init__(message)
        self.status, self.to_correct = status, to_correct


class TrueRewards:
    """Asks verl's reward function, with all that verl's own reward manager passes to it, and waits `seconds` at most.

    A function that is no coroutine gets a thread of its own: one that hangs, which nothing can end, takes no place
    from the threads of the event loop, in which predicted rollouts are decoded. It is counted as `hanging` until it
    returns; with PARALLEL of them no other is started.
    """

    def __init__(
        self,
        config: Any,
        tokenizer: Any,
        compute_score: Any,
        reward_router_address: str | None,
        reward_model_tokenizer: Any,
        seconds: float,
    ) -> None:
        self._function = compute_score or default_compute_score
        self._seconds = seconds
        self._places = asyncio.Semaphore(PARALLEL)
        self.hanging = 0
        self._verl = NaiveRewardManager(
            config, tokenizer, self._within_time, reward_router_address, reward_model_tokenizer
        )

    async def of(self, data: Any) -> float:
        """The true reward of the last row of `data`, a DataProto: a finite number, often 0 or 1.

        Raises:
            NoTrueReward: the function failed, took too long, or gave something else.
        """
        try:
            reward = float((await self._verl.run_single(data))["reward_score"])
        except NoTrueReward:
            raise
        except Exception as error:
            to_correct = isinstance(error, NotImplementedError | ImportError)
            message = f"the reward function failed with {type(error).__name__}: {error}"
            raise NoTrueReward("verifier_failed", message, to_correct=to_correct) from error
        if not math.isfinite(reward):
            raise NoTrueReward("verifier_failed", f"the reward function gave {reward}, which is no reward")
        return reward

    async def _within_time(self, **asked: Any) -> Any:
        if inspect.iscoroutinefunction(self._function):
            try:
                async with asyncio.timeout(self._seconds) as limit:
                    return await self._function(**asked)
            except TimeoutError as error:
                # Else it is one of the function's own.
                raise (self._late() if limit.expired() else error) from None
        async with self._places:
            return await self._in_thread(asked)

    async def _in_thread(self, asked: dict[str, Any]) -> Any:
        if self.hanging >= PARALLEL:
            raise NoTrueReward(
                "verifier_timeout", f"{self.hanging} calls of the reward function hang, so it is no longer called"
            )
        running = _thread(lambda: self._function(**asked))
        waiting = asyncio.wrap_future(running)
        try:
            done, _ = await asyncio.wait([waiting], timeout=self._seconds)
            if done:
                return waiting.result()
            raise self._late()
        finally:
            if not waiting.done():
                # Too late, or the caller no longer waits.
                waiting.cancel()
                self.hanging += 1
                loop = asyncio.get_running_loop()
                running.add_done_callback(
                    lambda _: None if loop.is_closed() else loop.call_soon_threadsafe(self._returned)
                )

    def _late(self) -> NoTrueReward:
        return NoTrueReward("verifier_timeout", f"the reward function took more than {self._seconds:g} seconds")

    def _returned(self) -> None:
        self.hanging -= 1


def _thread(work: Callable[[], Any]) -> Future[Any]:
    """The result of `work`, run in a thread that does not keep the process alive."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)
        except BaseException as error:
            # SystemExit of a reward function must not become that of the worker.
            future.set_exception(RuntimeError(f"{type(error).__name__}: {error}"))

    threading.Thread(target=run, name="true-reward", daemon=True).start()
    return future
