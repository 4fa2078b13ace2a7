"""Programs that try to get out, to take too much, or to stay. Each runs in every isolation that this machine has."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import textwrap
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from memreward_trainer.sandbox import launch
from memreward_trainer.sandbox.answers import Answer, AnswerKind
from memreward_trainer.sandbox.sandbox import LocalSandbox

from .conftest import MARKER, processes_of

Call = Callable[..., Awaitable[Answer]]
WRITER = """
import os
def f():
    for _ in range({times}):
        for number in range(3, 20):
            try:
                os.write(number, {noise!r})
            except OSError:
                pass
"""


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_a_fork_bomb_starts_no_process(call: Call) -> None:
    answer = await call("import os\ndef f():\n    while True: os.fork()")
    assert (answer.kind, answer.exception) == (AnswerKind.RAISED, "PermissionError")


@pytest.mark.parametrize(
    "start",
    ["import subprocess; subprocess.run(['/bin/sh', '-c', 'true'])", "import os; os.execv('/bin/sh', ['sh'])",
     "import os; os.posix_spawn('/bin/sh', ['sh'], {})"],
)  # fmt: skip
async def test_no_other_program_can_be_started(call: Call, start: str) -> None:
    answer = await call(f"def f():\n    {start}")
    assert answer.exception in ("PermissionError", "FileNotFoundError")


async def test_an_infinite_loop_costs_one_call(sandbox: LocalSandbox) -> None:
    async with sandbox.program("def f(x):\n    while x: pass\n    return 7") as program:
        assert (await program.call("f", [1])).kind is AnswerKind.TIMED_OUT
        assert (await program.call("f", [0])).encoded == 7


@pytest.mark.parametrize(
    "stubborn",
    ["import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n    except Exception: pass",
     "import signal; signal.setitimer(signal.ITIMER_VIRTUAL, 0)"],
)  # fmt: skip
async def test_an_infinite_loop_that_ignores_signals_is_killed(call: Call, stubborn: str) -> None:
    body = textwrap.indent(stubborn, "    ")
    loop = "    while True:\n        try:\n            while True: pass\n        except BaseException: pass"
    answer = await call(f"def f():\n{body}\n{loop}")
    assert (answer.kind, answer.message) == (AnswerKind.ENDED, "used up its processor time")


async def test_a_long_step_of_the_interpreter_is_killed(call: Call) -> None:
    assert (await call("def f():\n    return len(str(7 ** 9 ** 9))")).kind is not AnswerKind.VALUE


async def test_a_program_that_sleeps_is_killed(sandbox: LocalSandbox) -> None:
    assert sandbox.isolation is not None
    limits = replace(sandbox.limits, wall_seconds=2.0)
    impatient = LocalSandbox(sandbox.isolation, limits)
    async with impatient.program("import time\ndef f():\n    time.sleep(1000)") as program:
        answer = await program.call("f", [])
        assert (answer.kind, answer.message) == (AnswerKind.ENDED, "gave no answer in time")
        assert (await program.call("f", [])).kind is AnswerKind.ENDED


@pytest.mark.parametrize("bomb", ["'x' * 10**10", "[0] * 10**9", "bytearray(2**33)", "list(range(10**9))"])
async def test_a_memory_bomb_raises_in_the_program(call: Call, bomb: str) -> None:
    assert (await call(f"def f():\n    return len({bomb})")).exception == "MemoryError"


async def test_memory_outside_the_heap_is_refused_too(call: Call) -> None:
    answer = await call("import os\ndef f():\n    return os.memfd_create('m')")
    assert answer.exception == "PermissionError"


@pytest.mark.parametrize("large", ["'x' * 10**7", "list(range(10**6))", "{i: i for i in range(10**5)}"])
async def test_a_huge_result_is_no_value(call: Call, large: str) -> None:
    assert (await call(f"def f():\n    return {large}")).kind in (AnswerKind.TOO_LARGE, AnswerKind.ENDED)


async def test_prints_go_nowhere(call: Call) -> None:
    answer = await call(
        "import os\ndef f():\n    for n in (1, 2): os.write(n, b'{\"value\": 1}\\n' * 1000)\n    return 2"
    )
    assert answer.encoded == 2


async def test_a_stream_without_an_end_is_cut(call: Call) -> None:
    answer = await call(WRITER.format(noise=b"x" * 60_000, times=1000))
    assert answer.kind is AnswerKind.ENDED


@pytest.mark.parametrize("noise", [b"\xff\xfe\n", b"[" * 100_000 + b"\n", b"17\n", b"{}\n", b'{"value": {"no": 1}}\n'])
async def test_noise_in_the_protocol_is_no_value(call: Call, noise: bytes) -> None:
    answer = await call(WRITER.format(noise=noise, times=1))
    if answer.kind is AnswerKind.VALUE:
        with pytest.raises(ValueError, match="not understood"):
            _ = answer.value
    else:
        assert (answer.kind, answer.message[:18]) == (AnswerKind.ENDED, "broke the protocol")


async def test_no_file_can_be_written_outside(sandbox: LocalSandbox, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("before")
    source = """
import os
def f(mine):
    done = []
    for name, act in {
        "write": lambda: open(mine, "w"), "create": lambda: open(mine + "2", "w"), "remove": lambda: os.remove(mine),
        "folder": lambda: os.mkdir(mine + "3"), "mode": lambda: os.chmod(mine, 0),
        "truncate": lambda: os.truncate(mine, 0),
        "tmp": lambda: open("/tmp/memreward-escaped", "w"), "shm": lambda: open("/dev/shm/memreward-escaped", "w"),
        "etc": lambda: open("/etc/memreward-escaped", "w"), "library": lambda: open(os.__file__, "a"),
        "link": lambda: os.symlink("/etc/passwd", mine + "4"), "times": lambda: os.utime(mine, (1, 1)),
    }.items():
        try:
            act()
            done.append(name)
        except OSError:
            pass
    return done
"""
    async with sandbox.program(source) as program:
        assert (await program.call("f", [str(mine)])).encoded == []
    assert mine.read_text() == "before"
    assert names_in(tmp_path) == {"mine"}
    assert "memreward-escaped" not in names_in(Path("/tmp")) | names_in(Path("/dev/shm")) | names_in(Path("/etc"))


async def test_files_of_the_machine_cannot_be_read(sandbox: LocalSandbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the tests")
    parent = os.getpid()
    source = """
def f(paths):
    readable = []
    for path in paths:
        try:
            open(path, "rb").read(10)
            readable.append(path)
        except OSError:
            pass
    return readable
"""
    paths = [str(secret), "/etc/passwd", f"/proc/{parent}/mem", f"/proc/{parent}/environ", "/proc/self/maps", __file__]
    async with sandbox.program(source) as program:
        assert (await program.call("f", [paths])).encoded == []
        assert (await program.call("f", [["/dev/urandom"]])).encoded == ["/dev/urandom"]


async def test_the_working_directory_shows_nothing_and_is_small(sandbox: LocalSandbox) -> None:
    source = """
import os
def f():
    try:
        before, written = os.listdir("."), 0
    except PermissionError:
        before, written = [], 0
    for number in range(100_000):
        try:
            with open(str(number), "wb") as file:
                written += file.write(bytes(2**20 - 1))
        except OSError:
            break
    return [before, written]
"""
    async with sandbox.program(source) as program:
        before, written = (await program.call("f", [])).value
    assert before == []
    assert written <= sandbox.limits.directory_bytes


async def test_there_is_no_network(call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        source = """
import socket
def f(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1)
        return "connected"
    except OSError as error:
        return type(error).__name__
"""
        assert (await call(source, port)).encoded == "PermissionError"
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize("family", ["AF_UNIX", "AF_INET6", "AF_NETLINK", "AF_PACKET"])
async def test_there_is_no_socket_of_any_family(call: Call, family: str) -> None:
    answer = await call(f"import socket\ndef f():\n    socket.socket(socket.{family}, socket.SOCK_RAW)")
    assert answer.exception == "PermissionError"


@pytest.mark.parametrize(
    "target", ["os.getppid()", "0", "-1", str(os.getpid()), "1"], ids=["parent", "group", "all", "caller", "first"]
)
async def test_no_process_can_be_killed(call: Call, target: str) -> None:
    answer = await call(f"import os\ndef f():\n    os.kill({target}, 9)")
    assert answer.exception == "PermissionError"
    answer = await call("import os\ndef f():\n    os.killpg(os.getpgid(0), 9)")
    assert answer.exception == "PermissionError"


@pytest.mark.parametrize(
    "attempt",
    ["resource.setrlimit(resource.RLIMIT_CPU, (10**6, 10**6))", "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
     f"resource.prlimit({os.getpid()}, resource.RLIMIT_CPU, (1, 1))"],
    ids=["processor", "memory", "caller"],
)  # fmt: skip
async def test_limits_cannot_be_raised_nor_put_on_others(call: Call, attempt: str) -> None:
    answer = await call(f"import resource\ndef f():\n    {attempt}")
    assert answer.exception in ("PermissionError", "ValueError")


@pytest.mark.parametrize(
    "call_text",
    [
        "prctl(1, 0, 0, 0, 0)",
        "unshare(0x10000000)",
        "ptrace(16, {parent}, 0, 0)",
        "mount(b'none', b'/', b'tmpfs', 0, 0)",
    ],
)
async def test_the_kernel_refuses_what_the_filter_forbids(call: Call, call_text: str) -> None:
    made = call_text.format(parent=os.getpid())
    answer = await call(
        "import ctypes\ndef f():\n    libc = ctypes.CDLL(None, use_errno=True)\n"
        f"    return [libc.{made}, ctypes.get_errno()]"
    )
    assert answer.encoded == [-1, 1]


async def test_the_environment_holds_nothing_of_ours(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMREWARD_API_KEYS", "secret")
    answer = await call("import os\ndef f():\n    return sorted(os.environ)")
    assert set(answer.value) <= {*launch.ENVIRONMENT, "PWD", "LC_CTYPE"}


@pytest.mark.parametrize(
    "end", ["sys.exit(0)", "os._exit(0)", "os.abort()", "raise KeyboardInterrupt", "ctypes.string_at(0)"]
)
async def test_an_end_of_the_program_is_no_answer(call: Call, end: str) -> None:
    answer = await call(f"import sys, os, ctypes\ndef f():\n    {end}")
    assert answer.kind in (AnswerKind.RAISED, AnswerKind.ENDED)


async def test_threads_exit_handlers_and_zombies_do_not_stay(sandbox: LocalSandbox, tmp_path: Path) -> None:
    source = """
import atexit, threading, time
atexit.register(time.sleep, 1000)
for _ in range(5):
    threading.Thread(target=time.sleep, args=(1000,)).start()
def f():
    return threading.active_count()
"""
    async with sandbox.program(source) as program:
        assert (await program.call("f", [])).encoded == 6
        assert processes_of(tmp_path) != []
    assert processes_of(tmp_path) == []


async def test_a_cancelled_caller_leaves_no_process(sandbox: LocalSandbox, tmp_path: Path) -> None:
    loaded = asyncio.Event()

    async def caller() -> None:
        async with sandbox.program("import time\ndef f():\n    time.sleep(1000)") as program:
            loaded.set()
            await program.call("f", [])

    task = asyncio.create_task(caller())
    await loaded.wait()
    assert processes_of(tmp_path) != []
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert processes_of(tmp_path) == []


@pytest.mark.slow
async def test_a_program_dies_with_the_trainer(sandbox: LocalSandbox, tmp_path: Path) -> None:
    trainer = f"""
import asyncio
from memreward_trainer.sandbox import launch
from memreward_trainer.sandbox.sandbox import Isolation, LocalSandbox
launch.ENVIRONMENT[{MARKER!r}] = {str(tmp_path)!r}
STUBBORN = "import ctypes, time\\nctypes.CDLL(None).prctl(1, 0)\\ndef f(): time.sleep(1000)"
async def main():
    sandbox = LocalSandbox(Isolation({str(sandbox.isolation)!r}))
    async with sandbox.program(STUBBORN) as program:
        print("loaded", flush=True)
        await program.call("f", [])
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", trainer, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"loaded\n"
    process.kill()
    await process.wait()
    for _ in range(400):
        if not processes_of(tmp_path):
            break
        await asyncio.sleep(0.05)
    assert processes_of(tmp_path) == []
