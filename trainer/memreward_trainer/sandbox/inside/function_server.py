"""The process that holds one model-written program and calls its functions when asked. Runs inside the sandbox.

It speaks JSON lines over the pipes that it was started with. Everything it says is a claim of the program, which shares
this process and may have changed any of it; so nothing here is trusted, and nothing worth stealing is in here.

    <- {"plan": .., "program": source, "prelude": source, "call_seconds": s}   once
    -> {"ready": [names of its functions and classes], "methods": {class: [names]}}
       or {"failed": type of the exception, "message": ..}
    <- {"call": name, "args": [..], "kwargs": {..}}                            plain values (literals.py)
       the name of a method is `Solution().f`: an object made for this call, or with {"object": {"number": n, "args":
       [..], "kwargs": {..}}} the one that has this number, made with these arguments when it is asked for first
    -> {"value": ..} or {"raised": type of the exception, "message": ..} or {"too_large": true} or {"timed_out": true}
       and with the value None, {"args": [..]} where the call changed its arguments in place
    <- {"call": name, "rows": [[..], ..], "most_chars": n, "most_late": n}     many calls at once, without keywords
    -> {"rows": [one answer a call]}           after `most_late` calls that timed out, the others count as timed out
"""

from __future__ import annotations

import builtins
import json
import os
import random
import signal
import sys
import types
from typing import Any, TextIO

from memreward_trainer.sandbox.inside.confinement import confine, protocol_pipes
from memreward_trainer.sandbox.inside.given_names import give_names
from memreward_trainer.sandbox.inside.literals import TooLarge, decode, encode

MODULE = "program"
"""What the program finds as its __name__: it is imported, so that its block for `__main__` does not run."""
MESSAGE_CHARS = 300
"""Characters kept of the message of an exception."""


class CallTimedOut(BaseException):
    """One call used up its processor time."""


def serve() -> None:
    """Answer calls until the other side closes its pipe."""
    requests, replies = protocol_pipes()
    job = json.loads(requests.readline())
    try:
        confine(job["plan"])
    except OSError as error:
        _send(replies, {"unconfined": f"{error.strerror or error}"})
        return
    signal.signal(signal.SIGVTALRM, _time_out)
    module = sys.modules[MODULE] = types.ModuleType(MODULE)
    space = module.__dict__
    space["__builtins__"] = builtins
    random.seed(0)
    give_names(job["prelude"] + "\n" + job["program"])
    failure = _run(job["prelude"], space, job["call_seconds"]) or _run(job["program"], space, job["call_seconds"])
    if failure is not None:
        _send(replies, failure)
        return
    names = [name for name, thing in list(space.items()) if callable(thing) and isinstance(name, str)]
    methods = {name: _methods(thing) for name in names if isinstance(thing := space[name], type)}
    _send(replies, {"ready": names, "methods": methods})
    calls = Calls(space, job["call_seconds"])
    for line in requests:
        request = json.loads(line)
        _send(replies, calls.answers(request) if "rows" in request else calls.answer(request))


def _run(source: str, space: dict[str, Any], seconds: float) -> dict[str, Any] | None:
    """Execute `source` in `space`; the failure, or None."""
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        exec(compile(source, "<program>", "exec", dont_inherit=True), space)
    except SystemExit as error:
        # A script that ends itself well has defined what it defines.
        if error.code is not None and (type(error.code) is not int or error.code != 0):
            return {"failed": "SystemExit", "message": _message(error)}
    except BaseException as error:
        return {"failed": type(error).__name__, "message": _message(error)}
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return None


def _methods(kind: type) -> list[str]:
    """Names of the methods that a class of the program has."""
    bases = [base for base in type.mro(kind) if base.__module__ == MODULE]
    things = ((name, thing) for base in bases for name, thing in list(base.__dict__.items()))
    return [name for name, thing in things if callable(thing) or isinstance(thing, (staticmethod, classmethod))]


class Calls:
    """Calls of the functions and methods of a program that was loaded into `space`."""

    def __init__(self, space: dict[str, Any], seconds: float) -> None:
        self._space, self._seconds = space, seconds
        self._objects: dict[str, Any] = {}

    def answers(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply to many calls."""
        answers: list[dict[str, Any]] = []
        late = 0
        for row in request["rows"]:
            if late >= request["most_late"]:
                answers.append({"timed_out": True})
                continue
            answer = self.answer({"call": request["call"], "args": row, "kwargs": {}})
            late += "timed_out" in answer
            answers.append(answer if len(json.dumps(answer)) <= request["most_chars"] else {"too_large": True})
        return {"rows": answers}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply to one call."""
        random.seed(0)
        try:
            args, kwargs = _decoded(request)
            signal.setitimer(signal.ITIMER_VIRTUAL, self._seconds)
            value = self._function(request["call"], request.get("object"))(*args, **kwargs)
            reply: dict[str, Any] = {"value": encode(value)}
            if value is None and (after := [encode(item) for item in args]) != request["args"]:
                reply["args"] = after
        except CallTimedOut:
            return {"timed_out": True}
        except TooLarge:
            return {"too_large": True}
        except BaseException as error:
            return {"raised": type(error).__name__, "message": _message(error)}
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        return reply

    def _function(self, name: str, made: dict[str, Any] | None) -> Any:
        """A function `f`, or a method `Solution().f` or `Solution.f`; one stands in for the other if missing."""
        owner, _, attribute = name.rpartition(".")
        kind = owner.removesuffix("()")
        if not kind and attribute not in self._space and "Solution" in self._space:
            return getattr(self._space["Solution"](), attribute)
        if not kind or (kind not in self._space and attribute in self._space):
            return self._space[attribute]
        if kind == owner:
            return getattr(self._space[kind], attribute)
        if made is None:
            return getattr(self._space[kind](), attribute)
        number = made["number"]
        if number not in self._objects:
            args, kwargs = _decoded(made)
            self._objects[number] = self._space[kind](*args, **kwargs)
        return getattr(self._objects[number], attribute)


def _decoded(request: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    return [decode(item) for item in request["args"]], {key: decode(item) for key, item in request["kwargs"].items()}


def _message(error: BaseException) -> str:
    try:
        return str(error)[:MESSAGE_CHARS]
    except BaseException:
        return ""


def _time_out(_signal: int, _frame: object) -> None:
    raise CallTimedOut


def _send(replies: TextIO, reply: dict[str, Any]) -> None:
    try:
        text = json.dumps(reply)
    except (ValueError, TypeError, MemoryError, RecursionError):
        text = '{"too_large": true}'
    replies.write(text + "\n")
    replies.flush()


if __name__ == "__main__":
    serve()
    # Threads and exit handlers of the program are not waited for.
    os._exit(0)
