"""The checks of single values: each passes, or raises InvalidArgument with `field` and a sentence on what to
do."""

from __future__ import annotations

from memreward_service.errors import InvalidArgument

MAX_NAME_CHARS = 256
"""Longest id, dataset, policy or source; short enough to come back in an error over gRPC metadata."""


def missing(field: str) -> InvalidArgument:
    """The error of a required field that is not there, or holds nothing but spaces."""
    return InvalidArgument(f"{field} is missing or blank: give it a value.", field=field)


def check_label(label: float, field: str) -> None:
    """A label is in [0, 1]."""
    # NaN fails both comparisons, infinity one of them.
    if not 0.0 <= label <= 1.0:
        raise InvalidArgument(
            f"{field} is {label!r}: a label is a number from 0 (wrong) to 1 (right).",
            field=field,
            given=repr(label),
        )


def check_length(text: str, place: str, name: str, limit: int) -> None:
    """The text `name` at `place` has at most `limit` characters; place and name are joined only in the
    error."""
    if len(text) > limit:
        raise InvalidArgument(
            f"{place}{name} has {len(text)} characters: shorten it to {limit}, "
            "or raise MEMREWARD_MAX_TEXT_CHARS of the service.",
            field=place + name,
            limit=limit,
            given=len(text),
        )


def check_name(value: str, field: str) -> str:
    """An id or another short name: not blank, at most MAX_NAME_CHARS, printable."""
    if not value.strip():
        raise missing(field)
    if len(value) > MAX_NAME_CHARS:
        raise InvalidArgument(
            f"{field} has {len(value)} characters: shorten it to {MAX_NAME_CHARS}.",
            field=field,
            limit=MAX_NAME_CHARS,
            given=len(value),
        )
    if not value.isprintable():
        raise InvalidArgument(f"{field} holds a control character: use printable ones.", field=field)
    return value


def check_whole(value: int, field: str, least: int, most: int) -> int:
    """A whole number from `least` to `most`."""
    if not least <= value <= most:
        raise InvalidArgument(
            f"{field} is {shortened(str(value))}: use a whole number from {least} to {most}.",
            field=field,
            least=least,
            limit=most,
        )
    return value


def check_count(field: str, given: int, limit: int, what: str) -> None:
    """A list holds at least one and at most `limit`; `what` it holds is named in the error."""
    if given == 0:
        raise InvalidArgument(f"{field} is empty: send at least one.", field=field)
    if given > limit:
        raise InvalidArgument(
            f"{field} holds {given} {what}: send at most {limit}.", field=field, limit=limit, given=given
        )


def shortened(text: str, limit: int = 80) -> str:
    """The text as an error may repeat it."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
