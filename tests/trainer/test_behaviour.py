from __future__ import annotations

import random
from pathlib import Path

import pytest

from memreward_client.rollout_files import read_rollout_file
from memreward_trainer.behaviour import Behaviour, behaviour_signatures
from memreward_trainer.behaviour_inputs import example_inputs, input_sets
from memreward_trainer.behaviour_quality import LabelledGroup, auc, report
from memreward_trainer.sandbox.query_code import query_code
from memreward_trainer.sandbox.sandbox import LocalSandbox

ROLLOUTS = Path(__file__).resolve().parents[3] / "shared" / "data"
QUERY = 'def largest(numbers):\n    """The largest of the numbers."""\n'
LOOP = "def largest(xs):\n    best = xs[0]\n    for x in xs:\n        if x > best: best = x\n    return best"
BUILT_IN = "def largest(xs):\n    return max(xs)"
LAST = "def largest(numbers):\n    return numbers[-1]"
FORGOT = "def largest(numbers):\n    max(numbers)"
BROKEN = "def largest(numbers:"
ENDLESS = "def largest(numbers):\n    while True: pass"


async def signatures(*programs: str, query: str = QUERY) -> list[Behaviour]:
    return await behaviour_signatures(query, [f"```python\n{program}\n```" for program in programs], LocalSandbox())


async def test_equal_behaviour_has_an_equal_key_whatever_the_text() -> None:
    loop, built_in, last = await signatures(LOOP, BUILT_IN, LAST)
    assert loop.key == built_in.key
    assert loop.key != last.key
    assert loop.agreement == built_in.agreement > last.agreement > 0
    assert loop.majority == 1.0 > last.majority > 0


async def test_programs_that_do_nothing_agree_with_nobody() -> None:
    found = await signatures(LOOP, FORGOT, FORGOT, BROKEN, BROKEN, ENDLESS)
    assert len({one.key for one in found}) == 6
    assert [one.agreement > 0 for one in found] == [True, False, False, False, False, False]


async def test_a_whole_group_that_fails_has_keys_of_its_own() -> None:
    found = await signatures(BROKEN, ENDLESS, "import no_such_module\n" + LOOP)
    assert len({one.key for one in found}) == 3
    assert all(one.key is not None and one.agreement == one.majority == 0.0 for one in found)


async def test_the_result_does_not_depend_on_order_or_time() -> None:
    programs = [LOOP, LAST, BUILT_IN, ENDLESS, FORGOT]
    first = dict(zip(programs, await signatures(*programs), strict=True))
    random.Random(1).shuffle(programs)
    assert dict(zip(programs, await signatures(*programs), strict=True)) == first


async def test_types_are_those_on_which_most_programs_return_a_value() -> None:
    query = 'def join(x):\n    """Join."""\n'
    upper, lower = "def join(x):\n    return x.upper()", "def join(x):\n    return x.lower().upper()"
    found = await signatures(upper, lower, "def join(x):\n    return x.title()", query=query)
    assert found[0].key == found[1].key != found[2].key
    assert 0 < found[2].agreement < found[0].agreement


async def test_a_change_in_place_is_behaviour() -> None:
    query = 'def order(lst: list[int]) -> None:\n    """Sort lst in place."""\n'
    sort, by_slice = "def order(x):\n    x.sort()", "def order(x):\n    x[:] = sorted(x)"
    found = await signatures(
        sort, by_slice, "def order(x):\n    x.reverse()", "def order(x):\n    sorted(x)", query=query
    )
    assert found[0].key == found[1].key
    assert len({one.key for one in found}) == 3
    assert found[3].agreement == 0.0


async def test_what_python_calls_equal_is_equal() -> None:
    query = "def half(n: int) -> float:\n    '''Half.'''\n"
    found = await signatures(
        "def half(n): return n / 2", "def half(n): return n * 0.5", "def half(n): return n // 2", query=query
    )
    assert found[0].key == found[1].key != found[2].key


async def test_a_query_in_prose_takes_the_function_that_most_programs_define() -> None:
    programs = ("def add(a, b): return a + b", "def add(a, b): return b + a", "def plus(a, b): return 3")
    found = await signatures(*programs, query="Add two numbers.")
    assert found[0].key == found[1].key != found[2].key
    assert found[2].agreement == 0.0


async def test_where_nothing_can_be_called_there_is_no_key() -> None:
    assert await signatures("print(1)", "print(2)", query="Print.") == [Behaviour(None, 0.0, 0.0)] * 2


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


def test_auc_counts_pairs() -> None:
    assert auc([1, 0, 1, 0], [0.9, 0.1, 0.5, 0.5]) == 0.875
    assert auc([1, 1], [0.1, 0.2]) is None


def test_the_report_has_a_row_for_each_measure() -> None:
    group = LabelledGroup((1.0, 0.0), (Behaviour("a", 0.9, 1.0), Behaviour(None, 0.1, 0.0)))
    assert group.key_shares() == [0.5, 0.0]
    assert report([group, group]).row_count == 4


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.skipif(not ROLLOUTS.is_dir(), reason="the real rollouts are not at hand")
async def test_agreement_of_behaviour_tells_right_from_wrong_on_real_programs() -> None:
    labels, shares = [], []
    sandbox = LocalSandbox()
    for query in list(read_rollout_file(ROLLOUTS / "humaneval.jsonl.gz"))[::3]:
        kept = query.rollouts[:8]
        found = await behaviour_signatures(query.query, [one.response for one in kept], sandbox)
        group = LabelledGroup(tuple(one.label or 0.0 for one in kept), tuple(found))
        labels += group.labels
        shares += group.key_shares()
    quality = auc(labels, shares)
    assert quality is not None
    assert quality > 0.85
