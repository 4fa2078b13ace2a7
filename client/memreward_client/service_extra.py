"""The way from the base install, which has no torch, to the code that does the work of the service."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from types import ModuleType

LIBRARIES = ("pydantic_settings", "torch", "faiss")
"""What the service extra brings; a base install has none of them."""


class MissingExtraError(Exception):
    """A command needs an extra of the package that is not installed; the message says which."""


def service_module(name: str) -> ModuleType:
    """The module memreward_service.`name`. Raises MissingExtraError where the extra is not installed."""
    missing = [library for library in LIBRARIES if find_spec(library) is None]
    if missing:
        raise MissingExtraError(
            f"This command needs the service extra ({', '.join(missing)} not installed): "
            "pip install 'memreward[service]'."
        )
    return importlib.import_module(f"memreward_service.{name}")
