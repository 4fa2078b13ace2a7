from __future__ import annotations

from memreward_trainer.sandbox.query_code import query_code

HELPED = '''import math

LIMIT = 3

def poly(xs, x):
    """Value at x."""
    return sum(c * math.pow(x, i) for i, c in enumerate(xs))


def find_zero(xs: list):
    """ Find x with poly(x) = 0. """
'''


def test_functions_without_a_body_are_asked_for_and_the_rest_is_given() -> None:
    code = query_code(HELPED)
    assert code.asked_names == ("find_zero",)
    assert code.entry_point == "find_zero"
    space: dict[str, object] = {}
    exec(code.given, space)
    assert "find_zero" not in space
    assert space["poly"]([1, 2], 3) == 7  # type: ignore[operator]
    assert space["LIMIT"] == 3


def test_a_body_that_only_stands_there_is_none() -> None:
    for body in ("pass", "...", "raise NotImplementedError()", "import math\n    '''What to do.'''"):
        assert query_code(f"def f(x):\n    {body}\n").entry_point == "f"
    assert query_code("def f(x):\n    return 1\n").asked == ()


def test_a_head_at_the_end_may_lack_its_body() -> None:
    assert query_code("def f(x: int) -> int:").entry_point == "f"


def test_code_is_found_in_the_last_fence_of_prose() -> None:
    text = "Complete this.\n\n```python\ndef g(s):\n    '''Turn s round.'''\n```\n\nDo it well."
    assert query_code(text).entry_point == "g"


def test_prose_holds_no_code() -> None:
    assert query_code("Write a function that adds two numbers.").entry_point is None
    assert query_code("x = 1").asked == ()
    assert query_code("def f(x:\n").given == ""
