"""The way from the base install, which has no torch, to the code that does the work of the service."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType

LIBRARIES = ("pydantic_settings", "torch", "faiss")
"""What the service extra brings; a base install has none of them."""


class MissingExtraError(Exception):
    """A command needs an extra of the package that is not installed; the message says which."""


class LocalFailureError(Exception):
    """The code of the service, run here, cannot go on; the message is its sentence that says what to do."""


class SettingError(Exception):
    """An option or variable has a value that the settings refuse; the message names each and says why."""


@contextmanager
def service_sentences() -> Iterator[None]:
    """Inside, an error of the service's code becomes LocalFailureError. Raises MissingExtraError."""
    kind = service_module("memreward_proto.errors").MemRewardError
    try:
        yield
    except kind as error:
        raise LocalFailureError(str(error)) from error


def service_module(name: str) -> ModuleType:
    """The module `name`, which needs the service extra. Raises MissingExtraError where the extra is not installed."""
    missing = [library for library in LIBRARIES if find_spec(library) is None]
    if missing:
        raise MissingExtraError(
            f"This command needs the service extra ({', '.join(missing)} not installed): "
            "pip install 'memreward[service]'."
        )
    return importlib.import_module(name)
