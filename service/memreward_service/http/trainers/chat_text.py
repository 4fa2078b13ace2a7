"""Prompts and responses as trainers carry them, back to the plain texts that memory knows.

What a prompt asks and what a response says is read by the rules of the room answers, from the templates of all models.
"""

from __future__ import annotations

from memreward_service.answers.templates.prompts import GAP, message_text, model_text, query_text
from memreward_service.answers.templates.responses import response_text

__all__ = ["after_prompt", "message_text", "model_text", "query_text", "response_text"]


def after_prompt(whole: str, prompt: str) -> str | None:
    """What follows the prompt in a text that begins with it; None where it does not.

    Decoding may drop or add blanks (before punctuation, for example), and a processor repeats the token that holds the
    place of a picture, so neither counts in the comparison.
    """
    if whole.startswith(prompt):
        return whole[len(prompt) :]
    asked = GAP.sub("", prompt)
    if not GAP.sub("", whole).startswith(asked):
        return None
    left, place = len(asked), 0
    for gap in GAP.finditer(whole):
        if gap.start() - place >= left:
            break
        left -= gap.start() - place
        place = gap.end()
    return whole[place + left :]
