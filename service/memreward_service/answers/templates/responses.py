"""A response without what its chat template added: its thinking, and what follows it."""

from __future__ import annotations

import re

from memreward_service.answers.templates.chat_templates import (
    ANSWER_TAGS,
    MODEL_ROLES,
    NEXT_QUESTIONS,
    RESPONSE_WRAPS,
    SPELLED_THINKING,
    THINKING_TAGS,
)
from memreward_service.answers.templates.turns import (
    CHANNEL,
    END_TOKENS,
    HARMONY,
    LONGEST,
    MESSAGE,
    Token,
    own_turns,
    stands_open,
    tokens,
)

_LEADS = ("<", "[", "◁", "｜")
_OPENINGS = frozenset(opening for opening, _ in THINKING_TAGS)
_CLOSINGS = frozenset(closing for _, closing in THINKING_TAGS)
_ANSWER_OPENINGS = dict(ANSWER_TAGS)
_SPELLED = tuple(opening for opening, _ in SPELLED_THINKING)
_ENDS = tuple(END_TOKENS | {"<pad>", "<bos>"})
_HARMONY_MARKS = END_TOKENS | {HARMONY, CHANNEL, MESSAGE}
_NEXT_QUESTION = re.compile(rf"^[ \t]{{0,4}}(?:\*\*)?(?:{'|'.join(map(re.escape, NEXT_QUESTIONS))})", re.MULTILINE)
_ANSWER_MARKS = (
    "####",
    "answer",
    "\\boxed{",
    "答案",
    "答：",
    "答え",
    "정답",
    "respuesta",
    "réponse",
    "antwort",
    "ответ",
)
_ANSWER_LINE = 400
"""Characters before another question in which the line of an answer begins."""
_QUOTES = frozenset("`'\"“”‘’«»")
_LONGEST_TOKEN = 44
_MOST_ENDS = 2_000
_MENTION = 16
"""Characters between two tags that are only spoken about, at most."""


def split_response(response: str) -> tuple[str | None, str]:
    """(what the model thought, what it said then); None where nothing marks its thinking.

    Thinking stands in tags (chat_templates.py), of which the prompt may have given the opening one, or in the channel
    analysis. A response that was cut inside its thinking says nothing. Tokens that end a turn, and what follows in a
    chat that runs on, are no part of either.
    """
    thinking, rest = _split(response)
    return thinking, without_next_question(rest)


def without_next_question(text: str) -> str:
    """The text up to where it goes on with another question: behind a line that says its answer, a line that begins
    with one of NEXT_QUESTIONS."""
    if len(text) > LONGEST or not any(head in text for head in NEXT_QUESTIONS):
        return text
    for found in _NEXT_QUESTION.finditer(text):
        before = text[max(0, found.start() - _ANSWER_LINE) : found.start()].rstrip("-=*_ \t\r\n")
        line = before.rpartition("\n")[2].lower()
        if any(mark in line for mark in _ANSWER_MARKS) or line.lstrip(" *").startswith("a:"):
            return text[: found.start()].rstrip()
    return text


def _split(response: str) -> tuple[str | None, str]:
    if not any(lead in response for lead in _LEADS):
        return _spelled(response) if response.startswith(_SPELLED) else (None, response.strip())
    if len(response) > LONGEST:
        return None, response.strip()
    own = own_turns(response)
    thinking, rest = _harmony(own) or _tagged(own)
    for wrap in RESPONSE_WRAPS:
        rest = rest.strip().removeprefix(wrap).removesuffix(wrap)
    rest = rest.replace("<|begin_of_box|>", "\\boxed{").replace("<|end_of_box|>", "}")  # GLM
    return (None if thinking is None else thinking.strip()), without_end_tokens(rest).strip()


def response_text(response: str) -> str:
    """A response, its thinking included, without the tokens that ended it and what follows in a chat that runs on."""
    if not any(lead in response for lead in _LEADS) or len(response) > LONGEST:
        return response
    return without_end_tokens(own_turns(response))


def without_end_tokens(text: str) -> str:
    """The text without the tokens of any template at its end, blanks between them included."""
    end = len(text.rstrip())
    kept = len(text)
    for _ in range(_MOST_ENDS):
        start = _token_start(text, end)
        if start == end:
            break
        end = start
        while end and text[end - 1].isspace():
            end -= 1
        kept = end
    return text[:kept]


def _token_start(text: str, end: int) -> int:
    """Where the token begins that ends at `end`; `end` where there is none."""
    if text.endswith(("|>", "｜>"), 0, end):
        start = text.rfind("<", max(end - _LONGEST_TOKEN, 0), end)
        token = text[start:end] if start >= 0 else ""
        if token[1:2] in ("|", "｜") and not any(letter.isspace() for letter in token) and token not in _CLOSINGS:
            return start
    return next((end - len(token) for token in _ENDS if text.endswith(token, 0, end)), end)


def _spelled(response: str) -> tuple[str | None, str]:
    for opening, closing in SPELLED_THINKING:
        if response.startswith(opening) and (end := response.find(closing, len(opening))) >= 0:
            return response[len(opening) : end].strip(), response[end + len(closing) :].strip()
    return None, response.strip()


def _harmony(text: str) -> tuple[str | None, str] | None:
    """Of the messages of gpt-oss, the last in the channel final is the rest; None where there are no such messages."""
    if MESSAGE not in text:
        return None
    marks = [token for token in tokens(text) if token.text in _HARMONY_MARKS]
    if not marks:
        return None
    before = text[: marks[0].start].strip()
    if before and marks[0].text in (CHANNEL, MESSAGE):
        return None
    # The prompt may have begun the thinking.
    thoughts, said = [before] if before else [], [""]
    role, channel = "assistant", ""
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        between = text[mark.end : following.start if following else len(text)].strip()
        if mark.text == CHANNEL:
            channel = _first_word(between)
        elif mark.text != MESSAGE:
            role, channel = (_first_word(between) if mark.text == HARMONY else "assistant"), ""
        elif role in MODEL_ROLES:
            (said if channel in ("final", "") else thoughts).append(between)
    return "\n".join(thoughts) or None, said[-1]


def _first_word(text: str) -> str:
    return text.split(maxsplit=1)[0] if text else ""


def _tagged(text: str) -> tuple[str | None, str]:
    """(thinking, rest) by the tags of thinking; tags that are only spoken about are text like any other."""
    opened: list[tuple[Token, bool]] = []
    closing: Token | None = None
    spoken: Token | None = None
    for token in tokens(text):
        if _tag(token) in _OPENINGS:
            opened.append((token, stands_open(text, token)))
        elif _tag(token) not in _CLOSINGS or _quoted(text, token):
            continue
        elif (opened and not opened[-1][1] and _spoken_about(text, opened.pop()[0], token)) or (
            not opened and closing is not None and _between_blanks(text, token)
        ):
            spoken = token
        else:
            closing = token
            del opened[-1:]
    first = len(text) - len(text.lstrip())
    begun = [token for token, real in opened if real and _begins_block(text, token, closing, first)]
    if closing is None and begun:
        # Nothing closed the thinking: the last tag that could have, or the tag of the answer did.
        closing = spoken or _answer_tag(text, begun[0])
    if closing is not None:
        reopened = next((token.start for token in begun if token.start >= closing.end), len(text))
        end = closing.start if _tag(closing) in _ANSWER_OPENINGS else closing.end
        return _without_opening(text[: closing.start]), text[end:reopened]
    if begun:
        return text[begun[0].end :], text[: begun[0].start]
    return None, text


def _tag(token: Token) -> str:
    return token.text if token.text in _OPENINGS or token.text in _CLOSINGS else token.text.lower()


def _begins_block(text: str, opening: Token, closing: Token | None, first: int) -> bool:
    """Whether a tag that nothing closes begins the thinking, or more of it."""
    if closing is None and opening.start <= first:
        return True
    return text[opening.end : opening.end + 1] in ("\n", "") or (closing is not None and opening.start >= closing.end)


def _answer_tag(text: str, opening: Token) -> Token | None:
    for token in tokens(text):
        closing = _ANSWER_OPENINGS.get(token.text)
        if closing and token.start > opening.end and stands_open(text, token):
            return token if text.find(closing, token.end) >= 0 else None
    return None


def _without_opening(thinking: str) -> str:
    stripped = thinking.lstrip()
    first = next(iter(tokens(stripped[:_LONGEST_TOKEN])), None)
    if first is not None and first.start == 0 and _tag(first) in _OPENINGS:
        stripped = stripped[first.end :].removeprefix("thought\n")
    return stripped


def _quoted(text: str, token: Token) -> bool:
    """Whether a tag stands in quotes. The backticks of a code fence are none."""
    if text.endswith("```", 0, token.start):
        return False
    return text[token.start - 1 : token.start] in _QUOTES and text[token.end : token.end + 1] in _QUOTES


def _between_blanks(text: str, token: Token) -> bool:
    return text[token.start - 1 : token.start] in (" ", "\t") and text[token.end : token.end + 1] in (" ", "\t")


def _spoken_about(text: str, opening: Token, closing: Token) -> bool:
    """Whether a pair of tags inside a line is only spoken about: use <think> and </think> tags."""
    before, after = text[closing.start - 1], text[closing.end : closing.end + 1]
    if "\n" in (before, after) or after.isalnum() or after in ("\\", "$", "*", "<"):
        return False
    return closing.start - opening.end <= _MENTION or _between_blanks(text, closing)
