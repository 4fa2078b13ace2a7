"""What a command that an extra brings needs of the command line: a clear end where it cannot go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class CommandError(Exception):
    """A command cannot go on; the message is one sentence that says what to do, `code` the exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Around the imports of a command: raises CommandError, which names the extra, where a library is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library.startswith("memreward"):
            raise
        raise CommandError(
            f"This command needs the {extra} extra ({library} is not installed): pip install 'memreward[{extra}]'."
        ) from error
