"""Files that are either the old one or the whole new one, never a half: written beside, then renamed over."""

from __future__ import annotations

import gzip
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast


@contextmanager
def atomic_file(target: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of `target` when the block ends well, and vanishes otherwise; .gz packs it.

    It is opened at once, so that a place that cannot be written to is met before the work. Raises OSError, which
    names `target`.
    """
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        raw = beside.open("xb")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from error
    try:
        with raw:
            if target.suffix == ".gz":
                # No name and no time inside: the same content makes the same bytes.
                with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
                    yield cast(IO[bytes], packed)
            else:
                yield raw
            raw.flush()
            os.fsync(raw.fileno())
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
