"""The forms in which answers are written, with their keys; what the processes said is remembered.

What took too long is remembered for FORGOTTEN_SECONDS only: a hostile answer must not cost its time again and again,
but no chance event stays true for ever. What a process could not be asked is not remembered at all.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache, TTLCache

from memreward_service.answers.mathematics.latex import LONGEST, surface
from memreward_service.answers.mathematics.numbers import plain_key
from memreward_service.answers.mathematics.pool import shared
from memreward_service.answers.mathematics.wording import words_key

FORGOTTEN_SECONDS = 600.0
REMEMBERED = 65_536
LONGEST_KEY = 200
"""Characters beyond which a key is shortened to its beginning and a digest."""

Pair = tuple[str, str]

_lock = threading.Lock()
_read: LRUCache[str, Form] = LRUCache(REMEMBERED)
_compared: LRUCache[Pair, bool] = LRUCache(REMEMBERED)
_late: TTLCache[str | Pair, bool] = TTLCache(REMEMBERED, FORGOTTEN_SECONDS)


@dataclass(frozen=True, slots=True)
class Form:
    """A normalised answer (latex.py) and its key."""

    normal: str
    key: str
    decided: bool = True
    """Whether an equal answer has this key; else it may have another, which is still to be compared."""
    structured: bool = False
    """Whether it has elements: a list, a tuple, a system, a matrix."""
    read: bool = True
    """Whether it was understood; else the key is its LaTeX."""


def forms_of(normals: Iterable[str], until: float) -> dict[str, Form]:
    """The form of every normalised answer. What is not read at `until` (time.monotonic()) stays LaTeX."""
    found: dict[str, Form] = {}
    unknown = []
    for normal in normals:
        known = _known(normal)
        if known is None:
            unknown.append(normal)
        else:
            found[normal] = known
    answers = shared.ask_all([["read", normal] for normal in sorted(unknown)], until) if unknown else []
    found.update((normal, _learned(normal, answer)) for normal, answer in zip(sorted(unknown), answers, strict=True))
    return found


def equalities(pairs: Collection[Pair], until: float) -> set[Pair]:
    """The pairs of normalised answers that are proven equal."""
    with _lock:
        equal = {pair for pair in pairs if _compared.get(pair)}
        unknown = sorted(pair for pair in set(pairs) if pair not in _compared and pair not in _late)
    answers = shared.ask_all([["compare", *pair, False] for pair in unknown], until) if unknown else []
    with _lock:
        for pair, answer in zip(unknown, answers, strict=True):
            if answer.get("late"):
                _late[pair] = True
            elif not _is_failure(answer):
                _compared[pair] = bool(answer.get("equal"))
            if answer.get("equal"):
                equal.add(pair)
    return equal


def forget() -> None:
    """Read every expression anew."""
    with _lock:
        for cache in (_read, _compared, _late):
            cache.clear()


def _known(normal: str) -> Form | None:
    if len(normal) > LONGEST or not normal:
        return _unread(normal)
    if (plain := plain_key(normal) or words_key(normal)) is not None:
        return Form(normal, plain)
    with _lock:
        return _unread(normal) if normal in _late else _read.get(normal)


def _learned(normal: str, answer: dict[str, Any]) -> Form:
    if "key" in answer:
        form = Form(normal, _short(answer["key"]), bool(answer.get("decided")), bool(answer.get("structured")))
    else:
        form = _unread(normal)
    with _lock:
        if answer.get("late"):
            _late[normal] = True
        elif not _is_failure(answer):
            _read[normal] = form
    return form


def _is_failure(answer: dict[str, Any]) -> bool:
    return bool(answer.get("failed"))


def _unread(normal: str) -> Form:
    return Form(normal, _short(f"tex:{surface(normal)}") if normal else "", read=False)


def _short(key: str) -> str:
    if len(key) <= LONGEST_KEY:
        return key
    return f"{key[:LONGEST_KEY]}#{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()[:16]}"
