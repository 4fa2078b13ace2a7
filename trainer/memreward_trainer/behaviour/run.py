"""Behaviour: what a program does on inputs that are made from its query alone. READ FIRST.

The text of a program says little about whether it agrees with another one; what it returns says much. The program runs
in the sandbox on sets of inputs (behaviour/inputs.py: types, names of parameters, calls that the query shows); no label
and no hidden test is used. What it does on each input becomes one short text, and the service compares these texts
inside the group (memreward_service/groups/behaviour.py):

    behaviour = await rollout_behaviour(query, response, sandbox)
    Rollout(response, behaviour=behaviour)

A method of `class Solution` is a function; a script that reads its input is called with texts (behaviour/scripts.py),
and what it prints is its value.

Every program of a query gets the same sets and the same inputs, so the rollouts of a group may be run one by one, on
any machine: inputs, hash seed and the programs' random numbers are fixed. Where the query is prose, the inputs are made
from the function that the program itself defines last; programs whose functions differ in name or parameters then have
nothing in common.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from memreward_service.answers.programs import asked, is_body, reads_input
from memreward_trainer.behaviour import inputs as behaviour_inputs
from memreward_trainer.behaviour import scripts as behaviour_scripts
from memreward_trainer.behaviour import values as behaviour_values
from memreward_trainer.behaviour.inputs import input_sets
from memreward_trainer.behaviour.scripts import LEAST_DIFFERENT, LEAST_VALUES, SCRIPT, script_inputs, script_program
from memreward_trainer.sandbox.answers import Answer, AnswerKind
from memreward_trainer.sandbox.inside.literals import encode
from memreward_trainer.sandbox.inside.test_runner import SOLUTION
from memreward_trainer.sandbox.limits import Limits
from memreward_trainer.sandbox.program import Program
from memreward_trainer.sandbox.query_code import QueryCode, query_code
from memreward_trainer.sandbox.sandbox import Sandbox
from memreward_trainer.verifiers.code_verifier import program_reading

LIMITS = Limits(cpu_seconds=4, wall_seconds=30.0, call_seconds=0.1)
"""Limits on one program here: one call is short, because the inputs are small."""
MOST_LATE, MOST_LATE_IN_ALL = 2, 6
"""Calls that may run out of time with one combination of types, and with all of them, before the rest is skipped."""

VALUE, NOTHING, RAISED, TIMED_OUT, SKIPPED, TOO_LARGE, ENDED = "v", "n", "x", "t", "s", "l", "e"
"""First letters of outcomes: a value, or changed arguments (10 digits of a digest follow); None; an exception (its name
follows); no answer in time; not tried, after others were late; a value beyond the limit; the program was stopped."""
MOST_CHARACTERS = 32
"""Length of an outcome."""

Behaviour = tuple[tuple[str, ...], ...]
"""For each set of inputs, the likeliest types first, the outcome on each input."""


async def rollout_behaviour(
    query: str, response: str, sandbox: Sandbox, *, answer: str | None = None
) -> Behaviour | None:
    """What the program of `response` (or the program `answer`, where it is known) does on inputs made from `query`.

    None where nothing could be found out: there is no function to call, only a body that fits no signature, or the
    machine gave the program no time.
    Raises SandboxUnavailable.
    """
    program = program_reading(query, response, answer).answer
    if is_body(program):
        return None
    code = query_code(query)
    if not code.asked:
        code = _defined(program, query, code.given)
        if reads_input(program) and code.entry_point not in asked(query).names:
            return await _script_behaviour(query, program, sandbox)
    if code.owner and len(code.asked) > 1:
        return None
    sets = input_sets(code, query)
    if not sets or code.entry_point is None:
        return None
    async with sandbox.program(program, code.given, LIMITS) as running:
        return await _outcomes_of(running, code.call or "", code.entry_point, [one.inputs for one in sets])


async def _script_behaviour(query: str, program: str, sandbox: Sandbox) -> Behaviour | None:
    """What a script prints; None where it prints too little to be compared by it."""
    sets = [[(text,) for text in texts] for texts in script_inputs(query)]
    async with sandbox.program(script_program(program), "", LIMITS) as running:
        said: list[list[str]] = []
        found = await _outcomes_of(running, SCRIPT, SCRIPT, sets, said)
    tells = any(len(printed) >= LEAST_VALUES and len(set(printed)) >= LEAST_DIFFERENT for printed in said)
    return found if tells else None


async def _outcomes_of(
    running: Program,
    call: str,
    name: str,
    sets: Sequence[Sequence[tuple[Any, ...]]],
    said: list[list[str]] | None = None,
) -> Behaviour | None:
    """The outcomes of one function on sets of inputs; None where the machine gave it no time.

    `said` takes the texts that it returned on each set.
    """
    found, late = [], 0
    for inputs in sets:
        rows = [[encode(value) for value in row] for row in inputs]
        most_late = max(0, min(MOST_LATE, MOST_LATE_IN_ALL - late))
        answers = await running.call_rows(call, rows, most_late)
        if any(given.kind is AnswerKind.UNDECIDED for given in answers):
            return None
        late += min(MOST_LATE, sum(given.kind is AnswerKind.TIMED_OUT for given in answers))
        found.append(_outcomes(name, rows, answers, most_late))
        if said is not None:
            said.append([given.encoded for given in answers if isinstance(given.encoded, str)])
    return tuple(found)


@cache
def behaviour_revision() -> str:
    """Names the inputs and the outcomes: behaviours of one revision can be compared and kept."""
    files = (__file__, behaviour_inputs.__file__, behaviour_scripts.__file__, behaviour_values.__file__)
    return hashlib.sha256(b"\0".join(Path(file).read_bytes() for file in files)).hexdigest()[:12]


def _defined(program: str, query: str, given: str) -> QueryCode:
    """The function of a program that its query names, else the one that it defines last; of a program that is a
    `class Solution` the method that no other one calls."""
    try:
        body = ast.parse(program).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return QueryCode(given)
    functions = [node for node in body if isinstance(node, ast.FunctionDef)]
    named = [node for name in asked(query).names for node in functions if node.name == name]
    if functions:
        return QueryCode(given, (named[0] if named else functions[-1],))
    classes = [node for node in body if isinstance(node, ast.ClassDef) and node.name == SOLUTION]
    methods = [node for kind in classes for node in kind.body if isinstance(node, ast.FunctionDef)]
    called = {node.attr for method in methods for node in ast.walk(method) if isinstance(node, ast.Attribute)}
    public = [node for node in methods if not node.name.startswith("_")]
    roots = [node for node in public if node.name in asked(query).names or node.name not in called] or public
    return QueryCode(given, tuple(roots[-1:]), SOLUTION) if roots else QueryCode(given)


def _outcomes(function: str, rows: Sequence[Any], answers: Sequence[Answer], most_late: int) -> tuple[str, ...]:
    """One text for each of the encoded `rows` of arguments; after `most_late` late calls no others were tried."""
    texts, late = [], 0
    for row, given in zip(rows, answers, strict=True):
        skipped = given.kind is AnswerKind.TIMED_OUT and late >= most_late
        late += given.kind is AnswerKind.TIMED_OUT
        texts.append(SKIPPED if skipped else _outcome(json.dumps([function, row]), given))
    return tuple(texts)


def _outcome(call: str, given: Answer) -> str:
    """Values on different inputs have different texts, also where the inputs come from different programs."""
    match given.kind:
        case AnswerKind.VALUE if given.encoded is None and given.arguments is None:
            return NOTHING
        case AnswerKind.VALUE:
            value = json.dumps(_canonical([given.encoded, given.arguments]), sort_keys=True)
            return VALUE + hashlib.sha256(f"{call}\0{value}".encode()).hexdigest()[:10]
        case AnswerKind.RAISED:
            name = "".join(character for character in given.exception if "!" <= character <= "~")
            return (RAISED + name)[:MOST_CHARACTERS]
        case AnswerKind.TIMED_OUT:
            return TIMED_OUT
        case AnswerKind.TOO_LARGE:
            return TOO_LARGE
        case _:
            return ENDED


def _canonical(encoded: Any) -> Any:
    """An encoded value in one form for what Python calls equal (1, 1.0, True; dicts in any order), floats rounded."""
    if isinstance(encoded, bool):
        return int(encoded)
    if isinstance(encoded, float):
        rounded = float(f"{encoded:.9g}")
        return int(rounded) if rounded.is_integer() else rounded
    if isinstance(encoded, list):
        return [_canonical(item) for item in encoded]
    if isinstance(encoded, dict) and "opaque" in encoded:
        return {"opaque": encoded["opaque"][:1]}
    if isinstance(encoded, dict):
        content = {tag: _canonical(item) for tag, item in encoded.items()}
        return content | (
            {"dict": sorted(content["dict"], key=json.dumps)} if isinstance(content.get("dict"), list) else {}
        )
    return encoded
