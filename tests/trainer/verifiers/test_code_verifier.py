from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from memreward_trainer.sandbox.answers import ScriptEnd
from memreward_trainer.sandbox.isolation import SandboxUnavailable
from memreward_trainer.sandbox.limits import Limits
from memreward_trainer.sandbox.program import Program
from memreward_trainer.sandbox.sandbox import LocalSandbox
from memreward_trainer.verifiers.code_verifier import CodeVerifier, program_reading
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


def test_the_program_is_that_of_the_response_or_the_answer_that_was_given() -> None:
    assert program_reading("", "First\n```python\nx = 1\n```\nthen\n```python\nx = 2\n```\nDone.").answer == "x = 2"
    assert program_reading("", "x = 3").answer == "x = 3"
    assert program_reading("", "<think>```python\nx = 1\n```</think>```\nx = 4\n```").answer == "x = 4"
    assert program_reading("", "text", answer="x = 5").answer == "x = 5"
    assert program_reading("", "text", answer="```py\nx = 6\n```").answer == "x = 6"
    shown = f"```python\n{RIGHT}\n```\nSo:\n```python\nprint(double(2))\n```"
    assert program_reading(QUERY, shown).answer == RIGHT.strip()


async def test_the_time_of_the_tests_is_that_of_their_processes_and_not_of_their_queue() -> None:
    program, test = "```python\nimport time\ntime.sleep(0.5)\nprint(7)\n```", '{"input": "", "output": "7"}'
    verifier = CodeVerifier(LocalSandbox(concurrency=1), seconds=1.5)
    attempts = [Attempt("Print 7.", program, "code", tests=(test,))] * 5
    verdicts = await asyncio.gather(*map(verifier.verify, attempts))
    assert [verdict.ruling for verdict in verdicts] == [Ruling.RIGHT] * 5
    longer = await verifier.verify(Attempt("Print 7.", program, "code", tests=(test,) * 5))
    assert longer == Verdict(Ruling.CANNOT_SAY, "the tests took more than 1.5 s")


ASSERTIONS = "assert double(3) == 6\nassert double('ab') == 'abab'"


@pytest.mark.parametrize(
    "program",
    [
        RIGHT + "\nif __name__ == '__main__':\n    print(double(int(input())))",
        RIGHT + "\nif __name__ == '__main__':\n    import argparse\n    argparse.ArgumentParser().parse_args(['--no'])",
        "import sys\n" + RIGHT + "\nif __name__ == '__main__':\n    print(double(1))\n    sys.exit(0)",
        "import sys\n" + RIGHT + "\nprint(double(1))\nsys.exit()",
        RIGHT + "\nprint(double(1))\nquit()",
        RIGHT + "\nexit(0)",
        "def double(x: Union[int, str], y: Optional[List[int]] = None) -> Any:\n    return x + x",
        "class Solution:\n    def double(self, x: List[int]) -> List[int]:\n        return x + x",
        "class Solution:\n    @staticmethod\n    def double(x):\n        return x + x",
        "from dataclasses import dataclass\n@dataclass\nclass Pair:\n    x: 'int'\ndef double(x): return Pair(x).x + x",
        "from __future__ import annotations\nimport dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int\n"
        + RIGHT,
        "import threading\n" + RIGHT + "\nthreading.Thread(target=double, args=(1,)).start()",
    ],
)
async def test_what_stands_around_a_right_function_makes_it_no_less_right(program: str) -> None:
    assert await ruling(program, ASSERTIONS) is Ruling.RIGHT


@pytest.mark.parametrize(
    "program",
    [
        "def double(x):\n    return x\nexit(0)",
        "exit(0)",
        "import sys\n" + RIGHT + "\nsys.exit(3)",
        "if __name__ == '__main__':\n    def double(x): return x + x",
        "class Solution:\n    def double(self, x): return x",
        "class Solution:\n    def triple(self, x): return x + x",
    ],
)
async def test_what_stands_around_a_wrong_function_does_not_make_it_right(program: str) -> None:
    assert await ruling(program, ASSERTIONS) is Ruling.WRONG


SOLUTION = "class Solution:\n    def climb(self, n: int) -> int:\n        "
CLIMB_QUERY = f"Climb stairs.\n\n```python\n{SOLUTION}pass\n```\n"
CLIMB = SOLUTION + "return n if n < 3 else self.climb(n - 1) + self.climb(n - 2)"


@pytest.mark.parametrize(
    "test",
    [
        "assert Solution().climb(4) == 5",
        "assert climb(4) == 5",
        "s = Solution()\nassert s.climb(n=4) == 5\nassert s.climb(1) == 1",
        "def check(candidate):\n    assert candidate(4) == 5",
        "def check(candidate):\n    assert candidate(n=4) == 5\n\ncheck(Solution().climb)",
        '{"fn_name": "climb", "inputs": [[4], [2]], "outputs": [5, 2]}',
        '[{"input": "4", "output": "5", "testtype": "functional"}]',
    ],
)
async def test_methods_of_class_solution_are_functions_too(test: str) -> None:
    for query in (CLIMB_QUERY, "How many ways are there to climb n stairs? Write climb(n)."):
        assert await ruling(CLIMB, test, query=query) is Ruling.RIGHT
        assert await ruling(CLIMB.replace("n - 2", "n - 3"), test, query=query) is Ruling.WRONG
    bare = "def climb(n):\n    return n if n < 3 else climb(n - 1) + climb(n - 2)"
    assert await ruling(bare, test, query=CLIMB_QUERY) is Ruling.RIGHT


async def test_class_solution_has_the_imports_of_its_judges_and_its_objects_keep_their_state() -> None:
    uses = SOLUTION + "return sum(Counter([1] * n).values()) + int(inf > n) * 0 + math.gcd(0, 0)"
    assert await ruling(uses, "assert Solution().climb(4) == 4", query=CLIMB_QUERY) is Ruling.RIGHT
    assert await ruling("def double(x):\n    return math.prod([x, 2])", "assert double(2) == 4") is Ruling.WRONG
    stack = "class Stack:\n    def __init__(self, *xs): self.xs = list(xs)\n    def push(self, x): self.xs.append(x)\n"
    stack += "    def pop(self): return self.xs.pop()"
    test = "a, b = Stack(), Stack(7)\na.push(1)\na.push(2)\nassert (a.pop(), b.pop(), a.pop()) == (2, 7, 1)"
    assert await ruling(stack, test, query="Write a class Stack.") is Ruling.RIGHT
    assert await ruling(stack.replace("pop()", "pop(0)"), test, query="Write a class Stack.") is Ruling.WRONG
    assert await ruling(stack, test, test, query="Write a class Stack.") is Ruling.RIGHT


@pytest.mark.parametrize(
    "test",
    [
        "assert list(map(double, [1, 2])) == []",
        "assert all(map(double, [1, 2]))",
        "assert sum(map(double, [1, 2])) == 0",
        "for a, b in zip([1, 2], map(double, [1, 2])):\n    assert a == b",
        "assert [x for x in iter(lambda: double(1), 3)] == []",
        "assert max(map(double, [1]), default=1) == 1",
        "assert set(map(double, [3])) == set()",
        "assert all(double(x) for x in [1])",
    ],
)
async def test_an_exception_that_ends_an_iteration_passes_no_test(test: str) -> None:
    assert await ruling("def double(x):\n    raise StopIteration", test) is Ruling.WRONG
    assert await ruling("class End(StopIteration): pass\ndef double(x):\n    raise End", test) is Ruling.WRONG
    assert await ruling("def double(x):\n    raise StopAsyncIteration", test) is Ruling.WRONG


async def test_a_test_that_expects_the_end_of_an_iteration_cannot_say() -> None:
    test = "try:\n    double(1)\n    assert False\nexcept StopIteration:\n    pass"
    assert await ruling("def double(x):\n    raise StopIteration", test) is Ruling.CANNOT_SAY
    assert await ruling("def double(x):\n    return 1", test) is Ruling.WRONG


@pytest.mark.parametrize(
    "test",
    [
        "assert abs(double(1)) == 2",
        "assert len(double(1)) == 2",
        "assert double(1)[0] == 2",
        "assert double(1) + 1 == 3",
        "assert 1 + double(1) == 3",
        "assert double(1) > 1",
        "assert 1 < double(1)",
        "assert sorted(double(1)) == [2]",
        "assert 2 in double(1)",
        "assert double(1).real == 2",
        "assert float(double(1)) == 2.0",
        "assert -double(1) == -2",
        "for x in double(1):\n    assert x",
        "assert double(1)(2) == 2",
        "assert round(double(1), 1) == 2",
        "assert isinstance(double(1), int)",
        "assert double(1) == 2",
        "assert sum([double(1)]) == 2",
        "import math\nassert math.isclose(double(1), 2)",
        "assert ','.join(double(1)) == '2'",
        "a, b = double(1)",
    ],
)
async def test_a_value_that_the_tests_cannot_use_is_wrong(test: str) -> None:
    assert await ruling("def double(x):\n    return object()", test) is Ruling.WRONG


async def test_a_value_that_could_be_used_where_it_is_cannot_say() -> None:
    for body in ("iter([2])", "(n for n in [2])", "range(2, 3)", "map(int, '2')"):
        assert await ruling(f"def double(x):\n    return {body}", "assert list(double(1)) == [2]") is Ruling.CANNOT_SAY
    assert await ruling("def double(x):\n    return lambda y: y", "assert double(1)(2) == 2") is Ruling.CANNOT_SAY
    own = "class Money:\n    def __add__(self, other): return 3\ndef double(x): return Money()"
    assert await ruling(own, "assert double(1) + 1 == 3") is Ruling.CANNOT_SAY
    assert await ruling(own, "assert double(1) - 1 == 3") is Ruling.WRONG


ADD_SCRIPT = "a, b = map(int, input().split())\nprint(a + b)"


@pytest.mark.parametrize(
    "end",
    [
        "",
        "\nexit()",
        "\nquit()",
        "\nimport sys\nsys.exit(0)",
        "\nexit(0)",
        "\nraise SystemExit",
        "\nquit(None)",
        "\nimport os, sys\nsys.stdout.flush()\nos._exit(0)",
    ],
)
@pytest.mark.parametrize(
    "test",
    [
        '[{"input": "4 3\\n", "output": "7\\n", "testtype": "stdin"}]',
        '{"inputs": ["4 3", "1 1"], "outputs": ["7", "2"]}',
    ],
)
async def test_a_script_that_ends_itself_ends_well(end: str, test: str) -> None:
    assert await ruling(ADD_SCRIPT + end, test, query="Read two numbers and print their sum.") is Ruling.RIGHT


async def test_scripts_have_the_names_of_typing_and_a_main_block() -> None:
    script = "def add(xs: List[int]) -> int:\n    return sum(xs)\nif __name__ == '__main__':\n"
    script += "    print(add(list(map(int, input().split()))))"
    assert await ruling(script, SUM, query="Add.") is Ruling.RIGHT
    assert (await verdict(ADD_SCRIPT + "\nexit(2)", SUM)).reason == "test 1: the program ended with status 2"


async def test_every_kind_of_test_has_to_pass() -> None:
    both = RIGHT + "\nif __name__ == '__main__':\n    print(double(int(input())))"
    script, call = '{"input": "4", "output": "8"}', '{"fn_name": "double", "inputs": [[4]], "outputs": [8]}'
    assert await ruling(both, ASSERTIONS, script, call) is Ruling.RIGHT
    assert await ruling(both, "assert double(1) == 3", script) is Ruling.WRONG
    assert await ruling(both, ASSERTIONS, script, call.replace("[8]", "[9]")) is Ruling.WRONG
    assert await ruling(RIGHT, ASSERTIONS, script) is Ruling.WRONG


@pytest.mark.parametrize(
    ("program", "test", "expected"),
    [
        (RIGHT, '["assert double(2) == 4", "assert double(1) == 2"]', Ruling.RIGHT),
        (RIGHT, '["assert double(2) == 4", "assert double(1) == 3"]', Ruling.WRONG),
        (RIGHT, '{"inputs": [[2], ["a"]], "outputs": [[4], ["aa"]], "fn_name": "double"}', Ruling.RIGHT),
        (RIGHT, '{"inputs": [[[1, 2]]], "outputs": [[1, 2, 1, 2]], "fn_name": "double"}', Ruling.RIGHT),
        (RIGHT, '{"inputs": [[2]], "outputs": [5], "fn_name": "double"}', Ruling.WRONG),
        (RIGHT, '{"inputs": [[2]], "outputs": [4], "fn_name": "triple"}', Ruling.WRONG),
        (RIGHT, '[{"input": "[1]", "output": "[1, 1]", "testtype": "functional"}]', Ruling.RIGHT),
        (RIGHT, '[{"input": {"x": 3}, "output": 6, "type": "function_call", "fn_name": "double"}]', Ruling.RIGHT),
        (RIGHT, '{"inputs": [[2]], "outputs": [4]}', Ruling.RIGHT),
        (
            "def double(x): x.reverse()",
            '{"inputs": [[[1, 2]]], "outputs": [[2, 1]], "fn_name": "double"}',
            Ruling.RIGHT,
        ),
        (
            "def double(x): return (x, {x: (x,)})",
            '{"inputs": [[2]], "outputs": [[2, {"2": [2]}]], "fn_name": "double"}',
            Ruling.RIGHT,
        ),
        (
            "def double(x): return 0.1 + 0.2",
            '{"inputs": [[1]], "outputs": [0.3], "fn_name": "double"}',
            Ruling.CANNOT_SAY,
        ),
        ("def double(x): return 0.4", '{"inputs": [[1]], "outputs": [0.3], "fn_name": "double"}', Ruling.WRONG),
        ("def double(x): return object()", '{"inputs": [[1]], "outputs": [2], "fn_name": "double"}', Ruling.WRONG),
        ("def double(x): raise ValueError", '{"inputs": [[1]], "outputs": [2], "fn_name": "double"}', Ruling.WRONG),
        (RIGHT, '[{"input": "1", "output": "2", "testtype": "interactive"}]', Ruling.CANNOT_SAY),
        (RIGHT, '[{"question": "1"}]', Ruling.CANNOT_SAY),
        (RIGHT, '{"inputs": ["1"], "outputs": []}', Ruling.CANNOT_SAY),
        (RIGHT, "[]", Ruling.CANNOT_SAY),
        (RIGHT, "[1, 2]", Ruling.CANNOT_SAY),
        (RIGHT, "TEST(Double, Two) {}", Ruling.CANNOT_SAY),
    ],
)
async def test_tests_come_in_many_formats(program: str, test: str, expected: Ruling) -> None:
    assert await ruling(program, test) is expected


async def test_a_row_of_humaneval_is_a_test() -> None:
    test = json.dumps({"test": "def check(candidate):\n    assert candidate(2) == 4", "entry_point": "double"})
    assert await ruling(RIGHT, test, query="Double it.") is Ruling.RIGHT
    assert await ruling("def double(x): return 5", test, query="Double it.") is Ruling.WRONG


async def test_a_program_in_another_language_cannot_be_judged() -> None:
    verifier = CodeVerifier(LocalSandbox())
    response = "```cpp\n#include <iostream>\nint main() { std::cout << 7; }\n```"
    told = await verifier.verify(Attempt("Print 7.", response, "code", tests=('{"input": "", "output": "7"}',)))
    assert told == Verdict(Ruling.CANNOT_SAY, "the program is in cpp, and only Python is run")


async def test_a_response_of_several_blocks_is_one_program() -> None:
    response = (
        "```python\nfrom operator import add\n```\nand\n```python\ndef same(x):\n    return x\n```\nthen\n```python\n"
    )
    response += (
        "def double(x):\n    return add(same(x), x)\n```\nUse:\n```python\nprint(double(input()))\n```\n```\n4\n```"
    )
    verifier = CodeVerifier(LocalSandbox())
    for query in (QUERY, "Write a function double(x)."):
        told = await verifier.verify(Attempt(query, response, "code", tests=(ASSERTIONS,)))
        assert told.ruling is Ruling.RIGHT


@pytest.mark.parametrize("response", ["    return 2 * x", "return 2 * x", "```python\nreturn 2 * x\n```"])
async def test_the_body_of_the_function_alone_is_run(response: str) -> None:
    verifier, tests = CodeVerifier(LocalSandbox()), ("assert double(2) == 4",)
    for query, wanted in (("def double(x):\n", Ruling.RIGHT), ("Write double.", Ruling.CANNOT_SAY)):
        found = await verifier.verify(Attempt(query, response, "code", tests=tests))
        assert found.ruling is wanted, found.reason
    found = await verifier.verify(Attempt("def double(x):\n", "return x", "code", tests=tests))
    assert found.ruling is Ruling.WRONG
