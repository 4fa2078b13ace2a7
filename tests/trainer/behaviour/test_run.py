from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memreward_client.files.rollouts import read_rollout_file
from memreward_service.belief.metrics import auc
from memreward_service.groups.behaviour import ComparedBehaviour, compared
from memreward_trainer.behaviour.inputs import example_inputs, input_sets
from memreward_trainer.behaviour.quality import LabelledGroup, report
from memreward_trainer.behaviour.run import Behaviour, rollout_behaviour
from memreward_trainer.behaviour.scripts import script_inputs, shown_inputs
from memreward_trainer.sandbox.answers import Answer, AnswerKind
from memreward_trainer.sandbox.query_code import query_code
from memreward_trainer.sandbox.sandbox import LocalSandbox

ROLLOUTS = Path(__file__).resolve().parents[4] / "shared" / "data"
QUERY = 'def largest(numbers):\n    """The largest of the numbers."""\n'
LOOP = "def largest(xs):\n    best = xs[0]\n    for x in xs:\n        if x > best: best = x\n    return best"
BUILT_IN = "def largest(xs):\n    return max(xs)"
LAST = "def largest(numbers):\n    return numbers[-1]"
FORGOT = "def largest(numbers):\n    max(numbers)"
BROKEN = "def largest(numbers:"
ENDLESS = "def largest(numbers):\n    while True: pass"


def fenced(program: str) -> str:
    return f"Here it is:\n```python\n{program}\n```"


async def behaviours(*programs: str, query: str = QUERY) -> list[Behaviour | None]:
    sandbox = LocalSandbox()
    return [await rollout_behaviour(query, fenced(program), sandbox) for program in programs]


async def of_group(*programs: str, query: str = QUERY) -> list[ComparedBehaviour]:
    found = compared(await behaviours(*programs, query=query))
    assert None not in found
    return [one for one in found if one is not None]


async def test_equal_behaviour_has_an_equal_key_whatever_the_text() -> None:
    loop, built_in, last = await of_group(LOOP, BUILT_IN, LAST)
    assert loop.key == built_in.key != last.key
    assert loop.agreement == built_in.agreement > last.agreement > 0


async def test_programs_that_do_nothing_agree_with_nobody() -> None:
    found = await of_group(LOOP, FORGOT, FORGOT, BROKEN, BROKEN, ENDLESS)
    assert [one.key is None for one in found] == [False, True, True, True, True, True]
    assert [one.agreement > 0 for one in found] == [True, False, False, False, False, False]


async def test_every_program_of_a_query_has_the_same_shape_and_its_outcomes_say_what_happened() -> None:
    stops = "import os\ndef largest(xs): os._exit(1)"
    large = "def largest(xs): return [0] * 10**5"
    odd = f"class Ä{'b' * 80}(Exception): pass\ndef largest(xs): raise Ä{'b' * 80}"
    found = [one for one in await behaviours(LOOP, FORGOT, BROKEN, ENDLESS, stops, large, odd) if one is not None]
    assert len(found) == 7
    assert len({tuple(map(len, one)) for one in found}) == 1
    letters = [{text[0] for text in one[0]} for one in found]
    assert letters[:5] + letters[6:] == [{"v"}, {"n"}, {"x"}, {"t", "s"}, {"e"}, {"x"}]
    assert "l" in letters[5] <= {"l", "t", "s"}, "too large, or too late on a slow machine"
    assert set(found[2][0]) == {"xSyntaxError"}
    assert all(re.fullmatch(r"[!-~]{1,32}", text) for one in found for row in one for text in row)


async def test_late_calls_are_told_from_those_that_were_not_tried() -> None:
    (found,) = await behaviours(ENDLESS)
    assert found is not None
    texts = [text for row in found for text in row]
    assert texts.count("t") == 6
    assert set(texts) == {"t", "s"}


async def test_the_result_depends_on_the_query_and_the_program_alone() -> None:
    script = (
        "import asyncio, json; from memreward_trainer.behaviour.run import rollout_behaviour;"
        "from memreward_trainer.sandbox.sandbox import LocalSandbox;"
        "print(json.dumps(asyncio.run(rollout_behaviour({!r}, {!r}, LocalSandbox()))))"
    )
    query = "def f(items: set[str]) -> list[str]:\n    '''Do.'''\n"
    program = "import random\ndef f(items): return [*items, str(random.random())]"
    (here,) = await behaviours(program, query=query)
    for seed in ("1", "2"):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script.format(query, fenced(program)),
            env=os.environ | {"PYTHONHASHSEED": seed}, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        printed, _ = await process.communicate()
        assert json.loads(printed) == json.loads(json.dumps(here))


async def test_an_answer_that_was_given_is_the_program() -> None:
    sandbox = LocalSandbox()
    given = await rollout_behaviour(QUERY, "I think so.", sandbox, answer=LOOP)
    assert given == await rollout_behaviour(QUERY, fenced(LOOP), sandbox)


async def test_types_are_those_on_which_most_programs_return_a_value() -> None:
    query = 'def join(x):\n    """Join."""\n'
    upper, lower = "def join(x):\n    return x.upper()", "def join(x):\n    return x.lower().upper()"
    found = await of_group(upper, lower, "def join(x):\n    return x.title()", query=query)
    assert found[0].key == found[1].key != found[2].key
    assert 0 < found[2].agreement < found[0].agreement


async def test_a_change_in_place_is_behaviour() -> None:
    query = 'def order(lst: list[int]) -> None:\n    """Sort lst in place."""\n'
    sort, by_slice = "def order(x):\n    x.sort()", "def order(x):\n    x[:] = sorted(x)"
    found = await of_group(
        sort, by_slice, "def order(x):\n    x.reverse()", "def order(x):\n    sorted(x)", query=query
    )
    assert found[0].key == found[1].key
    assert len({one.key for one in found}) == 3
    assert found[3].agreement == 0.0


async def test_what_python_calls_equal_is_equal() -> None:
    query = "def half(n: int) -> float:\n    '''Half.'''\n"
    found = await of_group(
        "def half(n): return n / 2", "def half(n): return n * 0.5", "def half(n): return n // 2", query=query
    )
    assert found[0].key == found[1].key != found[2].key


async def test_equal_values_on_different_inputs_are_different_outcomes() -> None:
    (found,) = await behaviours("def largest(xs): return 1")
    assert found is not None
    assert len(set(found[0])) == len(found[0])


async def test_a_query_in_prose_takes_the_function_that_the_program_defines_last() -> None:
    programs = (
        "def add(a, b): return a + b", "def one(): pass\ndef add(a, b): return b + a", "def plus(a, b): return 3",
    )  # fmt: skip
    found = await of_group(*programs, query="Add two numbers.")
    assert found[0].key == found[1].key != found[2].key
    assert found[0].agreement > found[2].agreement


async def test_where_nothing_can_be_called_there_is_no_behaviour() -> None:
    assert await behaviours("print(1)", "def f(:", query="Print.") == [None, None]


async def test_a_program_that_the_machine_gave_no_time_has_no_behaviour() -> None:
    class Kept:
        async def call_rows(self, name: str, rows: Sequence[Any], most_late: int) -> list[Answer]:
            return [Answer(AnswerKind.UNDECIDED)] * len(rows)

    class Busy:
        @asynccontextmanager
        async def program(self, *_: object) -> AsyncIterator[Kept]:
            yield Kept()

    assert await rollout_behaviour(QUERY, fenced(LOOP), Busy()) is None  # type: ignore[arg-type]


def test_a_query_that_shows_many_calls_has_a_bounded_number_of_inputs() -> None:
    query = "def f(n: int):\n    '''Do.\n" + "".join(f"    >>> f({n})\n" for n in range(200)) + "    '''\n"
    (only,) = input_sets(query_code(query), query)
    assert len(only.inputs) == 16 + 31


def test_calls_that_the_query_shows_are_inputs_and_settle_types() -> None:
    query = 'def f(x, y):\n    """Do.\n    >>> f((1, 2), "a)b")\n    7\n    f((3, 4), "c") => 9, f(x, 1)\n    """\n'
    code = query_code(query)
    assert example_inputs(code, query) == [((1, 2), "a)b"), ((3, 4), "c")]
    (only,) = input_sets(code, query)
    assert only.types == ("tuple[int, int]", "str")
    assert only.inputs[:2] == (((1, 2), "a)b"), ((3, 4), "c"))
    assert all(isinstance(a, tuple) and isinstance(b, str) for a, b in only.inputs)


@pytest.mark.parametrize(
    ("head", "types"),
    [("(n: int)", {int}), ("(n: 'str')", {str}), ("(n: int | None)", {int}), ("(n: typing.List[float])", {list}),
     ("(n: Optional[bool])", {bool}), ("(n: Dict[str, int])", {dict}), ("(n: set[str])", {set}),
     ("(n: Tuple[int, ...])", {tuple})],
)  # fmt: skip
def test_annotations_say_the_type(head: str, types: set[type]) -> None:
    query = f"def f{head}:\n    '''Do.'''\n"
    (only,) = input_sets(query_code(query), query)
    assert {type(value) for (value,) in only.inputs} == types
    assert input_sets(query_code(query), query) == [only]


def test_texts_are_made_of_the_signs_that_the_query_quotes() -> None:
    query = 'def f(brackets: str):\n    """brackets is a text of "<" and ">"."""\n'
    (only,) = input_sets(query_code(query), query)
    assert {character for (text,) in only.inputs for character in text} == {"<", ">"}


def test_some_rows_have_related_arguments() -> None:
    def inputs(head: str) -> tuple[tuple[Any, ...], ...]:
        query = f"def f{head}:\n    '''Do.'''\n"
        return input_sets(query_code(query), query)[0].inputs

    assert sum(a == b for a, b in inputs("(a: int, b: int)")) >= 7
    turned = [(a, b) for a, b in inputs("(a: str, b: str)") if any(b[n:] + b[:n] in a for n in range(len(b)))]
    assert len(turned) >= 10
    assert any(b not in a for a, b in turned), "some pieces are rotated"
    assert sum(x in xs for xs, x in inputs("(xs: list[str], x: str)")) >= 10
    assert all(x in xs for xs, x in inputs("(xs: list[int], x: int)")[3::4])


def test_some_lists_repeat_a_few_values() -> None:
    query = "def f(xs: list[int]):\n    '''Do.'''\n"
    lists = [xs for (xs,) in input_sets(query_code(query), query)[0].inputs]
    assert sum(len(xs) >= 6 and len({abs(x) for x in xs}) <= 4 for xs in lists) >= 4


def test_the_report_has_a_row_for_each_measure() -> None:
    group = LabelledGroup((1.0, 0.0), (ComparedBehaviour("a", 0.9), ComparedBehaviour(None, 0.1)))
    other = LabelledGroup((0.0, 0.0), (ComparedBehaviour("a", 0.95), ComparedBehaviour(None, 0.1)))
    assert group.key_shares() == [0.5, 0.0]
    assert group.agreements() == [0.9, 0.1]
    rows = list(zip(*(column.cells for column in report([group, other]).columns), strict=True))
    assert rows[1] == ("agreement", "1.000 (1.000)", "nan (nan)", "0.667 (1.000)")


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.skipif(not ROLLOUTS.is_dir(), reason="the real rollouts are not at hand")
async def test_agreement_of_behaviour_tells_right_from_wrong_on_real_programs() -> None:
    labels, shares = [], []
    sandbox = LocalSandbox()
    for query in list(read_rollout_file(ROLLOUTS / "humaneval.jsonl.gz"))[::3]:
        kept = query.rollouts[:8]
        found = [await rollout_behaviour(query.query, one.response, sandbox) for one in kept]
        group = LabelledGroup(tuple(one.label or 0.0 for one in kept), tuple(compared(found)))
        labels += group.labels
        shares += group.key_shares()
    assert auc(np.array(labels) >= 0.5, np.array(shares)) > 0.85


def solution(name: str, body: str) -> str:
    return f"class Solution:\n    def {name}(self, xs: List[int]) -> int:\n        {body}"


async def test_methods_of_class_solution_have_a_behaviour() -> None:
    query = "Find it.\n```python\nclass Solution:\n    def top(self, xs: List[int]) -> int:\n        pass\n```\n"
    programs = (
        solution("top", "return max(xs)"),
        solution("top", "return sorted(xs)[-1]"),
        solution("top", "return min(xs)"),
        "def top(xs):\n    return max(xs)",
    )
    for text in (query, "Write a method that finds the largest number."):
        maximum, last, minimum = (await of_group(*programs[:3], query=text))[:3]
        assert maximum.key == last.key != minimum.key
        assert None not in (maximum.key, minimum.key)
    found = await of_group(*programs, query=query)
    assert found[3].key == found[0].key


async def test_a_class_of_several_methods_is_compared_by_its_text() -> None:
    query = "class Stack:\n    def push(self, x: int) -> None:\n        pass\n    def pop(self) -> int:\n        pass\n"
    assert await behaviours("class Stack:\n    def pop(self): return 1", query=query) == [None]


SUMS = (
    "n = int(input())\nxs = list(map(int, input().split()))\nprint(sum(xs))",
    "import sys\ndef main():\n    data = sys.stdin.read().split()\n    t = 0\n    for x in data[1:]: t += int(x)\n"
    "    print(t)\nif __name__ == '__main__':\n    main()",
    "import sys\nxs = [int(x) for x in open(0).read().split()[1:]]\nprint(sum(xs), end='')\nsys.exit(0)",
)
PRODUCT = "import math\ninput()\nprint(math.prod(map(int, input().split())))"
EXAMPLE = "Add the numbers.\n\n{}Input:\n```\n3\n4 5 6\n```\nOutput:\n```\n15\n```\n"


@pytest.mark.parametrize("query", ["Read n and a list from stdin, print the sum.", EXAMPLE.format("Sample ")])
async def test_scripts_are_compared_by_what_they_print(query: str) -> None:
    found = await of_group(*SUMS, PRODUCT, query=query)
    assert found[0].key == found[1].key == found[2].key != found[3].key
    assert None not in (found[0].key, found[3].key)


async def test_a_script_that_prints_too_little_is_compared_by_its_text() -> None:
    constant, broken, silent = "input()\nprint(7)", "print(int(input())", "x = input()"
    assert await behaviours(constant, broken, silent, "input()\n1/0", query="Read n.") == [None] * 4


async def test_a_function_that_is_asked_for_by_name_is_called_though_a_block_reads_input() -> None:
    plain, guarded = "def add(a, b):\n    return a + b", "def add(a, b):\n    return b + a\nprint(add(1, 2))"
    main = guarded + "\nif __name__ == '__main__':\n    print(add(int(input()), 2))\ndef helper(): pass"
    one, two = await of_group(plain, main, query="Write a function add(a, b).")
    assert one.key == two.key is not None


@pytest.mark.parametrize(
    ("query", "inputs"),
    [
        (EXAMPLE.format(""), ("3\n4 5 6\n",)),
        ("Example 1:\nInput: 1 2\nOutput: 3\n\nExample 2:\nInput: 4 5\nOutput: 9", ("1 2\n", "4 5\n")),
        ("-----Input-----\nThe first line of input contains an integer n.\n-----Output-----\nPrint it.", ()),
        (
            "Input\n\nThe only line contains a number.\n\nOutput\n\nIt.\n\nSample Input 1\n\n7\n\nSample Output 1\n\n8",
            ("7\n",),
        ),
        ("Input: nums = [1, 2], k = 3\nOutput: 4", ()),
        ("**Input:**\n5\n**Output:**\n6", ("5\n",)),
        ("Input: 5", ()),
    ],
)
def test_examples_of_a_query_are_inputs_of_scripts(query: str, inputs: tuple[str, ...]) -> None:
    assert shown_inputs(query) == inputs


def test_texts_made_like_an_example_have_its_shape() -> None:
    (texts,) = script_inputs("Input:\n3\n4 50 6\nab\nOutput:\n1")
    assert len(texts) >= 10
    for text in texts:
        count, values, word, _ = text.split("\n")
        assert (count, len(values.split()), len(word)) == ("3", 3, 2)
        assert all(1 <= int(value) <= 50 for value in values.split())
    assert script_inputs("Input:\n3\n4 50 6\nab\nOutput:\n1") == [texts]


async def test_the_body_of_the_function_alone_behaves_as_the_whole_program() -> None:
    body = "return max(numbers)"
    whole, joined = await behaviours("def largest(numbers):\n    return max(numbers)", body)
    assert whole is not None
    assert whole == joined
    assert await behaviours(body, query="Write largest.") == [None]


def test_which_exception_a_program_raises_makes_no_other_key() -> None:
    index, value, none = ((("v1", raised, "v3"),) for raised in ("xIndexError", "xValueError", "n"))
    keys = [one.key for one in compared([index, value, none]) if one is not None]
    assert keys[0] == keys[1] != keys[2]
