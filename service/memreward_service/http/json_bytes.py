"""The bytes of a JSON body, before they are read: what is no JSON, or no text, in one place of it is set right there.

A byte order mark in front is passed over. Half a surrogate pair, which JSON can write ("\\ud83d") and no text can hold,
becomes U+FFFF: the rollout that holds it is invalid, and the others of its request are scored (requests/unreadable.py).
"""

from __future__ import annotations

import codecs
import re

from memreward_proto.errors import InvalidArgument

OTHER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
"""Byte order marks of encodings that JSON is not sent in (RFC 8259, 8.1)."""
HALVES = 10_000
"""Halves of pairs that are set right in one body; with more of them it is no JSON."""
WINDOW = 1_000
"""How many backslashes in front of an escape are counted."""
_HALF_ESCAPED = re.compile(
    rb"\\u[dD](?:"
    rb"[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"  # a first half, no second one behind it
    rb"|[c-fC-F][0-9a-fA-F]{2}(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"  # the other way round
    rb")"
)
_HALF_IN_UTF8 = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
"""How some writers put half a pair into UTF-8, where it has no place."""


def without_mark(body: bytes) -> bytes:
    """The body without a byte order mark. Raises InvalidArgument for that of another encoding than UTF-8."""
    for mark, encoding in OTHER_MARKS.items():
        if body.startswith(mark):
            raise InvalidArgument(
                f"The body begins with the byte order mark of {encoding}: send JSON in UTF-8.", field="body"
            )
    return body.removeprefix(codecs.BOM_UTF8)


def with_whole_characters(body: bytes) -> bytes:
    """The body with U+FFFF in the place of every half of a surrogate pair, HALVES of them at most."""
    body = _HALF_IN_UTF8.sub(rb"\\uffff", body, HALVES) if b"\xed" in body else body
    return _HALF_ESCAPED.sub(_replacement, body, HALVES)


def _replacement(found: re.Match[bytes]) -> bytes:
    """U+FFFF, unless the backslash is itself escaped: then these are plain letters."""
    before = found.string[max(0, found.start() - WINDOW) : found.start()]
    backslashes = len(before) - len(before.rstrip(b"\\"))
    return rb"\uffff" if backslashes % 2 == 0 else found[0]
