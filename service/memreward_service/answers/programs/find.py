"""The program in a response: the block that defines what its query asks for, with the blocks that it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from memreward_service.answers.places.rules import FinalAnswer, Mark
from memreward_service.answers.programs.asked import Asked, asked
from memreward_service.answers.programs.bodies import joined
from memreward_service.answers.programs.definitions import (
    defined_names,
    defines,
    needed_blocks,
    program_language,
    reads_input,
)
from memreward_service.answers.programs.fences import LANGUAGES, NO_PROGRAM, Block, blocks
from memreward_service.answers.programs.unfenced import code_like, unfenced

KEPT_CHARACTERS = 8_000
"""Responses up to this length are remembered with the program found in them."""

JOINED = "body joined to the signature"
"""The rule of a program that was answered as the body of a function alone."""

Choice = Callable[[Sequence[Block], Asked], Block | None]


@dataclass(frozen=True, slots=True)
class ProgramRule:
    """A way to find the program among pieces of code."""

    name: str
    example: str
    choose: Choice


def program(text: str, query_text: str = "") -> FinalAnswer:
    """The program in `text`: the answer is its source, helpers and imports of other blocks before it; the whole text
    where nothing in it looks like a program."""
    found = _kept_program if len(text) <= KEPT_CHARACTERS else _program
    return found(text, asked(query_text), query_text)


def _program(text: str, wanted: Asked, query_text: str) -> FinalAnswer:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    fenced = blocks(text)
    plain = unfenced(text, fenced)
    for name, pieces in (("fenced", _programs(fenced, wanted)), ("unfenced", plain)):
        if (main := _defining(pieces, wanted)) is not None:
            return _found(text, main, pieces, wanted, f"{name}: {RULES[0].name}")
    # Of several runs of code each may be a part of one body: only a single one is joined.
    whole = [] if fenced else [Block(text, "", 0)]
    for pieces in (_programs(fenced, wanted), whole, plain if len(plain) == 1 else []):
        if (body := joined(pieces, query_text)) is not None:
            return FinalAnswer(text[: body[0].start].strip(), body[1], Mark.BOX, "python", JOINED)
    for name, candidates, rules in (
        ("unfenced", plain, () if fenced else RULES[1:]),
        ("fenced", _programs(fenced, wanted), FENCED_RULES[1:-1]),
        ("fenced", _uncalled(_programs(fenced, wanted), wanted), FENCED_RULES[-1:]),
        ("fenced", fenced, FENCED_RULES[-1:]),
    ):
        for rule in rules:
            if (main := rule.choose(candidates, wanted)) is not None:
                return _found(text, main, candidates, wanted, f"{name}: {rule.name}")
    return FinalAnswer("", text, Mark.POSITION, wanted.language, "whole text")


_kept_program = lru_cache(maxsize=4096)(_program)


def _found(text: str, main: Block, candidates: Sequence[Block], wanted: Asked, rule: str) -> FinalAnswer:
    language = program_language(main.code, main.language) or wanted.language
    used = needed_blocks(main, candidates) if language in ("", "python") else [main]
    source = "\n\n".join(block.code.strip("\n") for block in used)
    return FinalAnswer(text[: min(block.start for block in used)].strip(), source, Mark.BOX, language, rule)


def _programs(found: Sequence[Block], wanted: Asked) -> list[Block]:
    """The blocks that may be the program: in the language that is asked for, else in Python, else in any."""
    sources = [
        block
        for block in found
        if block.code.strip()
        and not block.code.lstrip().startswith((">>> ", "$ "))
        and (block.language not in NO_PROGRAM or block.language == wanted.language)
    ]
    for language in (wanted.language, "python"):
        tagged = [block for block in sources if block.language == language]
        if language and tagged:
            other = LANGUAGES.keys() - {language}
            return [
                block
                for block in sources
                if block.language == language or (block.language not in other and code_like(block.code))
            ]
    return sources


def _uncalled(candidates: Sequence[Block], wanted: Asked) -> Sequence[Block]:
    """The blocks without those that only call what is asked for; all of them where nothing else is left."""
    others = [block for block in candidates if not any(f"{name}(" in block.code for name in wanted.names)]
    return others or candidates


def _defining(candidates: Sequence[Block], wanted: Asked) -> Block | None:
    for name in wanted.names:
        for block in reversed(candidates):
            if defines(block.code, name, program_language(block.code, block.language) or wanted.language):
                return block
    return None


def _script(candidates: Sequence[Block], _wanted: Asked) -> Block | None:
    return next((block for block in reversed(candidates) if reads_input(block.code)), None)


def _last_definition(candidates: Sequence[Block], _wanted: Asked) -> Block | None:
    return next((block for block in reversed(candidates) if defined_names(block.code)), None)


def _last(candidates: Sequence[Block], _wanted: Asked) -> Block | None:
    return candidates[-1] if candidates else None


RULES = (
    ProgramRule("defines what is asked for", "def add(a, b): ... where the query says add(a, b)", _defining),
    ProgramRule("reads its input", "n = int(input())", _script),
    ProgramRule("last definition", "def f(x): ..., then print(f(1))", _last_definition),
)
"""Rules for code in plain prose, and the first for every kind; the earlier rule wins."""
FENCED_RULES = (*RULES, ProgramRule("last block", "print(3)", _last))
"""Rules for fenced blocks."""
