"""The key of a mathematical answer: equal for answers of one value, and for no others.

READ FIRST `group_keys`. A plain number is read at once (mathematics/numbers.py). Everything else is read by a library
in other processes (mathematics/pool.py), and its key is the canonical form of its value: `3/4`, `{1331, 1728}`,
`[2, 5)`, `x**2 - 1`. What cannot be read, is too long or takes too long keeps its LaTeX, as `tex:...`, which is the
key of nothing else. Where two forms of a group may still be equal, they are compared.

A busy machine changes no key: a question gets its time of the processor, not of the clock. Two things do depend on
time: an answer that took too long is read again after a while (mathematics/forms.py), and a request whose answers take
more than REQUEST_SECONDS in all leaves the rest as LaTeX.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from memreward_service.answers.mathematics.forms import Form, Pair, equalities, forget, forms_of
from memreward_service.answers.mathematics.latex import LONGEST, normalised
from memreward_service.answers.mathematics.numbers import DECIMAL_COMMA, number_key
from memreward_service.answers.mathematics.pool import shared
from memreward_service.answers.places.rules import FinalAnswer, Mark

REQUEST_SECONDS = 30.0
"""Time for the answers of one request."""
MOST_COMPARED = 6
"""Forms of a group that are compared in pairs."""

_LONG_DECIMAL = re.compile(r"-?\d+/\d{9,}")
_PLAIN = re.compile(r"-?\d{1,60}\Z")


def start() -> None:
    """Start the processes that read expressions, in the background. Without it the first expression starts them."""
    shared.start()


def close() -> None:
    """End those processes. The next expression starts new ones."""
    shared.close()


def group_keys(groups: Sequence[Sequence[FinalAnswer]]) -> list[list[str]]:
    """The key of every answer, group by group: equal inside a group for answers of one value.

    It may wait for other processes, so it does not run on an event loop.
    """
    until = time.monotonic() + REQUEST_SECONDS
    normals = [[_normal(final) for final in group] for group in groups]
    found = forms_of({normal for group in normals for normal in group}, until)
    forms = [_distinct(found[normal] for normal in group) for group in normals]
    pairs = [_pairs(group) for group in forms]
    equal = equalities({pair for group in pairs for pair in group}, until)
    heads = [
        _heads(group, [pair for pair in asked if pair in equal]) for group, asked in zip(forms, pairs, strict=True)
    ]
    return [
        [chosen.get(found[normal].key, found[normal].key) for normal in group]
        for group, chosen in zip(normals, heads, strict=True)
    ]


def math_key(answer: str) -> str:
    """The key of one answer: `70000` for 70,000.00 and 7e4 alike, `1/2` for 0.5 and \\frac{1}{2}.

    The result is empty where nothing but markup was given.
    """
    return group_keys([[FinalAnswer("", answer, Mark.BOX)]])[0][0]


def same_answer(reference: str, answer: str, seconds: float | None = None) -> tuple[bool | None, str]:
    """Whether an answer has the value of the reference; None where nobody can say, with the reason.

    `seconds`: time of the clock for the comparison.
    """
    if max(len(reference), len(answer)) > LONGEST:
        return None, "the answer is too long to be compared"
    one, other = normalised(reference), normalised(answer)
    if one == other:
        return True, ""
    found = shared.ask(["compare", one, other, True], seconds)
    if found.get("late"):
        return None, "the comparison took too long"
    if found.get("equal") is None:
        return None, str(found.get("reason", "equal or not, neither is proven"))
    return bool(found["equal"]), ""


def _normal(final: FinalAnswer) -> str:
    """The answer in one spelling."""
    answer = final.answer.strip()
    if _PLAIN.match(answer):
        return str(int(answer))
    if len(answer) > LONGEST:
        return " ".join(answer.split())
    return normalised(answer)


def _distinct(forms: Iterable[Form]) -> dict[str, Form]:
    """Key -> one form of it that was read."""
    return {form.key: form for form in sorted(forms, key=lambda form: form.normal, reverse=True) if form.read}


def _pairs(forms: Mapping[str, Form]) -> list[Pair]:
    """The pairs of forms of a group that a comparison may find equal. The order of the rollouts decides nothing."""
    first = sorted(forms.values(), key=lambda form: (form.decided, len(form.key), form.key))[:MOST_COMPARED]
    return [(one.normal, other.normal) for one, other in combinations(first, 2) if _may_be_equal(one, other)]


def _may_be_equal(one: Form, other: Form) -> bool:
    """Two decided keys that differ are two values, but for a decimal comma (`1,22`) that was read as a list, and for
    many decimals that stand for a root or for 1/3."""
    if not (one.decided and other.decided) and one.structured == other.structured:
        return True
    if any(_LONG_DECIMAL.fullmatch(form.key) for form in (one, other)):
        return True
    return any(DECIMAL_COMMA.fullmatch(form.normal) for form in (one, other))


def _heads(forms: Mapping[str, Form], equal: Sequence[Pair]) -> dict[str, str]:
    """Key -> the key that all its equals take: a decided one, else the shortest."""
    by_normal = {form.normal: form.key for form in forms.values()}
    heads = {key: key for key in forms}
    for one, other in equal:
        joined = {heads[by_normal[one]], heads[by_normal[other]]}
        chosen = min(joined, key=lambda key: (not forms[key].decided, len(key), key))
        heads = {key: chosen if head in joined else head for key, head in heads.items()}
    return heads


__all__ = ["close", "forget", "group_keys", "math_key", "number_key", "same_answer", "start"]
