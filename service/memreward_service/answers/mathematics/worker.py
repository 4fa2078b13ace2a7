"""The process that reads expressions: one question a line, one answer a line, until its input closes.

    <- ["read", answer]                 -> {"key": text, "decided": bool, "structured": bool} or {"reason": text}
    <- ["compare", one, other, loose]   -> {"equal": true | false | null} or {"reason": text}

What a model wrote can take for ever or all memory. So this process takes a limited time of the processor for each
question (not of the clock: a busy machine changes no answer) and then answers {"late": true}; it has a limited memory,
and ends with the process that started it. pool.py ends it where even that fails.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any, TextIO

MEMORY_BYTES = 3 * 2**30
"""Address space of the process, most of it the libraries' own."""
_PR_SET_PDEATHSIG = 1


class TimeIsUp(BaseException):
    """A question took its time. No Exception, because the libraries catch those."""


def answer_questions(parent: int, seconds: float) -> None:
    """Read questions and write answers. `seconds` of the processor for each."""
    _limit(parent)
    # What a library prints would be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    from memreward_service.answers.mathematics.comparison import same_answer
    from memreward_service.answers.mathematics.structure import read

    def read_answer(answer: str) -> dict[str, Any]:
        value = read(answer)
        return {"key": value.key, "decided": value.decided, "structured": value.is_structured}

    def compare(one: str, other: str, loose: bool) -> dict[str, Any]:
        return {"equal": same_answer(one, other, loose)}

    tasks: dict[str, Callable[..., dict[str, Any]]] = {"read": read_answer, "compare": compare}
    signal.signal(signal.SIGPROF, _raise_time_is_up)
    for example in ("\\frac{\\sqrt{3}}{2} \\pi (x + 1)", "\\log_{2}(x) - e^{x}", "x^{2} - 1 \\le 3y"):
        with contextlib.suppress(Exception):
            read(example)
    _write(answers, {"ready": True})
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        _write(answers, _within(seconds, tasks[name], arguments))


def _write(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _within(seconds: float, task: Callable[..., dict[str, Any]], arguments: list[Any]) -> dict[str, Any]:
    try:
        try:
            # Again and again, where the first one is lost in a callback of a library.
            signal.setitimer(signal.ITIMER_PROF, seconds, 0.1)
            return task(*arguments)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except TimeIsUp:
        return {"late": True}
    except MemoryError:
        return {"reason": "it takes too much memory"}
    except Exception as error:
        return {"reason": f"{error}"[:200] or type(error).__name__}


def _raise_time_is_up(_signal: int, _frame: Any) -> None:
    raise TimeIsUp


def _limit(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            raise SystemExit(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.set_int_max_str_digits(0)


if __name__ == "__main__":
    answer_questions(int(sys.argv[1]), float(sys.argv[2]))
