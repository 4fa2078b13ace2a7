"""Progress of long work on stderr: a bar on a terminal, a line every few seconds or percent otherwise."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

PERCENT = "%"
"""The unit of work whose total is 100 and stands for all of it."""
LINE_SECONDS = 5.0
"""Least time between two log lines of one piece of work."""


class Track(Protocol):
    """How far one piece of work is."""

    def reached(self, done: float, note: str = "") -> None:
        """`done` of the total is behind us; `note` says what is going on."""


class BarTrack:
    """A bar on a terminal."""

    def __init__(self, bars: Progress, title: str, total: float) -> None:
        self._bars = bars
        self._task = bars.add_task(title, total=total, note="")

    def reached(self, done: float, note: str = "") -> None:
        """Move the bar."""
        self._bars.update(self._task, completed=done, note=note)


class LineTrack:
    """A log line at the start, every LINE_SECONDS on the way, and at the end."""

    def __init__(self, console: Console, title: str, total: float, unit: str) -> None:
        self._console, self._title, self._total, self._unit = console, title, total, unit
        self._written_at = -LINE_SECONDS
        self._written = -1.0

    def reached(self, done: float, note: str = "") -> None:
        """Write a line, unless the last one is too young or this one says the same."""
        now = time.monotonic()
        due = done >= self._total or now - self._written_at >= LINE_SECONDS
        if done == self._written or not due:
            return
        self._written_at, self._written = now, done
        reached = f"{done:g}%" if self._unit == PERCENT else f"{done:g}/{self._total:g} {self._unit}"
        text = f"{self._title}: {reached} {note}".rstrip()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def track(title: str, total: float, unit: str) -> Iterator[Track]:
    """Follow one piece of work of `total` `unit` (queries, groups, PERCENT) until the block ends."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield LineTrack(console, title, total, unit)
        return
    counted = (TaskProgressColumn(),) if unit == PERCENT else (MofNCompleteColumn(), TextColumn(unit))
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        *counted,
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as bars:
        yield BarTrack(bars, title, total)
