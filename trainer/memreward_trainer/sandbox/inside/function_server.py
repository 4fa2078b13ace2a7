"""The process that holds one model-written program and calls its functions when asked. Runs inside the sandbox.

It speaks JSON lines over the pipes that it was started with. Everything it says is a claim of the program, which shares
this process and may have changed any of it; so nothing here is trusted, and nothing worth stealing is in here.

    <- {"plan": .., "program": source, "prelude": source, "call_seconds": s}   once
    -> {"ready": [names of its functions and classes]} or {"failed": type of the exception, "message": ..}
    <- {"call": name, "args": [..], "kwargs": {..}}                            plain values (literals.py)
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
from typing import Any, TextIO

from memreward_trainer.sandbox.inside.confinement import confine, protocol_pipes
from memreward_trainer.sandbox.inside.literals import TooLarge, decode, encode

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
    space: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
    random.seed(0)
    failure = _run(job["prelude"], space, job["call_seconds"]) or _run(job["program"], space, job["call_seconds"])
    if failure is not None:
        _send(replies, failure)
        return
    names = [name for name, thing in list(space.items()) if callable(thing) and isinstance(name, str)]
    _send(replies, {"ready": names})
    for line in requests:
        request = json.loads(line)
        answer = _answers if "rows" in request else _answer
        _send(replies, answer(request, space, job["call_seconds"]))


def _run(source: str, space: dict[str, Any], seconds: float) -> dict[str, Any] | None:
    """Execute `source` in `space`; the failure, or None."""
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        exec(compile(source, "<program>", "exec", dont_inherit=True), space)
    except BaseException as error:
        return {"failed": type(error).__name__, "message": _message(error)}
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return None


def _answers(request: dict[str, Any], space: dict[str, Any], seconds: float) -> dict[str, Any]:
    answers: list[dict[str, Any]] = []
    late = 0
    for row in request["rows"]:
        if late >= request["most_late"]:
            answers.append({"timed_out": True})
            continue
        answer = _answer({"call": request["call"], "args": row, "kwargs": {}}, space, seconds)
        late += "timed_out" in answer
        answers.append(answer if len(json.dumps(answer)) <= request["most_chars"] else {"too_large": True})
    return {"rows": answers}


def _answer(request: dict[str, Any], space: dict[str, Any], seconds: float) -> dict[str, Any]:
    random.seed(0)
    try:
        args = [decode(item) for item in request["args"]]
        kwargs = {name: decode(item) for name, item in request["kwargs"].items()}
        function = space[request["call"]]
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        value = function(*args, **kwargs)
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
