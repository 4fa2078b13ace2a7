"""The domain of queries, as configurations write it."""

from __future__ import annotations

from typing import cast, get_args

from memreward_client import Domain


def known_domain(name: object) -> Domain | None:
    """The domain of that name; None, the service's own choice by the name of the data set, where it is None.

    Raises:
        ValueError: there is no such domain.
    """
    if name is not None and name not in get_args(Domain):
        raise ValueError(f"There is no domain {name!r}: use one of {', '.join(get_args(Domain))}.")
    return cast("Domain | None", name)
