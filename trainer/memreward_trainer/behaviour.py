"""Behaviour signatures: programs that do the same on the same inputs get the same answer key. READ FIRST.

The text of a program says little about whether it agrees with another one; what it returns says much. The programs of
a group run in the sandbox on inputs made from the query alone (behaviour_inputs.py: types, names of parameters, calls
that the query shows); no label and no hidden test is used. The result is the `answer_key` of each rollout, and how far
it agrees with the group where it does not agree entirely.

    signatures = await behaviour_signatures(query, responses, sandbox)
    rollouts = [Rollout(response, answer_key=one.key) for response, one in zip(responses, signatures)]

The same group gives the same result in any order, on any machine: inputs, hash seed and the programs' random numbers
are fixed, and inputs on which a program ran out of time are left out.
"""

from __future__ import annotations

import ast
import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from memreward_trainer.behaviour_inputs import InputSet, input_sets
from memreward_trainer.sandbox.answers import Answer, AnswerKind
from memreward_trainer.sandbox.limits import Limits
from memreward_trainer.sandbox.literals import encode
from memreward_trainer.sandbox.query_code import QueryCode, query_code
from memreward_trainer.sandbox.sandbox import Sandbox
from memreward_trainer.verifiers.code_verifier import python_program

LIMITS = Limits(cpu_seconds=4, wall_seconds=30.0, call_seconds=0.1)
"""Limits on one program here: one call is short, because the inputs are small."""
MOST_LATE, MOST_LATE_IN_ALL = 2, 6
"""Calls that may run out of time with one combination of types, and with all of them, before the rest is skipped."""
LIKELY_SHARE = 0.3
"""The likeliest combination of types is kept on which programs return at least this share of the most values."""
LATE_SHARE = 1 / 3
"""A program that runs out of time on more of its inputs than this has failed."""

DOES, FAILS = "does", "fails"
"""What keys begin with."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a program did, beside the others of its group."""

    key: str | None
    """Equal for equal behaviour; a key of its own for a program that fails everywhere. None where nothing could be
    found out: the query asks for no function, or the machine gave the program no time."""
    agreement: float
    """Mean share of the group that returned the same value, over the inputs: 0 to 1."""
    majority: float
    """Share of the inputs on which the program did what most of the running programs did: 0 to 1."""


async def behaviour_signatures(query: str, responses: Sequence[str], sandbox: Sandbox) -> list[Behaviour]:
    """The behaviour of each response's program, in the order of `responses`. Raises SandboxUnavailable."""
    programs = [python_program(response) for response in responses]
    code = query_code(query)
    if not code.asked:
        code = QueryCode(code.given, _asked_by_programs(programs))
    sets = input_sets(code, query)
    if not sets:
        return [Behaviour(None, 0.0, 0.0)] * len(programs)
    distinct = list(dict.fromkeys(programs))
    answers = dict(
        zip(distinct, await asyncio.gather(*(_run(one, code, sets, sandbox) for one in distinct)), strict=True)
    )
    place = _kept_set([answers[program] for program in programs])
    return _compare(programs, {one: answers[one][place] for one in distinct}, sets[place].types)


async def _run(program: str, code: QueryCode, sets: Sequence[InputSet], sandbox: Sandbox) -> list[list[Answer]]:
    """The answers of one program: for every set of inputs one answer an input."""
    assert code.entry_point is not None
    async with sandbox.program(program, code.given, LIMITS) as running:
        answers: list[list[Answer]] = []
        late = 0
        for one in sets:
            rows = [[encode(value) for value in row] for row in one.inputs]
            left = min(MOST_LATE, MOST_LATE_IN_ALL - late)
            answers.append(await running.call_rows(code.entry_point, rows, max(0, left)))
            late += min(MOST_LATE, sum(answer.kind is AnswerKind.TIMED_OUT for answer in answers[-1]))
        return answers


def _asked_by_programs(programs: Sequence[str]) -> tuple[ast.FunctionDef, ...]:
    """Where the query is prose: the function that most programs define last, with the parameters most give it."""
    found: list[ast.FunctionDef] = []
    for program in programs:
        try:
            functions = [node for node in ast.parse(program).body if isinstance(node, ast.FunctionDef)]
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        found += functions[-1:]
    if not found:
        return ()
    heads = {f"{function.name}({ast.unparse(function.args)})": function for function in found}
    counts = Counter(f"{function.name}({ast.unparse(function.args)})" for function in found)
    return (heads[min(counts, key=lambda head: (-counts[head], head))],)


def _kept_set(answers: Sequence[list[list[Answer]]]) -> int:
    """The place of the likeliest set of inputs on which the programs return nearly as many values as on any."""
    shares = []
    for place in range(len(answers[0])):
        given = [_does_something(answer) for program in answers for answer in program[place]]
        shares.append(sum(given) / max(1, len(given)))
    return next(place for place, share in enumerate(shares) if share >= LIKELY_SHARE * max(shares))


def _compare(programs: Sequence[str], answers: dict[str, list[Answer]], types: tuple[str, ...]) -> list[Behaviour]:
    running = {one: found for one, found in answers.items() if _runs(found)}
    inputs = [
        place
        for place in range(len(next(iter(answers.values()))))
        if not any(found[place].kind in (AnswerKind.TIMED_OUT, AnswerKind.ENDED) for found in running.values())
    ]
    rows = {one: [_outcome(found[place]) for place in inputs] for one, found in running.items()}
    counts = [Counter(rows[one][column] for one in programs if one in rows) for column in range(len(inputs))]
    common = [min(count, key=lambda outcome: (-count[outcome], outcome)) if count else "" for count in counts]
    made = {}
    for one, found in answers.items():
        if any(answer.kind is AnswerKind.UNDECIDED for answer in found):
            made[one] = Behaviour(None, 0.0, 0.0)
        elif one not in rows or not inputs:
            made[one] = Behaviour(_key(FAILS, one), 0.0, 0.0)
        else:
            row = rows[one]
            same = [
                count[outcome] if outcome.startswith("value") else 0 for count, outcome in zip(counts, row, strict=True)
            ]
            made[one] = Behaviour(
                key=_key(DOES, *types, *row),
                agreement=sum(same) / len(programs) / len(inputs),
                majority=sum(map(str.__eq__, row, common)) / len(inputs),
            )
    return _apart([made[program] for program in programs])


def _apart(behaviours: Sequence[Behaviour]) -> list[Behaviour]:
    """Programs that fail agree with nobody, not even with one of the same text: their keys are numbered."""
    seen: Counter[str | None] = Counter()
    apart = []
    for one in behaviours:
        seen[one.key] += 1
        again = one.key is not None and one.key.startswith(FAILS) and seen[one.key] > 1
        apart.append(replace(one, key=f"{one.key}-{seen[one.key]}") if again else one)
    return apart


def _runs(answers: Sequence[Answer]) -> bool:
    """Whether a program does something on some inputs, and seldom runs out of time or dies."""
    late = sum(answer.kind in (AnswerKind.TIMED_OUT, AnswerKind.ENDED) for answer in answers)
    return late <= LATE_SHARE * len(answers) and any(map(_does_something, answers))


def _does_something(answer: Answer) -> bool:
    """Whether a call returned a value, or changed its arguments; a function that forgot to return does neither."""
    return answer.kind is AnswerKind.VALUE and (answer.encoded is not None or answer.arguments is not None)


def _outcome(answer: Answer) -> str:
    if answer.kind is AnswerKind.VALUE:
        return "value " + json.dumps(_canonical([answer.encoded, answer.arguments]), sort_keys=True)
    return f"{answer.kind} {answer.exception}"


def _canonical(encoded: Any) -> Any:
    """An encoded value in one form for what Python calls equal (1, 1.0, True; dicts in any order), floats rounded."""
    if isinstance(encoded, bool):
        return int(encoded)
    if isinstance(encoded, float):
        rounded = float(f"{encoded:.9g}")
        return int(rounded) if rounded.is_integer() else rounded
    if isinstance(encoded, list):
        return [_canonical(item) for item in encoded]
    if isinstance(encoded, dict):
        content = {tag: _canonical(item) for tag, item in encoded.items()}
        return content | (
            {"dict": sorted(content["dict"], key=json.dumps)} if isinstance(content.get("dict"), list) else {}
        )
    return encoded


def _key(*parts: str) -> str:
    return f"{parts[0]}:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]}"
