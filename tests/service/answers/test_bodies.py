"""The body of a function alone is joined to the signature in its query, and nothing else is."""

from __future__ import annotations

import time

import pytest

from memreward_proto.records import Domain, Query, Rollout
from memreward_service.answers.programs import is_body, program
from memreward_service.answers.programs.find import JOINED
from memreward_service.answers.reading import read_rollout

QUERY = (
    "from typing import List\n\n\ndef first_even(xs: List[int]) -> int:\n"
    '    """ The first even one,\n    or 0.\n    """\n'
)
SIGNATURE = "def first_even(xs):\n"
METHOD = "class Solution:\n    def first_even(self, xs):\n"
BODY = "    for x in xs:\n        if x % 2 == 0:\n            return x\n    return 0\n"
LIST = [3, 8, 2]


def run(response: str, query: str = QUERY) -> int:
    """What the program that is read in a response returns for LIST."""
    reading = read_rollout(Query(query, "q", Domain.CODE), Rollout(response))
    assert reading.rule == JOINED
    names: dict[str, object] = {}
    exec(reading.answer, names)
    if "Solution" in names:
        return names["Solution"]().first_even(LIST)  # type: ignore[operator,no-any-return]
    return names["first_even"](LIST)  # type: ignore[operator,no-any-return]


def dedented(body: str) -> str:
    return "\n".join(line[4:] for line in body.splitlines())


SHAPES = {
    "as it stands": BODY,
    "first line stripped": BODY.strip(),
    "without indentation": dedented(BODY),
    "in a fence": f"```python\n{BODY}```",
    "in a fence without a tag": f"Here it is:\n```\n{BODY}```\nDone.",
    "in a fence, first line stripped": f"```python\n{BODY.strip()}\n```",
    "in a fence, without indentation": f"```python\n{dedented(BODY)}\n```",
    "tabs": BODY.replace("    ", "\t"),
    "two spaces": BODY.replace("    ", "  ").strip(),
    "prose behind": f"{BODY}\n\nThis looks at every number.",
    "prose in front": f"The body is this:\n\n{BODY}",
    "one line": "return next((x for x in xs if x % 2 == 0), 0)",
    "helper inside": "    def even(x):\n        return x % 2 == 0\n    return next(filter(even, xs), 0)",
    "helper inside, stripped": "def even(x):\n        return x % 2 == 0\n    return next(filter(even, xs), 0)",
    "helper behind": "    return next(filter(even, xs), 0)\n\n\ndef even(x):\n    return x % 2 == 0\n",
    "helper behind, stripped": "return next(filter(even, xs), 0)\n\n\ndef even(x):\n    return x % 2 == 0\n",
    "import": "    import itertools\n    return next(itertools.filterfalse(lambda x: x % 2, xs), 0)",
    "assignment to items": "    xs = list(xs)\n    xs[0], xs[1] = xs[1], xs[0]\n    return xs[0]",
    "thinking": f"<think>\nA loop.\n</think>\n{BODY}",
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("query", [QUERY, SIGNATURE, SIGNATURE + "    pass\n"])
def test_a_body_is_joined_to_the_signature(shape: str, query: str) -> None:
    assert run(SHAPES[shape], query) == 8


def test_a_body_of_a_method_is_joined() -> None:
    deeper = "\n".join(f"    {line}" for line in BODY.splitlines())
    for body in (deeper, deeper.strip(), dedented(BODY), f"```python\n{deeper}\n```"):
        assert run(body, METHOD) == 8


@pytest.mark.parametrize(
    "response",
    [
        "def first_even(xs):\n    return 0",
        "def other(xs):\n    return 0",
        "print(first_even([1, 2]))",
        "I cannot do that.",
        "return, to the point, is what I cannot do",
        "    for x in xs:\n  return x",
        "```cpp\nreturn x;\n```",
        "",
    ],
)
def test_nothing_else_is_joined(response: str) -> None:
    assert program(response, QUERY).rule != JOINED


@pytest.mark.parametrize("query", ["Write first_even.", "def first_even(xs):\n    return 1\n"])
def test_without_an_open_signature_nothing_is_joined(query: str) -> None:
    assert program(BODY, query).rule != JOINED
    assert is_body(program(BODY, query).answer)


def test_a_hostile_body_takes_little_time() -> None:
    for piece in ("(", "[", "{", "lambda:", "not ", "-", "x.", "f'{", "x if ", "(yield ", "if x:\n ", "a\n\n"):
        start = time.process_time()
        program(f"return 1\n{piece * (7_900 // len(piece))}", QUERY)
        assert time.process_time() - start < 2, piece
