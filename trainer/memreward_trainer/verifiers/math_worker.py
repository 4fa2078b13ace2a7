"""The process that holds math-verify: one question a line, one answer a line, until its input closes.

math-verify parses and simplifies what a model wrote, and that can take for ever or all memory; its own time limits are
signals that need the main thread, and count a time-out as "not equal". So it runs here, without them, in a process
that math_verifier.py kills.

    <- {"truth": text, "answer": text}
    -> {"equal": true | false} or {"unclear": reason}
"""

from __future__ import annotations

import json
import logging
import re
import resource
import signal
import sys

from math_verify import parse, verify

from memreward_trainer.sandbox.inside.system_calls import PR_SET_PDEATHSIG, process_control

MEMORY_BYTES = 4 * 2**30
"""Address space of the process, most of it the library's own."""

_COMMAND = re.compile(
    r"\\(?!text|mbox|mathrm)[a-zA-Z]+|\\(?:text|mbox|mathrm)\b|\b(?:sin|cos|tan|cot|log|exp|sqrt|max|min)\b"
)
_WORD = re.compile(r"[^\W\d_]{3,}")


def answer_questions() -> None:
    """Read questions and write answers."""
    if sys.platform == "linux":
        # A comparison that hangs would outlive a trainer that is killed.
        process_control(PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps(compare(question["truth"], question["answer"])), flush=True)


def compare(truth: str, answer: str) -> dict[str, bool | str]:
    """Whether two mathematical answers have one value, or why that is unclear.

    math-verify reads words as products of letters, so a word is only compared with a word.
    """
    words = [bool(_WORD.search(_COMMAND.sub(" ", text))) for text in (truth, answer)]
    if words[0] != words[1]:
        return {"unclear": f"the {'reference' if words[0] else 'answer'} is written in words"}
    try:
        # The time limits are off: whoever started this process keeps the time.
        wanted = parse(_marked(truth), parsing_timeout=None, raise_on_error=True)
        found = parse(_marked(answer), parsing_timeout=None, raise_on_error=True)
        if not any(not isinstance(value, str) for value in wanted):
            return {"unclear": "the reference answer is no mathematical value"}
        if not any(not isinstance(value, str) for value in found):
            return {"unclear": "the answer is no mathematical value"}
        return {"equal": bool(verify(wanted, found, timeout_seconds=None, raise_on_error=True))}
    except MemoryError:
        return {"unclear": "the comparison took too much memory"}
    except Exception as error:
        return {"unclear": f"math-verify failed with {type(error).__name__}"}


def _marked(text: str) -> str:
    """`text` between the dollars that mark LaTeX, where it has no marks of its own."""
    return text if "$" in text or "\\(" in text or "\\[" in text or "\\boxed" in text else f"${text}$"


if __name__ == "__main__":
    answer_questions()
