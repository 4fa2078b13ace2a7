"""The twelve kinds of word problems: text, steps, how the numbers are drawn, how hard and how misleading."""

from __future__ import annotations

from random import Random

from memreward_service.demo.word_problems import Mistake, Step, Template


def _broken_goods(random: Random) -> dict[str, int]:
    shops, boxes, per_box = random.randint(3, 8), random.randint(5, 14), random.randint(12, 30)
    broken = boxes * per_box % shops + shops * random.randint(1, 4)
    return {"a": boxes, "b": per_box, "c": broken, "d": shops}


def _baskets(random: Random) -> dict[str, int]:
    basket, own = random.randint(4, 9), random.randint(15, 45)
    more = -2 * own % basket + basket * random.randint(1, 3)
    return {"a": own, "b": more, "c": basket}


def _cranes(random: Random) -> dict[str, int]:
    window, pupils, each = random.randint(4, 9), random.randint(16, 30), random.randint(3, 8)
    teacher = -pupils * each % window + window * random.randint(1, 3)
    return {"a": pupils, "b": each, "c": teacher, "d": window}


def _roses(random: Random) -> dict[str, int]:
    gap = random.randint(2, 6)
    return {"a": gap * random.randint(8, 30), "b": gap}


def _ages(random: Random) -> dict[str, int]:
    age = random.randint(18, 60)
    return {"a": age, "b": 3 * random.randint(3, 8) - age % 3}


def _tank(random: Random) -> dict[str, int]:
    gain, leak = random.randint(4, 12), random.randint(2, 6)
    return {"a": gain + leak, "b": leak, "c": gain * random.randint(12, 40)}


TEMPLATES: tuple[Template, ...] = (
    Template(
        "{name} picks {a} {fruit} every day for {b} days, gives {c} of them to a neighbour and keeps "
        "the rest. How many {fruit} does {name} keep?",
        (Step("picked", "*", "a", "b"), Step("kept", "-", "picked", "c")),
        lambda r: {"a": r.randint(6, 24), "b": r.randint(3, 9), "c": r.randint(4, 16)},
        -0.9,
        Mistake("forgets_step", 1),
    ),
    Template(
        "A shop sells {goods} for {a} dollars each. {name} buys {b} of them and pays with a {c} dollar "
        "voucher and cash. How much cash in dollars does {name} pay?",
        (Step("price", "*", "a", "b"), Step("cash", "-", "price", "c")),
        lambda r: {"a": r.randint(7, 19), "b": r.randint(4, 11), "c": 5 * r.randint(2, 5)},
        -0.5,
        Mistake("wrong_operation", 1),
    ),
    Template(
        "{name} reads {a} pages on Monday and twice as many on Tuesday. The book has {c} pages. "
        "How many pages are left to read?",
        (Step("tuesday", "*", "a", "2"), Step("read", "+", "tuesday", "a"), Step("left", "-", "c", "read")),
        lambda r: {"a": r.randint(18, 60), "c": 10 * r.randint(22, 48)},
        0.2,
        Mistake("forgets_step", 1),
    ),
    Template(
        "{a} boxes hold {b} {goods} each. {c} {goods} turn out to be broken, and the rest are shared equally "
        "among {d} shops. How many {goods} does each shop get?",
        (Step("packed", "*", "a", "b"), Step("whole", "-", "packed", "c"), Step("each", "/", "whole", "d")),
        _broken_goods,
        0.3,
        Mistake("forgets_step", 1),
    ),
    Template(
        "A train leaves with {a} passengers. At the first stop {b} get off and {c} get on; at the second "
        "stop {d} get on. How many passengers are on the train then?",
        (Step("stayed", "-", "a", "b"), Step("first", "+", "stayed", "c"), Step("second", "+", "first", "d")),
        lambda r: {
            "a": r.randint(90, 240),
            "b": r.randint(20, 70),
            "c": r.randint(10, 60),
            "d": r.randint(5, 40),
        },
        -0.8,
        Mistake("wrong_operation", 0),
    ),
    Template(
        "A garden path is {a} metres long. {name} plants a rose every {b} metres along one side, with one "
        "at each end. How many roses does {name} plant?",
        (Step("gaps", "/", "a", "b"), Step("roses", "+", "gaps", "1")),
        _roses,
        1.6,
        Mistake("forgets_step", 1),
    ),
    Template(
        "{name} earns {a} dollars an hour and works {b} hours a day, {c} days a week. A quarter of the pay "
        "goes into savings. How many dollars does {name} have left each week?",
        (
            Step("day", "*", "a", "b"),
            Step("week", "*", "day", "c"),
            Step("saved", "/", "week", "4"),
            Step("left", "-", "week", "saved"),
        ),
        lambda r: {"a": 4 * r.randint(3, 9), "b": r.randint(4, 9), "c": r.randint(3, 6)},
        0.7,
        Mistake("forgets_step", 3),
    ),
    Template(
        "A coat costs {a} dollars. Its price is raised by {b} dollars and then halved in a sale. {name} buys "
        "{c} such coats. How many dollars does {name} pay?",
        (Step("raised", "+", "a", "b"), Step("sale", "/", "raised", "2"), Step("paid", "*", "sale", "c")),
        lambda r: {"a": 2 * r.randint(25, 70), "b": 2 * r.randint(4, 15), "c": r.randint(2, 5)},
        -0.1,
        Mistake("forgets_step", 0),
    ),
    Template(
        "{name} is {a} years old. In {b} years {name} will be three times as old as {other} is today. "
        "How old is {other} today?",
        (Step("later", "+", "a", "b"), Step("today", "/", "later", "3")),
        _ages,
        0.9,
        Mistake("wrong_operation", 1),
    ),
    Template(
        "A pump fills {a} litres a minute, and a leak loses {b} litres a minute. The tank holds {c} "
        "litres and is empty. After how many minutes is it full?",
        (Step("gain", "-", "a", "b"), Step("minutes", "/", "c", "gain")),
        _tank,
        0.1,
        Mistake("wrong_operation", 0),
    ),
    Template(
        "{name} has {a} {fruit}, {other} has {b} more than {name}, and they put them all together to fill "
        "baskets of {c}. How many baskets do they fill?",
        (
            Step("others", "+", "a", "b"),
            Step("together", "+", "others", "a"),
            Step("baskets", "/", "together", "c"),
        ),
        _baskets,
        0.8,
        Mistake("forgets_step", 1),
    ),
    Template(
        "A class of {a} pupils makes {b} paper cranes each, and the teacher makes {c}. They hang {d} cranes "
        "at every window of the school until none is left. How many windows get cranes?",
        (
            Step("pupils", "*", "a", "b"),
            Step("cranes", "+", "pupils", "c"),
            Step("windows", "/", "cranes", "d"),
        ),
        _cranes,
        -0.2,
        Mistake("forgets_step", 1),
    ),
)
