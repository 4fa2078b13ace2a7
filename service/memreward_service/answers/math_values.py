"""The key of a mathematical answer: equal for answers of one value, and for no others.

READ FIRST `group_keys`. A plain number is read at once (mathematics/numbers.py). Everything else is read by a library
in other processes (mathematics/pool.py), and its key is the canonical form of its value: `3/4`, `{1331, 1728}`,
`[2, 5)`, `x**2 - 1`. What cannot be read, is too long or takes too long keeps its LaTeX, as `tex:...`, which is the
key of nothing else. Where two forms of a group may still be equal, they are compared.

A busy machine changes no key: a question gets its time of the processor, not of the clock. Two things do depend on
time. An answer that took too long is read again after FORGOTTEN_SECONDS; and a request whose answers take more than
REQUEST_SECONDS in all leaves the rest as LaTeX.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

from cachetools import LRUCache, TTLCache

from memreward_service.answers.mathematics.latex import LONGEST, normalised, surface
from memreward_service.answers.mathematics.numbers import number_key, plain_key
from memreward_service.answers.mathematics.pool import shared
from memreward_service.answers.mathematics.wording import words_key
from memreward_service.answers.places import FinalAnswer, Mark
from memreward_service.answers.sentences import NUMBER, concluding_number

REQUEST_SECONDS = 30.0
"""Time for the answers of one request."""
FORGOTTEN_SECONDS = 600.0
MOST_COMPARED = 6
"""Forms of a group that are compared in pairs."""
LONGEST_KEY = 200
"""Characters beyond which a key is shortened to its beginning and a digest."""

_LONG_DECIMAL = re.compile(r"-?\d+/\d{9,}")
_PLAIN = re.compile(r"-?\d{1,60}\Z")
_LEADING = re.compile(rf"\s*-?[$€£¥]?(?:{NUMBER})(?=\s+[^\W\d_]{{2}})")

_lock = threading.Lock()
_read: LRUCache[Any, tuple[str, bool]] = LRUCache(65_536)
_compared: LRUCache[Any, bool | None] = LRUCache(65_536)
_late: TTLCache[Any, bool] = TTLCache(4_096, FORGOTTEN_SECONDS)


def start() -> None:
    """Start the processes that read expressions, in the background. Without it the first expression starts them."""
    shared.start()


def close() -> None:
    """End those processes. The next expression starts new ones."""
    shared.close()


def forget() -> None:
    """Read every expression anew."""
    with _lock:
        for cache in (_read, _compared, _late):
            cache.clear()


def group_keys(groups: Sequence[Sequence[FinalAnswer]]) -> list[list[str]]:
    """The key of every answer, group by group: equal inside a group for answers of one value.

    It may wait for other processes, so it does not run on an event loop.
    """
    until = time.monotonic() + REQUEST_SECONDS
    normals = [[_normal(final) for final in group] for group in groups]
    found = _keys({normal for group in normals for normal in group}, until)
    return [_group_keys([(normal, *found[normal]) for normal in group], until) for group in normals]


def math_key(answer: str) -> str:
    """The key of one answer: `70000` for 70,000.00 and 7e4 alike, `1/2` for 0.5 and \\frac{1}{2}.

    The result is empty where nothing but markup was given.
    """
    return group_keys([[FinalAnswer("", answer, Mark.BOX)]])[0][0]


def same_answer(reference: str, answer: str, seconds: float | None = None) -> tuple[bool | None, str]:
    """Whether an answer has the value of the reference; None where nobody can say, with the reason.

    `seconds`: time of the clock for the comparison.
    """
    one, other = normalised(reference), normalised(answer)
    if max(len(one), len(other)) > LONGEST:
        return None, "the answer is too long to be compared"
    if one == other:
        return True, ""
    found = shared.ask(["compare", one, other, True], seconds)
    if found.get("late"):
        return None, "the comparison took too long"
    if found.get("equal") is None:
        return None, str(found.get("reason", "equal or not, neither is proven"))
    return bool(found["equal"]), ""


def _normal(final: FinalAnswer) -> str:
    """The answer in one spelling: of a plain number its key."""
    answer = final.answer.strip()
    if _PLAIN.match(answer):
        return str(int(answer))
    if len(answer) > LONGEST:
        return " ".join(answer.split())
    normal = normalised(answer)
    if final.mark is Mark.STATEMENT and "\\" not in answer and "^" not in answer and plain_key(normal) is None:
        return normalised(_stated(answer))
    return normal


def _stated(answer: str) -> str:
    """The number that an answer given in a sentence begins or else ends with."""
    if (leading := _LEADING.match(answer)) is not None:
        return leading[0]
    last = concluding_number(answer.rsplit("=", 1)[-1]) if "=" in answer else concluding_number(answer)
    return last[1] if last is not None else answer


def _keys(normals: Iterable[str], until: float) -> dict[str, tuple[str, bool]]:
    """normalised answer -> (key, whether no other form of it can be equal)"""
    found: dict[str, tuple[str, bool]] = {}
    unknown = []
    for normal in normals:
        if len(normal) > LONGEST or not normal:
            found[normal] = (_unread(normal), True)
        elif (plain := plain_key(normal) or words_key(normal)) is not None:
            found[normal] = (plain, True)
        elif (known := _known(normal)) is not None:
            found[normal] = known
        else:
            unknown.append(normal)
    unknown.sort()
    answers = shared.ask_all([["read", normal] for normal in unknown], until) if unknown else []
    for normal, answer in zip(unknown, answers, strict=True):
        found[normal] = _learned(normal, answer)
    return found


def _known(normal: str) -> tuple[str, bool] | None:
    with _lock:
        known = _read.get(normal)
        return (_unread(normal), True) if known is None and normal in _late else known


def _learned(normal: str, answer: dict[str, Any]) -> tuple[str, bool]:
    key = answer.get("key")
    found = (_short(str(key)), bool(answer.get("decided"))) if key is not None else (_unread(normal), True)
    with _lock:
        if answer.get("late"):
            _late[normal] = True
        elif not str(answer.get("reason", "")).startswith("the process"):
            _read[normal] = found
    return found


def _unread(normal: str) -> str:
    """The key of what was not read: its LaTeX, which is the key of nothing else."""
    return _short(f"tex:{surface(normal)}") if normal else ""


def _short(key: str) -> str:
    if len(key) <= LONGEST_KEY:
        return key
    return f"{key[:LONGEST_KEY]}#{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()[:16]}"


def _group_keys(answers: Sequence[tuple[str, str, bool]], until: float) -> list[str]:
    """The keys of a group: forms that are proven equal take the key of one of them.

    answers: (normalised answer, key, decided) of each.
    """
    keys = [key for _, key, _ in answers]
    forms = {key: (normal, decided) for normal, key, decided in sorted(answers, reverse=True) if _is_read(key)}
    if len(forms) < 2:
        return keys
    # In the order of their keys, so that the order of the rollouts decides nothing.
    chosen = sorted(forms, key=lambda key: (forms[key][1], len(key), key))[:MOST_COMPARED]
    pairs = [pair for pair in combinations(chosen, 2) if _may_be_equal(pair, [forms[key] for key in pair])]
    heads = {key: key for key in forms}
    for (one, other), equal in zip(
        pairs, _equalities([(forms[one][0], forms[other][0]) for one, other in pairs], until), strict=True
    ):
        if equal:
            heads = {
                key: heads[min(one, other, key=lambda k: (not forms[k][1], len(k), k))]
                if head in (heads[one], heads[other])
                else head
                for key, head in heads.items()
            }
    return [heads.get(key, key) for key in keys]


def _is_read(key: str) -> bool:
    return bool(key) and not key.startswith("tex:")


def _may_be_equal(keys: Sequence[str], forms: Sequence[tuple[str, bool]]) -> bool:
    """Whether a comparison may find two forms equal, though two decided keys that differ are two values: a decimal
    comma (`1,22`) was read as a list, or many decimals stand for a root or 1/3."""
    if not all(decided for _, decided in forms):
        return True
    commas = ["," in form for form, _ in forms]
    return commas[0] != commas[1] or any(_LONG_DECIMAL.fullmatch(key) for key in keys)


def _equalities(pairs: Sequence[tuple[str, str]], until: float) -> list[bool]:
    with _lock:
        known = {pair: _compared[pair] for pair in pairs if pair in _compared}
    unknown = [pair for pair in pairs if pair not in known and pair not in _late]
    answers = shared.ask_all([["compare", *pair, False] for pair in unknown], until) if unknown else []
    with _lock:
        for pair, answer in zip(unknown, answers, strict=True):
            known[pair] = answer.get("equal")
            if answer.get("late"):
                _late[pair] = True
            elif not str(answer.get("reason", "")).startswith("the process"):
                _compared[pair] = known[pair]
    return [bool(known.get(pair)) for pair in pairs]


__all__ = ["close", "forget", "group_keys", "math_key", "number_key", "same_answer", "start"]
