"""A response without what its chat template added: its thinking, and what follows it."""

from __future__ import annotations


def split_response(response: str) -> tuple[str | None, str]:
    """(what stands in <think> tags, what follows them); None without tags.

    A response that was cut inside its thinking has nothing after it.
    """
    head, closing, rest = response.rpartition("</think>")
    if closing:
        return head.replace("<think>", "", 1).strip(), rest.strip()
    before, opening, thinking = response.partition("<think>")
    if opening and not before.strip():
        return thinking.strip(), ""
    return None, response.strip()
