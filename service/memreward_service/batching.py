"""Micro-batching across concurrent callers, without an artificial wait.

While one batch runs the next collects; when it is done, everything that waits goes together, up to a weight.
A lone caller therefore never waits for company, and a busy service finds its batch size by itself.
(Continuous batching in the sense of Orca, OSDI 2022, for a model of one step.)

No caller is ever stranded: each `submit` ends with its answer or with an error, also when its neighbour in
the batch is at fault, when callers leave, when the run function misbehaves and when the batcher closes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from memreward_proto.errors import Internal, Unavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, eq=False)
class _Caller(Generic[Item, Answer]):
    """One waiting `submit`. Its future is done early when the caller was cancelled."""

    item: Item
    weight: int
    answer: asyncio.Future[Answer]

    def fail(self, error: BaseException) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class Batcher(Generic[Item, Answer]):
    """Collects the items of concurrent callers and hands them to `run` together. Lives on one event loop."""

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        max_weight: int,
        weight: Callable[[Item], int],
    ) -> None:
        """`run` answers items in their order, one answer an item; it is never called twice at a time.

        A batch weighs at most `max_weight`, except that an item heavier than that goes alone.
        """
        self._run = run
        self._max_weight = max_weight
        self._weight = weight
        self._waiting: deque[_Caller[Item, Answer]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    async def submit(self, item: Item) -> Answer:
        """The answer for `item`. Raises what `run` raises for this item alone, Unavailable once closed, and
        Internal where `run` broke its promise (cancelled itself, or gave a wrong number of answers)."""
        if self._closed:
            raise _closed()
        loop = asyncio.get_running_loop()
        caller: _Caller[Item, Answer] = _Caller(item, self._weight(item), loop.create_future())
        self._waiting.append(caller)
        if self._worker is None:
            self._worker = loop.create_task(self._work(), name="memreward-batcher")
            self._worker.add_done_callback(self._ended)
        return await caller.answer

    async def close(self) -> None:
        """Let what runs finish and get its answers, then end everyone who still waits with Unavailable."""
        self._closed = True
        if self._worker is not None:
            await asyncio.wait({self._worker})

    async def _work(self) -> None:
        """Serve batch after batch until nobody waits."""
        try:
            while not self._closed and (batch := self._next_batch()):
                await self._serve(batch)
        finally:
            self._rest()

    def _ended(self, worker: asyncio.Task[None]) -> None:
        """A worker cancelled before its first step never reaches its `finally`."""
        if self._worker is worker:
            self._rest()

    def _rest(self) -> None:
        """No worker from here on: whoever still waits hears so, the next `submit` starts a new one."""
        self._worker = None
        _fail_all(self._waiting, _closed)
        self._waiting.clear()

    def _next_batch(self) -> list[_Caller[Item, Answer]]:
        """The longest run of waiting callers, in order of arrival, that fits; those that left are dropped."""
        batch: list[_Caller[Item, Answer]] = []
        total = 0
        while self._waiting:
            caller = self._waiting[0]
            if not caller.answer.done():
                if batch and total + caller.weight > self._max_weight:
                    break
                batch.append(caller)
                total += caller.weight
            self._waiting.popleft()
        return batch

    async def _serve(self, batch: Sequence[_Caller[Item, Answer]]) -> None:
        """Answer every caller. After a failure each item runs alone, so that only the guilty one fails."""
        try:
            answers = await self._answers(batch)
            for caller, answer in zip(batch, answers, strict=True):
                if not caller.answer.done():
                    caller.answer.set_result(answer)
        except _RunError as error:
            _fail_all(batch, partial(_broken, error))
        except Exception as error:
            if len(batch) == 1:
                batch[0].fail(error)
            for caller in batch:
                if not caller.answer.done():
                    await self._serve([caller])
        finally:
            _fail_all(batch, _closed)

    async def _answers(self, batch: Sequence[_Caller[Item, Answer]]) -> Sequence[Answer]:
        """Call `run` once. Raises _RunError for what no rerun can mend; the worker's own end passes."""
        try:
            answers = await self._run([caller.item for caller in batch])
        except (Exception, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            worker = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and worker is not None and worker.cancelling():
                raise
            raise _RunError(f"the run function ended with {type(error).__name__}") from error
        if len(answers) != len(batch):
            raise _RunError(f"the run function gave {len(answers)} answers for {len(batch)} items")
        return answers


class _RunError(Exception):
    """`run` did what it must not; every caller of the batch hears of it."""


def _broken(error: _RunError) -> Internal:
    internal = Internal("The batch could not be computed: try again, and report it if it happens again.")
    internal.__cause__ = error
    return internal


def _closed() -> Unavailable:
    return Unavailable("The service is shutting down: send the request again when it is back.")


def _fail_all(callers: Iterable[_Caller[Item, Answer]], error: Callable[[], BaseException]) -> None:
    """Give each its own exception object: a shared one would collect the tracebacks of all."""
    for caller in callers:
        caller.fail(error())
