"""The process that runs the tests of a query, which are trusted, against a program that it only reaches through calls.

It executes the tests and the code of the query, never a line of the program: the functions that the tests use are
stand-ins that send their arguments out and get plain values back. It is limited in time and memory, not isolated.

    <- {"plan": .., "tests": [source, ..], "query_code": source, "functions": [names in the program],
        "methods": {class: [names]}, "expected": [names that the query asks for], "entry_point": name or null}
    -> {"call": name, "args": [..], "kwargs": {..}, "object": .. or null}       answered as function_server.py answers
    -> {"verdict": "passed" | "failed" | "unusable", "reason": ..}   the last line
"""

from __future__ import annotations

import ast
import builtins
import json
import os
import random
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TextIO

from memreward_trainer.sandbox.inside.confinement import limit_resources, protocol_pipes
from memreward_trainer.sandbox.inside.given_names import give_names
from memreward_trainer.sandbox.inside.literals import NotPlain, Opaque, TooLarge, decode, encode, holds_opaque
from memreward_trainer.sandbox.inside.system_calls import PR_SET_PDEATHSIG, process_control

PR_SET_DUMPABLE = 4
SOLUTION = "Solution"
"""The class in which judges of interviews expect a function."""
ENDS_OF_ITERATION = (StopIteration, StopAsyncIteration)
REASON_CHARS = 300
"""Characters of a reason."""


class ProgramFault(Exception):
    """The program did not answer a call: an exception of its own class, an end, no time left, too large an answer."""


class Unusable(Exception):
    """The tests ask for what no program can give over the wall, or are broken themselves."""


def run() -> None:
    """Run the tests and say how they ended."""
    requests, replies = protocol_pipes()
    job = json.loads(requests.readline())
    limit_resources(job["plan"])
    if sys.platform == "linux":
        process_control(PR_SET_PDEATHSIG, signal.SIGKILL)
        # A program that runs as the same user must not be able to write into this process.
        process_control(PR_SET_DUMPABLE, 0)
    wire = Wire(requests, replies)
    verdict, reason = _verdict(job, wire)
    wire.send({"verdict": verdict, "reason": reason[:REASON_CHARS]})


class Wire:
    """Calls of the program's functions, one at a time."""

    def __init__(self, requests: TextIO, replies: TextIO) -> None:
        self._requests, self._replies = requests, replies
        self.calls = self.objects = 0
        self.fault: BaseException | None = None

    def send(self, message: dict[str, Any]) -> None:
        """Write one line."""
        self._replies.write(json.dumps(message) + "\n")
        self._replies.flush()

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], made: dict[str, Any] | None = None) -> Any:
        """What the program's function returns. Raises what it raised, or ProgramFault."""
        self.send({"call": name, **plain_arguments(name, args, kwargs), "object": made})
        answer = json.loads(self._requests.readline())
        self.calls += 1
        if "raised" in answer:
            self._fail(_exception(str(answer["raised"]), str(answer.get("message", ""))))
        if "value" not in answer:
            self._fail(ProgramFault(f"{name}: {answer['fault']}"))
        try:
            for mine, theirs in zip(args, answer.get("args", ()), strict=False):
                _copy_into(mine, decode(theirs))
            return decode(answer["value"])
        except ValueError as error:
            self._fail(ProgramFault(f"{name}: the answer is not understood: {error}"))

    def _fail(self, fault: BaseException) -> NoReturn:
        self.fault = fault
        raise fault


def plain_arguments(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call, encoded. Raises Unusable."""
    try:
        sent, named = [encode(item) for item in args], {key: encode(item) for key, item in kwargs.items()}
    except TooLarge:
        raise Unusable(f"the tests call {name} with a value that is too large") from None
    if holds_opaque([*sent, *named.values()]):
        raise Unusable(f"the tests call {name} with a value that is not plain")
    return {"args": sent, "kwargs": named}


class ClassStandIn:
    """Stands in the tests for a class of the program."""

    def __init__(self, name: str, methods: list[str], wire: Wire) -> None:
        self._name, self._methods, self._wire = name, methods, wire

    def __call__(self, *args: Any, **kwargs: Any) -> ObjectStandIn:
        """An object of the class, with a number that no other has."""
        self._wire.objects += 1
        made = {"number": str(self._wire.objects), **plain_arguments(self._name, args, kwargs)}
        return ObjectStandIn(self._name, self._methods, self._wire, made)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in self._methods:
            raise NotPlain(f"{self._name}.{name} is no method")
        return _stand_in(f"{self._name}.{name}", self._wire)

    def __instancecheck__(self, _instance: object) -> bool:
        raise NotPlain(f"the tests ask for the type {self._name}")


class ObjectStandIn(Opaque):
    """Stands in the tests for an object of a class of the program, which is made when a method is called first."""

    def __init__(self, kind: str, methods: list[str], wire: Wire, made: dict[str, Any]) -> None:
        super().__init__(kind)
        self._methods, self._wire, self._object = methods, wire, made

    def __getattr__(self, name: str) -> Any:
        if name not in self._methods:
            raise NotPlain(f"{self.kind}.{name} is no method")
        return _stand_in(f"{self.kind}().{name}", self._wire, self._object)


def _verdict(job: dict[str, Any], wire: Wire) -> tuple[str, str]:
    for source in job["tests"]:
        wire.calls = 0
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError) as error:
            return "unusable", f"a test is no Python: {error}"
        try:
            _run_test(tree, job, wire)
        except BaseException as error:
            return _ending(error, source, tree, job, wire)
        if wire.calls == 0:
            return "unusable", "a test ended without a call of the program"
    return "passed", "all tests passed"


def _ending(error: BaseException, source: str, tree: ast.Module, job: dict[str, Any], wire: Wire) -> tuple[str, str]:
    """What an exception that leaves a test says about the program."""
    kind = type(error).__name__
    if error is wire.fault:
        if isinstance(error, ProgramFault) and "StopIteration" in source:
            return "unusable", "the tests may expect a StopIteration, which no program can raise over the wall"
        return "failed", str(error) if isinstance(error, ProgramFault) else f"the program raised {kind}: {error}"
    if isinstance(error, AssertionError):
        return "failed", f"an assertion failed: {_line(error, source) or error}"
    if isinstance(error, NotPlain):
        return "unusable", f"the tests look into a value that is not plain: {error}"
    if isinstance(error, Unusable):
        return "unusable", str(error)
    if isinstance(error, NameError) and error.name is not None:
        called = {
            node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        if error.name in job["expected"] or error.name in called or error.name == job["entry_point"]:
            return "failed", f"the program does not define {error.name}"
    if wire.calls and isinstance(error, Exception) and not isinstance(error, ImportError):
        return "failed", f"the tests could not use what the program returned: {kind}: {error}"
    return "unusable", f"the tests failed by themselves: {kind}: {error}"


def _run_test(tree: ast.Module, job: dict[str, Any], wire: Wire) -> None:
    random.seed(0)
    space: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
    give_names(job["query_code"] + "\n" + ast.unparse(tree))
    exec(compile(job["query_code"], "<query>", "exec", dont_inherit=True), space)
    loaded = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for name, thing in _stand_ins(job, wire, loaded).items():
        # The names that the query and Python define are theirs: a program that brings its own `sorted` changes no test.
        if name not in space and (name in job["expected"] or not hasattr(builtins, name)):
            space[name] = thing
    exec(compile(tree, "<test>", "exec", dont_inherit=True), space)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name not in loaded:
            if node.name == "check" and job["entry_point"]:
                if job["entry_point"] not in space:
                    raise NameError(name=job["entry_point"])
                space["check"](space[job["entry_point"]])
            elif node.name.startswith("test") and not node.args.args:
                space[node.name]()


def _stand_ins(job: dict[str, Any], wire: Wire, loaded: set[str]) -> dict[str, Any]:
    """What the tests find under each name of the program.

    The methods of `class Solution` are functions too; where the program has none, its functions are the methods.
    """
    methods = job["methods"]
    made: dict[str, Any] = {name: _stand_in(f"{SOLUTION}().{name}", wire) for name in methods.get(SOLUTION, ())}
    made |= {name: _stand_in(name, wire) for name in job["functions"]}
    made |= {name: ClassStandIn(name, names, wire) for name, names in methods.items()}
    if SOLUTION in loaded and SOLUTION not in made:
        made[SOLUTION] = ClassStandIn(SOLUTION, job["functions"], wire)
    return made


def _stand_in(name: str, wire: Wire, made: dict[str, Any] | None = None) -> Callable[..., Any]:
    def stand_in(*args: Any, **kwargs: Any) -> Any:
        return wire.call(name, args, kwargs, made)

    stand_in.__name__ = name
    return stand_in


def _exception(name: str, message: str) -> BaseException:
    """What the program raised, where Python has an exception of that name, so that tests may expect it.

    One that ends an iteration is no such exception: map(), zip(), all() and sum() would take it for the end of theirs.
    """
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, ENDS_OF_ITERATION):
        try:
            return kind(message)
        except TypeError:
            pass
    return ProgramFault(f"the program raised {name}: {message}")


def _copy_into(mine: Any, theirs: Any) -> None:
    """Change a list, dict, set or bytearray of the tests in place, as the program did with its copy."""
    if type(mine) is not type(theirs) or mine == theirs:
        return
    if isinstance(mine, (list, bytearray)):
        mine[:] = theirs
    elif isinstance(mine, (dict, set)):
        mine.clear()
        mine.update(theirs)


def _line(error: BaseException, source: str) -> str:
    """The line of the test that `error` comes from."""
    number, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<test>":
            number = trace.tb_lineno
        trace = trace.tb_next
    return source.splitlines()[number - 1].strip() if number else ""


if __name__ == "__main__":
    run()
    os._exit(0)
