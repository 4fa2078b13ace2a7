"""The checks of single values: each passes, or raises InvalidArgument with `field` and a sentence on what to
do."""

from __future__ import annotations

import re
from collections.abc import Sequence

from memreward_proto.errors import InvalidArgument

MAX_NAME_CHARS = 256
"""Longest id, dataset, policy or source; short enough to come back in an error over gRPC metadata."""
MAX_STEP = 2**63 - 1
"""Largest training step, and largest number of labels: that of a 64-bit column."""
MAX_INPUT_SETS, MAX_OUTCOMES = 64, 4_096
"""Most sets of inputs, and outcomes in all of them, of one behaviour: several times what the trainer makes."""
OUTCOME = re.compile(r"[ -~]{1,32}")
"""What a program did on one input: printable ASCII."""


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


def check_optional_name(value: str | None, field: str) -> str | None:
    """An id or another short name, where there is one."""
    return None if value is None else check_name(value, field)


def check_optional_whole(value: int | None, field: str, least: int, most: int) -> int | None:
    """A whole number from `least` to `most`, where there is one."""
    return None if value is None else check_whole(value, field, least, most)


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


def check_behaviour(behaviour: Sequence[Sequence[str]], field: str) -> None:
    """Sets of inputs, none empty, with an outcome for each input. Their shape is not compared inside a group: programs
    whose functions differ are run on different inputs."""
    check_count(field, len(behaviour), MAX_INPUT_SETS, "sets of inputs")
    for place, outcomes in enumerate(behaviour):
        check_count(f"{field}[{place}]", len(outcomes), MAX_OUTCOMES, "outcomes")
        if not all(map(OUTCOME.fullmatch, outcomes)):
            wrong = next(index for index, outcome in enumerate(outcomes) if not OUTCOME.fullmatch(outcome))
            raise InvalidArgument(
                f"{field}[{place}][{wrong}] is no outcome: give 1 to 32 printable ASCII characters.",
                field=f"{field}[{place}][{wrong}]",
            )
    check_count(field, sum(map(len, behaviour)), MAX_OUTCOMES, "outcomes")


def shortened(text: str, limit: int = 80) -> str:
    """The text as an error may repeat it."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
