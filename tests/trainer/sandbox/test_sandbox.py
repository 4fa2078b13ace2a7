"""What programs and scripts return, and how an isolation is chosen."""

from __future__ import annotations

import asyncio

import pytest

from memreward_trainer.sandbox import isolation as isolations
from memreward_trainer.sandbox import sandbox as sandboxes
from memreward_trainer.sandbox.answers import AnswerKind
from memreward_trainer.sandbox.inside.literals import encode
from memreward_trainer.sandbox.isolation import Isolation, SandboxUnavailable
from memreward_trainer.sandbox.limits import Limits
from memreward_trainer.sandbox.sandbox import LocalSandbox


async def test_a_program_is_loaded_once_and_called_often(sandbox: LocalSandbox) -> None:
    source = (
        "calls = []\ndef f(x, *, twice=False):\n    calls.append(x)\n    return (len(calls), x * 2 if twice else x)"
    )
    async with sandbox.program(source) as program:
        assert program.functions == {"f"}
        assert (await program.call("f", [encode({1})])).value == (1, {1})
        assert (await program.call("f", [3], {"twice": True})).value == (2, 6)


async def test_the_prelude_is_there_before_the_program(sandbox: LocalSandbox) -> None:
    async with sandbox.program(
        "def f(): return sqrt(16) + helper()", "from math import sqrt\ndef helper(): return 1"
    ) as program:
        assert (await program.call("f", [])).value == 5.0


async def test_an_exception_has_its_type_and_message(sandbox: LocalSandbox) -> None:
    async with sandbox.program("def f():\n    raise KeyError('gone')") as program:
        answer = await program.call("f", [])
    assert (answer.kind, answer.exception, answer.detail) == (AnswerKind.RAISED, "KeyError", "'gone'")


@pytest.mark.parametrize(
    ("source", "exception"),
    [("def f(:", "SyntaxError"), ("import no_such_module", "ModuleNotFoundError"), ("1/0", "ZeroDivisionError"),
     ("raise SystemExit(2)", "SystemExit")],
)  # fmt: skip
async def test_a_program_that_does_not_load_says_why(sandbox: LocalSandbox, source: str, exception: str) -> None:
    async with sandbox.program(source) as program:
        assert program.failure is not None
        assert program.failure.exception == exception
        assert (await program.call("f", [])) == program.failure
        assert (await program.call_rows("f", [[1], [2]], 2)) == [program.failure] * 2


async def test_a_program_that_never_ends_loading_is_stopped(sandbox: LocalSandbox) -> None:
    async with sandbox.program("while True: pass") as program:
        assert program.failure is not None
        assert program.failure.kind is AnswerKind.TIMED_OUT


async def test_arguments_changed_in_place_come_back_with_none(sandbox: LocalSandbox) -> None:
    source = "def f(x):\n    x.sort()\ndef g(x):\n    x.sort()\n    return x\ndef h(x): pass"
    async with sandbox.program(source) as program:
        assert (await program.call("f", [[2, 1]])).arguments == [[1, 2]]
        assert (await program.call("g", [[2, 1]])).arguments is None
        assert (await program.call("h", [[2, 1]])).arguments is None


async def test_many_rows_are_one_exchange(sandbox: LocalSandbox) -> None:
    source = (
        "def f(x):\n    while x > 7: pass\n    if x == 3: raise ValueError\n    return 'x' * 10**6 if x == 4 else x"
    )
    async with sandbox.program(source) as program:
        kinds = [answer.kind.value for answer in await program.call_rows("f", [[1], [3], [4], [8], [9], [2]], 2)]
        assert kinds == ["value", "raised", "too_large", "timed_out", "timed_out", "timed_out"]
        assert (await program.call_rows("f", [], 2)) == []


async def test_random_numbers_and_hashes_are_the_same_every_time(sandbox: LocalSandbox) -> None:
    source = "import random\ndef f():\n    return [random.random(), hash('a'), list({'a', 'b', 'c', 'd'})]"
    seen = []
    for _ in range(2):
        async with sandbox.program(source) as program:
            seen += [(await program.call("f", [])).encoded, (await program.call("f", [])).encoded]
    assert seen == [seen[0]] * 4


async def test_a_script_reads_and_prints(sandbox: LocalSandbox) -> None:
    for read in ("input()", "sys.stdin.read()", "open(0).read()", "sys.stdin.buffer.read().decode()"):
        end = await sandbox.run_script(f"import sys\nprint(int({read}) * 2)\nprint('x', file=sys.stderr)", "21")
        assert (end.kind, end.output, end.status) == (AnswerKind.VALUE, "42\n", 0)


async def test_a_script_is_main_and_has_exit_handlers_and_a_status(sandbox: LocalSandbox) -> None:
    source = "import atexit, sys\natexit.register(print, 'bye')\nif __name__ == '__main__':\n    sys.exit(3)"
    end = await sandbox.run_script(source, "")
    assert (end.output, end.status) == ("bye\n", 3)
    assert (await sandbox.run_script("def f(:", "")).status == 1


@pytest.mark.parametrize(
    ("source", "kind"),
    [("while True: pass", AnswerKind.ENDED), ("while True: print('x' * 1000)", AnswerKind.TOO_LARGE),
     ("import os; os.abort()", AnswerKind.ENDED), ("import os\nwhile True: os.fork()", AnswerKind.VALUE)],
)  # fmt: skip
async def test_a_script_that_goes_wrong_is_stopped(sandbox: LocalSandbox, source: str, kind: AnswerKind) -> None:
    end = await sandbox.run_script(source, "")
    assert end.kind is kind
    assert end.status != 0 or kind is not AnswerKind.VALUE


async def test_programs_beyond_the_limit_wait_their_turn() -> None:
    sandbox = LocalSandbox(concurrency=2)
    entered: asyncio.Queue[int] = asyncio.Queue()
    leave = asyncio.Event()

    async def one(number: int) -> None:
        async with sandbox.program("def f(): return 1"):
            await entered.put(number)
            await leave.wait()

    async with asyncio.TaskGroup() as tasks:
        for number in range(3):
            tasks.create_task(one(number))
        inside = {await entered.get(), await entered.get()}
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(entered.get(), 0.5)
        leave.set()
    assert inside | {entered.get_nowait()} == {0, 1, 2}


async def test_auto_takes_the_strongest_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolations.shutil, "which", lambda _: None)
    chosen = await LocalSandbox().prepare()
    assert chosen is Isolation.LANDLOCK
    with pytest.raises(SandboxUnavailable, match="bwrap is not installed: install"):
        await LocalSandbox(Isolation.BUBBLEWRAP).prepare()


async def test_a_machine_that_isolates_nothing_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(isolation: Isolation, _: Limits) -> str:
        return f"No {isolation} here."

    monkeypatch.setattr(sandboxes, "missing_part", lambda _: None)
    monkeypatch.setattr(sandboxes, "_trial", fails)
    with pytest.raises(SandboxUnavailable, match=r"isolated here\. bubblewrap: No bubblewrap here\. landlock: No land"):
        async with LocalSandbox().program("def f(): pass"):
            pass


async def test_other_systems_than_linux_are_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolations.sys, "platform", "darwin")
    with pytest.raises(SandboxUnavailable, match="needs Linux: run the trainer in a container"):
        await LocalSandbox().prepare()


def test_a_limit_is_positive() -> None:
    with pytest.raises(ValueError, match="cpu_seconds is 0: a limit is a positive number"):
        Limits(cpu_seconds=0)
