"""Rollout files: JSON Lines, one query with its rollouts a line (files/lines.py), plain or gzip (.gz).

Needs nothing beyond the standard library, so that the base install reads and writes them.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, cast

from memreward_client.files.atomic import atomic_file
from memreward_client.files.lines import (
    FileQuery,
    FileRollout,
    RolloutFileError,
    format_line,
    parse_line,
)

__all__ = ["FileQuery", "FileRollout", "RolloutFileError", "read_rollout_file", "write_rollout_file"]


def read_rollout_file(path: str | os.PathLike[str]) -> Iterator[FileQuery]:
    """The queries of a file, one at a time as they are asked for; blank lines are passed over.

    Raises RolloutFileError at the first line that is wrong, and OSError when the file cannot be opened.
    """
    for place, line in _lines(Path(path)):
        yield parse_line(line, place)


def write_rollout_file(path: str | os.PathLike[str], queries: Iterable[FileQuery]) -> int:
    """Write a file that `read_rollout_file` reads back equal; returns how many queries it holds.

    The file appears whole, under its name, or not at all. Raises RolloutFileError for a query that no reader
    would take (a label of NaN, an unknown domain, no rollouts).
    """
    target = Path(path)
    written = 0
    with atomic_file(target) as file:
        for written, query in enumerate(queries, start=1):
            line = format_line(query, f"{target}:{written}")
            file.write(line.encode("utf-8") + b"\n")
    return written


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """(file:line, text) of every line that is not blank."""
    with _opened(path) as file:
        number = 0
        while True:
            number += 1
            place = f"{path}:{number}"
            try:
                raw = file.readline()
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise RolloutFileError(f"{place}: the gzip data is cut off or damaged ({error})") from error
            if not raw:
                return
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise RolloutFileError(f"{place}: not UTF-8 (byte {error.start + 1} of the line)") from error
            if text.strip():
                yield place, text


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")
