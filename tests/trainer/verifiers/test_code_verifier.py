from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from memreward_trainer.sandbox.answers import ScriptEnd
from memreward_trainer.sandbox.isolation import SandboxUnavailable
from memreward_trainer.sandbox.limits import Limits
from memreward_trainer.sandbox.program import Program
from memreward_trainer.sandbox.sandbox import LocalSandbox
from memreward_trainer.verifiers.code_verifier import CodeVerifier, python_program
from memreward_trainer.verifiers.verdicts import Attempt, Ruling, Verdict

QUERY = 'def double(x):\n    """Twice x."""\n'
CHECK = "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate([1]) == [1, 1]\n\ncheck(double)\n"
RIGHT = "def double(x):\n    return x + x\n"


async def verdict(program: str, *tests: str, query: str = QUERY, limits: Limits | None = None) -> Verdict:
    verifier = CodeVerifier(LocalSandbox(limits=limits or Limits(cpu_seconds=2, call_seconds=0.5, wall_seconds=60)))
    return await verifier.verify(Attempt(query, f"```python\n{program}\n```", "code", tests=tests or (CHECK,)))


async def ruling(program: str, *tests: str, query: str = QUERY) -> Ruling:
    return (await verdict(program, *tests, query=query)).ruling


async def test_a_program_that_passes_is_right_and_one_that_fails_wrong_with_the_line() -> None:
    assert (await verdict(RIGHT)).label == 1.0
    failed = await verdict("def double(x):\n    return x * 3")
    assert failed.label == 0.0
    assert failed.reason == "an assertion failed: assert candidate(2) == 4"


@pytest.mark.parametrize(
    ("program", "reason"),
    [("def double(x:", "the program raised SyntaxError"),
     ("def triple(x): return 1", "the program does not define double"),
     ("def double(x):\n    raise ValueError('no')", "the program raised ValueError: no"),
     ("def double(x):\n    while True: pass", "double: the program used up the processor time of one call"),
     ("import no_such_module\n" + RIGHT, "the program raised ModuleNotFoundError"), ("", "the response has no program"),
     ("import os\ndef double(x):\n    os._exit(0)", "double: the program ended by itself with status 0")],
)  # fmt: skip
async def test_a_failing_program_is_wrong_and_the_reason_says_how(program: str, reason: str) -> None:
    told = await verdict(program)
    assert told.ruling is Ruling.WRONG
    assert told.reason.startswith(reason)


LIAR = """
class Liar:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __bool__(self): return True
    def __getattr__(self, name): return self
    def __call__(self, *args): return self
    def __hash__(self): return 0
"""

WRITER = """
import os
def double(x):
    for number in range(30):
        try:
            os.write(number, b'{"verdict": "passed", "reason": ""}\\n')
        except OSError:
            pass
"""


@pytest.mark.parametrize(
    "program",
    [
        LIAR + "def double(x): return Liar()",
        LIAR + "class List(list, Liar): pass\ndef double(x): return List([x])",
        "import sys\ndef double(x):\n    sys.exit(0)",
        WRITER,
        "print('{\"verdict\": \"passed\"}')\nprint('all tests passed')\nraise SystemExit(0)",
        "import builtins\nbuiltins.AssertionError = type('Quiet', (BaseException,), {})\ndef double(x): return None",
        "import sys\nfor n in range(2): sys._getframe(n).f_globals.update(verdict='passed')\ndef double(x): return 0",
        "def check(candidate): pass\ndef double(x): return 0",
        "import atexit, os\natexit.register(os._exit, 0)\ndef double(x): return 0",
        "import gc\nfor o in gc.get_objects():\n    if type(o) is dict: o['verdict'] = 'passed'\ndef double(x): pass",
    ],
)
async def test_no_trick_makes_a_wrong_program_right(program: str) -> None:
    assert await ruling(program) is Ruling.WRONG


async def test_functions_of_python_in_the_tests_are_pythons_own() -> None:
    cheat = "def sorted(x): return 'cheat'\ndef double(x): return 'cheat'"
    assert await ruling(cheat, "assert double([2, 1]) == sorted([1, 2])") is Ruling.WRONG


async def test_the_program_sees_the_arguments_and_never_the_tests() -> None:
    source = """
import gc, sys
def double(x):
    marker = "-".join(["zebra", "quartz"])
    texts = [o for o in gc.get_objects() if isinstance(o, (dict, list, tuple))]
    frame = sys._getframe(1)
    while frame:
        texts.append(frame.f_locals)
        frame = frame.f_back
    return any(marker in repr(o) for o in texts) or None
"""
    assert await ruling(source, "assert double(1) is None  # zebra-quartz") is Ruling.RIGHT


async def test_helpers_of_the_query_are_used_by_the_tests_as_the_query_has_them() -> None:
    query = 'def inverse(x):\n    return -x\n\ndef undo(x):\n    """Undo inverse."""\n'
    test = "def check(candidate):\n    assert candidate(inverse(3)) == 3\ncheck(undo)"
    assert await ruling("def undo(x): return -x", test, query=query) is Ruling.RIGHT
    assert await ruling("def undo(x): return inverse(x)", test, query=query) is Ruling.RIGHT
    cheat = "def inverse(x): return x\ndef undo(x): return x"
    assert await ruling(cheat, test, query=query) is Ruling.WRONG


async def test_a_check_that_is_not_called_gets_the_function_asked_for() -> None:
    assert await ruling(RIGHT, CHECK.replace("check(double)", "")) is Ruling.RIGHT
    assert await ruling("def double(x): return 5", CHECK.replace("check(double)", "")) is Ruling.WRONG


async def test_plain_assertions_and_test_functions_need_no_code_in_the_query() -> None:
    prose = "Write a function double."
    assert await ruling(RIGHT, "assert double(2) == 4", "assert double('a') == 'aa'", query=prose) is Ruling.RIGHT
    assert await ruling(RIGHT, "assert double(2) == 4", "assert double('a') == 'a'", query=prose) is Ruling.WRONG
    assert await ruling("def other(x): return x", "assert double(2) == 4", query=prose) is Ruling.WRONG
    assert await ruling(RIGHT, "def test_double():\n    assert double(2) == 5", query=prose) is Ruling.WRONG


async def test_an_exception_that_the_tests_expect_is_right() -> None:
    test = "try:\n    double(None)\n    assert False\nexcept TypeError as error:\n    assert 'NoneType' in str(error)"
    assert await ruling(RIGHT, test) is Ruling.RIGHT


async def test_arguments_changed_in_place_are_seen() -> None:
    test = "x = [3, 1, 2]\ndouble(x)\nassert x == [1, 2, 3]"
    assert await ruling("def double(x): x.sort()", test) is Ruling.RIGHT
    assert await ruling("def double(x): sorted(x)", test) is Ruling.WRONG


@pytest.mark.parametrize(
    ("value", "expected"),
    [("(1, [2.5, {'a': {1}}])", "(1, [2.5, {'a': {1}}])"),
     ("10 ** 30", "10 ** 30"), ("b'x'", "b'x'"), ("1 + 2j", "1 + 2j"),
     ("float('inf')", "float('inf')"), ("{(1, 2): None}", "{(1, 2): None}"), ("frozenset({1})", "{1}"), ("True", "1"),
     ("__import__('fractions').Fraction(1, 2)", "0.5"), ("__import__('collections').Counter('aa')", "{'a': 2}")],
)  # fmt: skip
async def test_plain_values_are_compared_as_python_does(value: str, expected: str) -> None:
    assert await ruling(f"def double(x): return {value}", f"assert double(1) == {expected}") is Ruling.RIGHT


async def test_a_value_that_is_not_plain_is_no_equal_and_looking_into_it_cannot_say() -> None:
    generator = "def double(x):\n    yield x"
    assert await ruling(generator, "assert double(1) == [1]") is Ruling.WRONG
    assert await ruling(generator, "assert list(double(1)) == [1]") is Ruling.CANNOT_SAY
    point = "class Point:\n    def __init__(self, x): self.x = x\n"
    assert await ruling(point, "assert Point(1).x == 1", query="A class.") is Ruling.CANNOT_SAY


@pytest.mark.parametrize(
    ("test", "reason"),
    [("assert double(", "a test is no Python"), ("x = 1", "a test ended without a call of the program"),
     ("import no_such_module\nassert double(1)", "the tests failed by themselves"),
     ("undefined\ndouble(1)", "the tests failed by themselves"),
     ("assert double(lambda: 1)", "the tests call double with a value that is not plain"),
     ("double(1)\nwhile True: pass", "the tests failed by themselves: their process used up its processor time"),
     ("import os\ndouble(1)\nos._exit(0)", "the tests failed by themselves: their process ended")],
)  # fmt: skip
async def test_tests_that_are_broken_cannot_say(test: str, reason: str) -> None:
    told = await verdict(RIGHT, test)
    assert told.ruling is Ruling.CANNOT_SAY
    assert told.reason.startswith(reason)


async def test_tests_may_print_and_draw_random_numbers() -> None:
    test = (
        "import random\nprint('{}')\nfor _ in range(200):\n    x = random.randint(0, 9)\n    assert double(x) == 2 * x"
    )
    assert await ruling(RIGHT, test) is Ruling.RIGHT


SUM = '{"inputs": ["1 2\\n", "10 20"], "outputs": ["3\\n", "30"]}'


async def test_scripts_are_tested_by_what_they_print() -> None:
    right = "a, b = map(int, input().split())\nprint(a + b, ' ')"
    assert await ruling(right, SUM) is Ruling.RIGHT
    assert await ruling(right, SUM, '{"input": "1 1", "output": "3"}') is Ruling.WRONG
    assert await ruling("print(3)", SUM) is Ruling.WRONG
    assert (await verdict(right + "\n1/0", SUM)).reason == "test 1: the program ended with status 1"
    assert (await verdict("import time\nwhile True: pass", SUM)).reason.startswith("test 1: the program was stopped")


async def test_without_tests_it_cannot_say() -> None:
    told = await CodeVerifier(LocalSandbox()).verify(Attempt(QUERY, RIGHT, "code"))
    assert told == Verdict(Ruling.CANNOT_SAY, "the query has no tests")


class NoSandbox:
    """Runs nothing."""

    limits = Limits()

    @asynccontextmanager
    async def program(self, source: str, prelude: str = "", limits: Limits | None = None) -> AsyncIterator[Program]:
        raise SandboxUnavailable("There is no sandbox.")
        yield

    async def run_script(self, source: str, stdin: str, limits: Limits | None = None) -> ScriptEnd:
        raise SandboxUnavailable("There is no sandbox.")


async def test_a_sandbox_that_fails_cannot_say() -> None:
    for tests in ((CHECK,), (SUM,)):
        told = await CodeVerifier(NoSandbox()).verify(Attempt(QUERY, RIGHT, "code", tests=tests))  # type: ignore[arg-type]
        assert told == Verdict(Ruling.CANNOT_SAY, "the sandbox failed: There is no sandbox.")


def test_the_program_is_the_last_fenced_block_or_the_whole_text() -> None:
    assert python_program("First\n```python\nx = 1\n```\nthen\n```python\nx = 2\n```\nDone.").strip() == "x = 2"
    assert python_program("x = 3") == "x = 3"
    assert python_program("<think>```python\nx = 1\n```</think>```\nx = 4\n```").strip() == "x = 4"
    assert python_program("text", answer="x = 5") == "x = 5"


async def test_the_time_of_the_tests_is_that_of_their_processes_and_not_of_their_queue() -> None:
    program, test = "```python\nimport time\ntime.sleep(0.5)\nprint(7)\n```", '{"input": "", "output": "7"}'
    verifier = CodeVerifier(LocalSandbox(concurrency=1), seconds=1.5)
    attempts = [Attempt("Print 7.", program, "code", tests=(test,))] * 5
    verdicts = await asyncio.gather(*map(verifier.verify, attempts))
    assert [verdict.ruling for verdict in verdicts] == [Ruling.RIGHT] * 5
    longer = await verifier.verify(Attempt("Print 7.", program, "code", tests=(test,) * 5))
    assert longer == Verdict(Ruling.CANNOT_SAY, "the tests took more than 1.5 s")
