"""Random expressions: rewritten ones have one key, different ones never do."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from memreward_service.answers.math_values import group_keys, same_answer
from memreward_service.answers.places.rules import FinalAnswer, Mark

pytestmark = pytest.mark.slow

Tree = tuple[str, ...] | tuple[str, "Tree", "Tree"]
POINTS = (
    (Fraction(7, 5), Fraction(-11, 3)),
    (Fraction(13, 17), Fraction(19, 7)),
    (Fraction(-23, 29), Fraction(31, 37)),
)


def random_tree(chance: random.Random, depth: int) -> Tree:
    """An expression in x and y of sums, products, quotients and powers."""
    if depth == 0 or chance.random() < 0.15:
        return (chance.choice(["x", "y", str(chance.randint(0, 12)), str(chance.randint(2, 9))]),)
    sign = chance.choice("++-**/^")
    left = random_tree(chance, depth - 1)
    return (sign, left, (str(chance.randint(2, 3)),)) if sign == "^" else (sign, left, random_tree(chance, depth - 1))


def value(tree: Tree, x: Fraction, y: Fraction) -> Fraction:
    if len(tree) == 1:
        return {"x": x, "y": y}.get(tree[0]) or Fraction(tree[0] if tree[0].isdigit() else 0)
    sign, left, right = tree
    one, other = value(left, x, y), value(right, x, y)
    if sign == "+":
        return one + other
    if sign == "-":
        return one - other
    if sign == "*":
        return one * other
    return one / other if sign == "/" else one ** int(other)


def values(tree: Tree) -> tuple[Fraction, ...] | None:
    """What tells the expression from others; None where it divides by zero."""
    try:
        return tuple(value(tree, x, y) for x, y in POINTS)
    except ZeroDivisionError:
        return None


def written(tree: Tree, chance: random.Random) -> str:
    """One of the ways to write an expression, terms and factors in any order."""
    if len(tree) == 1:
        return tree[0]
    sign, left, right = tree
    one, other = written(left, chance), written(right, chance)
    if sign in "+*" and chance.random() < 0.5:
        one, other = other, one
    if sign == "+":
        return f"{one}+{other}" if chance.random() < 0.5 else f"\\left({one}\\right) + ({other})"
    if sign == "-":
        return f"{one} - ({other})"
    if sign == "*":
        return f"({one}) {chance.choice(['', '*', '×', chr(92) + 'cdot ', chr(92) + 'times '])}({other})"
    if sign == "^":
        return f"({one})^{{{other}}}"
    return f"{chance.choice([chr(92) + 'frac', chr(92) + 'dfrac'])}{{{one}}}{{{other}}}"


def keys(answers: list[str]) -> list[str]:
    return group_keys([[FinalAnswer("", answer, Mark.BOX) for answer in answers]])[0]


@pytest.mark.parametrize("seed", range(12))
def test_equal_expressions_have_one_key_and_others_have_others(seed: int) -> None:
    chance = random.Random(seed)
    trees = [tree for tree in (random_tree(chance, 3) for _ in range(12)) if values(tree) is not None]
    expected: dict[tuple[Fraction, ...], set[str]] = {}
    owner: dict[str, tuple[Fraction, ...]] = {}
    read = 0
    for tree in trees:
        found = values(tree)
        assert found is not None
        for key in keys([written(tree, chance) for _ in range(3)]):
            if key.startswith("tex:"):
                continue
            read += 1
            expected.setdefault(found, set()).add(key)
            assert owner.setdefault(key, found) == found, f"{key} is the key of two values"
    assert read >= 0.9 * 3 * len(trees)
    assert all(len(names) == 1 for names in expected.values())


@pytest.mark.parametrize("seed", range(6))
def test_sums_of_roots_are_told_apart_exactly(seed: int) -> None:
    """(a + b√n)² and its expanded form are equal; a change of one unit is not, however small it is made."""
    chance = random.Random(seed)
    a, b, n = chance.randint(1, 9), chance.randint(1, 9), chance.choice([2, 3, 5, 7, 11])
    square = f"{a * a + b * b * n} + {2 * a * b}\\sqrt{{{n}}}"
    forms = [
        f"({a} + {b}\\sqrt{{{n}}})^2",
        square,
        f"\\sqrt{{({square})^2}}",
        f"{square} + \\frac{{1}}{{10^{{{seed * 40 + 20}}}}}",
    ]
    found = keys(forms)
    assert found[0] == found[1] == found[2] != found[3]
    assert same_answer(forms[0], forms[1]) == (True, "")
    assert same_answer(forms[0], forms[3])[0] is False


def test_numbers_that_are_written_in_many_ways() -> None:
    chance = random.Random(5)
    for _ in range(200):
        number = Fraction(chance.randint(-10_000, 10_000), chance.choice([1, 1, 2, 4, 5, 8, 10, 25]))
        above, below = abs(number.numerator), number.denominator
        sign = "-" if number < 0 else ""
        forms = [str(number), f"{sign}\\frac{{{above}}}{{{below}}}", f"{float(number)}", f"x = {sign}{above}/{below}"]
        if below == 1:
            forms += [f"{sign}${above:,}.00", f"{sign}{above} apples", f"{sign}{above:,}".replace(",", "{,}")]
        assert set(keys(forms)) == {str(number)}
        assert str(number) not in keys([f"{sign}{above + 1}/{below}", f"{above}x", f"not {number}", f"{number}^3+1"])
