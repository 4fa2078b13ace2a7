"""The turns of a chat that a template has rendered, in a prompt and in a response that runs on.

Every function takes time in proportion to the text: the tokens of the tables are found in one pass, and a text of more
than LONGEST characters is not read at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from memreward_service.answers.templates.chat_templates import (
    ANSWER_TAGS,
    MODEL_ROLES,
    PLAIN_SYSTEM,
    PLAIN_TEMPLATES,
    RUN_ON_WORDS,
    STARTS,
    TEMPLATES,
    THINKING_TAGS,
    ChatTemplate,
    Head,
)

LONGEST = 400_000
"""Characters of the longest text that is read: more than the limit of a text, and than any context of a trainer."""
HARMONY, CHANNEL, MESSAGE = "<|start|>", "<|channel|>", "<|message|>"
"""What a message of gpt-oss consists of."""
_MOST_TOKENS = 4_000
_HEADER = 200
"""Characters between the opening and the closing of a head, at most."""


class Token(NamedTuple):
    """A token of a template and where it stands."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said. `closed`: something ended the turn."""

    role: str
    text: str
    closed: bool = True


_SHAPES = (
    ("<", re.compile(r"<(?:</?SYS>>|</SYS>>|<SYS>>|[^<>\s]{1,40}+>)")),
    ("[", re.compile(r"\[(?:e~\[|[^\[\]\s]{1,20}+\])")),
    ("]", re.compile(r"\]~b\]")),
    ("◁", re.compile(r"◁/?think▷")),
)
"""How tokens look, by their first letter. Each pattern begins with that letter, so that a search for it is fast."""
_OPENINGS: dict[str, list[tuple[ChatTemplate, Head]]] = {}
for _each in TEMPLATES:
    for _begin in _each.heads:
        _OPENINGS.setdefault(_begin.opening, []).append((_each, _begin))
END_TOKENS = frozenset(end for template in TEMPLATES for end in template.ends if not end.startswith("[/"))
_KNOWN = (
    END_TOKENS
    | {end for template in TEMPLATES for end in template.ends}
    | set(_OPENINGS)
    | {tag for pair in (*THINKING_TAGS, *ANSWER_TAGS) for tag in pair}
    | {CHANNEL, MESSAGE}
)
_PLAIN_HEADS = {
    (user.opening, model.opening): re.compile(rf"(?<!\w)(?:{re.escape(user.opening)}|{re.escape(model.opening)})")
    for user, model in (template.heads for template in PLAIN_TEMPLATES)
}
_ROLE = re.compile(r"[ \t]*+([A-Za-z_][\w.-]{0,60}+)[ \t]*+")
_BLANKS = re.compile(r"\s*+")
_TOOL_ROLES = ("tool", "ipython", "observation", "environment", "functions")
_QUOTES = "`'\"“”‘’«»(「"
_AFTER_MENTION = (" ", "`", "'", '"', ",", ".", ")")


def tokens(text: str) -> list[Token]:
    """The tokens of templates and tags in `text`, in their order; none where there are more than in any chat."""
    found: list[Token] = []
    for letter, shape in _SHAPES:
        for match in shape.finditer(text) if letter in text else ():
            if match[0] in _KNOWN or match[0].lower() in _KNOWN:
                found.append(Token(match.start(), match.end(), match[0]))
                if len(found) > _MOST_TOKENS:
                    return []
    found.sort()
    return found


def rendered_turns(prompt: str) -> list[Turn]:
    """The turns of a rendered chat, without the opening of the response; none where `prompt` is no such chat."""
    if len(prompt) > LONGEST:
        return []
    found = tokens(prompt)
    first = next((place for place, token in enumerate(found) if token.text in _OPENINGS), None)
    if first is None:
        return _plain_turns(prompt)
    before = prompt[: found[first].start].strip()
    for template, _ in _OPENINGS[found[first].text]:
        if not template.system_first and (len(before) > 100 or len(before.split()) > 1):
            continue
        turns = _turns(prompt, found[first:], template)
        # The last turn is the opening of the response, blank or with what the template puts before it.
        if turns and turns[-1].role in MODEL_ROLES:
            turns.pop()
        if any(turn.role == "user" and turn.closed and turn.text for turn in turns):
            return turns
    return []


def own_turns(response: str) -> str:
    """What the model said in its own turn.

    That is without the opening of the turn, the tokens that end it, the turns of a user that the model goes on with,
    and what tools answered.
    """
    if len(response) > LONGEST:
        return response
    found = tokens(response)
    said: list[str] = []
    begin, place, fenced, counted = 0, 0, False, 0
    while place < len(found):
        token = found[place]
        fenced ^= response.count("```", counted, token.start) % 2 == 1
        counted = token.start
        end, after = _end_run(response, found, place)
        head = _head(response, found[end]) if end < len(found) and found[end].start == after else None
        if not _turn_ends(response, token, after, head, fenced):
            if head is not None and _is_model(head) and not begin and token.text != HARMONY:
                # The response may begin with the opening of its own turn.
                begin = head[1] if token.start < _HEADER and not response[: token.start].strip() else 0
            place = max(end, place + 1)
            continue
        said.append(response[begin : token.start])
        if head is None or not _is_tool(response, head):
            return "\n".join(said)
        # A tool has answered, and the model goes on.
        following = ((index, _head(response, found[index])) for index in range(end + 1, len(found)))
        again = next(((index, head[1]) for index, head in following if head is not None and _is_model(head)), None)
        if again is None:
            return "\n".join(said)
        place, begin = again[0] + 1, again[1]
    said.append(response[begin:])
    return "\n".join(said)


def stands_open(text: str, token: Token) -> bool:
    """Whether a tag opens something where it stands: at the beginning of a line or right behind a text, and is not
    spoken about (`<think>`, or use <think> tags)."""
    before = text[max(token.start - 40, 0) : token.start]
    line = before.rpartition("\n")[2]
    if not line.strip() and (len(before) < 40 or "\n" in before):
        return True
    return not before[-1].isspace() and before[-1] not in _QUOTES


def _turns(prompt: str, found: list[Token], template: ChatTemplate) -> list[Turn]:
    turns: list[Turn] = []
    role, begin = "", 0
    for token in found:
        head = _head(prompt, token, template)
        if head is None and token.text not in template.ends:
            continue
        if token.start < begin:
            continue
        if role:
            turns.append(Turn(role, prompt[begin : token.start].strip()))
        role, begin = head or ("", token.end)
    if role:
        turns.append(Turn(role, prompt[begin:].strip(), closed=False))
    return turns


def _head(text: str, token: Token, only: ChatTemplate | None = None) -> tuple[str, int] | None:
    """The role of the turn that begins at a token, and where its text begins."""
    for template, head in _OPENINGS.get(token.text, ()):
        if only is not None and template is not only:
            continue
        if not head.closing:
            return head.role or "user", token.end
        closing = text.find(head.closing, token.end, token.end + _HEADER)
        role = (head.role or _role(text[token.end : closing])) if closing >= 0 else None
        if role is not None:
            return role, closing + len(head.closing)
    return None


def _role(header: str) -> str | None:
    """The role in what stands between the two marks of a head; None where it is no head."""
    named = _ROLE.match(header)
    if named is None:
        return None
    rest = header[named.end() :]
    if rest.startswith("<|channel|>analysis"):
        return "analysis"
    return named[1].lower() if not rest or rest.startswith(("<|channel|>", "to=", "name=", "<|constrain|>")) else None


def _plain_turns(prompt: str) -> list[Turn]:
    for template in PLAIN_TEMPLATES:
        user, model = (head.opening for head in template.heads)
        last = prompt.rfind(model)
        opening = prompt[last + len(model) :].strip() if last >= 0 else "-"
        if opening and not (len(opening) <= 100 and opening.endswith(tuple(tag for tag, _ in THINKING_TAGS))):
            continue
        heads = list(_PLAIN_HEADS[user, model].finditer(prompt))
        if len(heads) < 2 or heads[0][0] != user or heads[-1].start() != last:
            continue
        turns = []
        for head, following in pairwise(heads):
            text = prompt[head.end() : following.start()].strip()
            for end in template.ends:
                text = text.removesuffix(end).rstrip()
            turns.append(Turn("user" if head[0] == user else "assistant", text))
        before = prompt[: heads[0].start()].strip()
        for start in STARTS:
            before = before.removeprefix(start).lstrip()
        if before and not before.startswith(PLAIN_SYSTEM):
            turns[0] = Turn("user", f"{before}\n{turns[0].text}")
        return turns if turns[0].text else []
    return []


def _end_run(text: str, found: list[Token], place: int) -> tuple[int, int]:
    """The tokens from `place` on that end a turn, blanks between them: the place of the next token, and where the text
    goes on."""
    after = found[place].start
    while place < len(found) and found[place].start == after and found[place].text in END_TOKENS:
        match = _BLANKS.match(text, found[place].end)
        after = match.end() if match else found[place].end
        place += 1
    return place, after


def _turn_ends(text: str, token: Token, after: int, head: tuple[str, int] | None, fenced: bool) -> bool:
    """Whether the model's turn ends at a token; `head` is what begins at `after`, behind the tokens that end a turn."""
    if after == len(text):
        return True
    if fenced:
        return False
    if after > token.start:
        return text.startswith(RUN_ON_WORDS, after) if head is None else not _same_turn(text, after, head)
    if head is None or _is_model(head) or head[0] == "system" or _same_turn(text, after, head):
        return False
    if not stands_open(text, token):
        return False
    return token.text == "[INST]" or text[token.end : token.end + 1] not in _AFTER_MENTION


def _same_turn(text: str, start: int, head: tuple[str, int]) -> bool:
    """In harmony the model says several messages in its turn."""
    return text.startswith(HARMONY, start) and head[0] not in ("user", "system", "developer")


def _is_model(head: tuple[str, int]) -> bool:
    return head[0] in MODEL_ROLES or head[0] == "analysis"


def _is_tool(text: str, head: tuple[str, int]) -> bool:
    return head[0].startswith(_TOOL_ROLES) or text[head[1] : head[1] + 40].lstrip().startswith("<tool_response>")
