"""Nobody who submits is ever left waiting. Events decide the order; there is no sleep and no timing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from memreward_proto.errors import Internal, Unavailable
from memreward_service.batching import Batcher


class Doubler:
    """A run function under control: each call waits for `go`, and fails on what `faults` names."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.running = 0
        self.go = asyncio.Event()
        self.started = asyncio.Event()
        self.faults: dict[int, BaseException] = {}

    async def __call__(self, items: Sequence[int]) -> Sequence[int]:
        assert self.running == 0, "two batches at a time"
        self.running += 1
        self.batches.append(list(items))
        self.started.set()
        try:
            await self.go.wait()
            for item in items:
                if item in self.faults:
                    raise self.faults[item]
            return [2 * item for item in items]
        finally:
            self.running -= 1


class Guilty(BaseException):
    """Not an Exception."""


def submit(batcher: Batcher[int, int], *items: int) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(batcher.submit(item)) for item in items]


async def behind_a_running_batch(
    run: Doubler, *items: int, max_weight: int = 100
) -> tuple[Batcher[int, int], asyncio.Task[int], list[asyncio.Task[int]]]:
    """A batcher whose first batch (the item 1000) runs, while `items` wait for the next."""
    batcher = Batcher(run, max_weight, lambda item: item % 100)
    (first,) = submit(batcher, 1000)
    await run.started.wait()
    waiting = submit(batcher, *items)
    await turns()
    assert run.batches == [[1000]]
    return batcher, first, waiting


async def turns() -> None:
    """Let everything that can go on, go on."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_lone_caller_does_not_wait_for_company() -> None:
    run = Doubler()
    run.go.set()
    batcher = Batcher(run, 10, lambda _: 1)
    assert await batcher.submit(4) == 8
    assert await batcher.submit(5) == 10
    assert run.batches == [[4], [5]]


async def test_what_waits_goes_together_and_each_gets_its_own_answer() -> None:
    run = Doubler()
    _, first, waiting = await behind_a_running_batch(run, 1, 2, 3)
    run.go.set()
    assert await asyncio.gather(first, *waiting) == [2000, 2, 4, 6]
    assert run.batches == [[1000], [1, 2, 3]]


async def test_a_batch_keeps_to_its_weight_and_to_the_order_of_arrival() -> None:
    run = Doubler()
    _, first, waiting = await behind_a_running_batch(run, 6, 5, 4, 50, 1, max_weight=10)
    run.go.set()
    assert await asyncio.gather(first, *waiting) == [2000, 12, 10, 8, 100, 2]
    assert run.batches == [[1000], [6], [5, 4], [50], [1]]


async def test_one_of_three_batched_callers_leaves_while_the_batch_runs() -> None:
    run = Doubler()
    batcher = Batcher(run, 100, lambda _: 1)
    one, two, three = submit(batcher, 1, 2, 3)
    await run.started.wait()
    assert run.batches == [[1, 2, 3]]
    two.cancel()
    await turns()
    assert two.cancelled()
    run.go.set()
    assert await asyncio.gather(one, three) == [2, 6]
    assert await batcher.submit(4) == 8


async def test_a_caller_that_left_before_its_batch_is_skipped() -> None:
    run = Doubler()
    _, first, (one, two, three) = await behind_a_running_batch(run, 1, 2, 3)
    two.cancel()
    run.go.set()
    assert await asyncio.gather(first, one, three) == [2000, 2, 6]
    assert two.cancelled()
    assert run.batches == [[1000], [1, 3]]


async def test_when_everyone_left_nothing_runs_and_the_next_is_served() -> None:
    run = Doubler()
    batcher, first, waiting = await behind_a_running_batch(run, 1, 2)
    for task in waiting:
        task.cancel()
    run.go.set()
    assert await first == 2000
    await turns()
    assert run.batches == [[1000]]
    assert await batcher.submit(7) == 14


async def test_only_the_guilty_caller_gets_the_error() -> None:
    run = Doubler()
    run.faults[2] = ValueError("two")
    run.go.set()
    batcher = Batcher(run, 100, lambda _: 1)
    one, two, three = await asyncio.gather(*submit(batcher, 1, 2, 3), return_exceptions=True)
    assert (one, three) == (2, 6)
    assert isinstance(two, ValueError)
    assert run.batches == [[1, 2, 3], [1], [2], [3]]
    assert await batcher.submit(4) == 8


async def test_who_left_during_a_failed_batch_is_not_run_again() -> None:
    run = Doubler()
    run.faults[2] = ValueError("two")
    batcher = Batcher(run, 100, lambda _: 1)
    one, two, three = submit(batcher, 1, 2, 3)
    await run.started.wait()
    three.cancel()
    await turns()
    run.go.set()
    assert await one == 2
    with pytest.raises(ValueError, match="two"):
        await two
    assert three.cancelled()
    assert run.batches == [[1, 2, 3], [1], [2]]


@pytest.mark.parametrize("fault", [asyncio.CancelledError(), Guilty()])
async def test_a_run_function_that_ends_itself_fails_its_whole_batch_and_no_other(
    fault: BaseException,
) -> None:
    run = Doubler()
    run.faults[2] = fault
    batcher, first, waiting = await behind_a_running_batch(run, 1, 2)
    run.go.set()
    assert await first == 2000
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in errors] == [Internal, Internal]
    assert errors[0] is not errors[1]
    assert run.batches == [[1000], [1, 2]]
    assert await batcher.submit(3) == 6


@pytest.mark.parametrize("answers", [[], [1], [1, 2, 3]])
async def test_a_wrong_number_of_answers_is_an_error_for_every_caller(answers: list[int]) -> None:
    calls: list[list[int]] = []

    async def run(items: Sequence[int]) -> Sequence[int]:
        calls.append(list(items))
        return answers

    batcher = Batcher(run, 100, lambda _: 1)
    errors = await asyncio.gather(*submit(batcher, 7, 8), return_exceptions=True)
    assert [type(error) for error in errors] == [Internal, Internal]
    assert f"{len(answers)} answers for 2 items" in str(errors[0].__cause__)  # type: ignore[union-attr]
    assert calls == [[7, 8]]


async def test_no_answers_at_all_is_an_error_for_every_caller() -> None:
    async def run(items: Sequence[int]) -> Sequence[int]:
        return None  # type: ignore[return-value]

    errors = await asyncio.gather(*submit(Batcher(run, 9, lambda _: 1), 7, 8), return_exceptions=True)
    assert [type(error) for error in errors] == [TypeError, TypeError]


async def test_a_weight_that_cannot_be_told_is_the_error_of_its_caller_alone() -> None:
    run = Doubler()
    run.go.set()
    batcher = Batcher(run, 100, lambda item: 10 // item)
    zero, five = await asyncio.gather(*submit(batcher, 0, 5), return_exceptions=True)
    assert isinstance(zero, ZeroDivisionError)
    assert five == 10


async def test_close_lets_finish_what_runs_and_ends_who_waits() -> None:
    run = Doubler()
    batcher, first, waiting = await behind_a_running_batch(run, 1, 2)
    closing = asyncio.create_task(batcher.close())
    await turns()
    assert not closing.done()
    assert not any(task.done() for task in waiting)
    with pytest.raises(Unavailable):
        await batcher.submit(9)
    run.go.set()
    await closing
    assert await first == 2000
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in errors] == [Unavailable, Unavailable]
    assert run.batches == [[1000]]
    await batcher.close()


async def test_close_of_an_idle_batcher() -> None:
    batcher = Batcher(Doubler(), 100, lambda _: 1)
    await batcher.close()
    with pytest.raises(Unavailable):
        await batcher.submit(1)


@pytest.mark.parametrize("started", [True, False])
async def test_a_cancelled_worker_strands_nobody(started: bool) -> None:
    run = Doubler()
    batcher = Batcher(run, 1, lambda _: 1)
    tasks = submit(batcher, 1, 2, 3)
    await asyncio.sleep(0)
    if started:
        await run.started.wait()
    (worker,) = [task for task in asyncio.all_tasks() if task.get_name() == "memreward-batcher"]
    worker.cancel()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(error) for error in errors] == [Unavailable] * 3
    run.go.set()
    assert await batcher.submit(4) == 8


async def test_a_worker_cancelled_during_the_reruns_strands_nobody() -> None:
    rerun = asyncio.Event()

    async def run(items: Sequence[int]) -> Sequence[int]:
        if list(items) == [2]:
            rerun.set()
            await asyncio.Event().wait()
        raise ValueError(f"{len(items)} items")

    tasks = submit(Batcher(run, 100, lambda _: 1), 1, 2, 3)
    await rerun.wait()
    (worker,) = [task for task in asyncio.all_tasks() if task.get_name() == "memreward-batcher"]
    worker.cancel()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(error) for error in errors] == [ValueError, Unavailable, Unavailable]
