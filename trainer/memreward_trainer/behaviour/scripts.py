"""Texts that scripts read, made from their query alone, and a program whose one function runs a script on such a text.

The examples that a query shows (`Input: ... Output: ...`) come first, then texts of the same shape with other values.
Where it shows none, texts of usual shapes are tried, those with the most structure first, because a script that reads
less of them runs on them too. What stands beside an example's input, its output, is not read.
"""

from __future__ import annotations

import random
import re

SCRIPT = "run_script"
"""The function of `script_program`."""
MOST_EXAMPLES = 4
"""Examples of a query that are used."""
VARIED, DRAWN = 16, 12
"""Texts made like the examples; texts of each usual shape."""
MOST_CHARACTERS = 2_000
"""Length of an example's input."""
LEAST_VALUES, LEAST_DIFFERENT = 3, 2
"""Outputs, and different outputs among them, without which a behaviour says too little to compare scripts by."""

_INPUT = re.compile(
    r"^[^\w\n]{0,8}(?:sample |example )?input(?: ?#?\d{1,2})?[^\w\n:]{0,4}(?::[*` ]{0,4}(.*))?$", re.IGNORECASE
)
_OUTPUT = re.compile(r"^[^\w\n]{0,8}(?:sample |example |expected )?output\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<![A-Za-z])[A-Za-z]{2,}+(?: [A-Za-z,]++){4}|\b\w+ = ")
_TEXTS = re.compile(r"\b(?:strings?|words?|sentences?|characters?|letters?)\b", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+")
_WORDS = (
    "abc",
    "hello world",
    "racecar",
    "aab",
    "The quick brown fox",
    "Zebra",
    "xyzzy",
    "a1b2",
    "banana",
    "noon",
    "Ab",
    "e",
)

_PROGRAM = """
import builtins, io, random, sys
_code = compile({source!r}, "<program>", "exec", dont_inherit=True)

def {name}(text):
    random.seed(0)
    given = io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8")
    printed = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    before, opened = (sys.stdin, sys.stdout), builtins.open
    sys.stdin, sys.stdout = given, printed
    builtins.open = lambda file, *args, **named: given if file in (0, "/dev/stdin") else opened(file, *args, **named)
    try:
        exec(_code, {{"__name__": "__main__", "__builtins__": builtins}})
    except SystemExit as end:
        if end.code is not None and end.code != 0:
            raise
    finally:
        (sys.stdin, sys.stdout), builtins.open = before, opened
    lines = printed.buffer.getvalue().decode(errors="replace").rstrip().splitlines()
    return "\\n".join(line.rstrip() for line in lines) or None
"""


def script_program(source: str) -> str:
    """A program whose function SCRIPT runs the script `source`: what it prints on a text, None where it is nothing."""
    return _PROGRAM.format(source=source, name=SCRIPT)


def script_inputs(query: str) -> list[tuple[str, ...]]:
    """Sets of texts on which the scripts of a query are compared, the likeliest first."""
    examples = shown_inputs(query)
    if examples:
        seed = random.Random(f"examples {examples}")
        varied = (_varied(examples[number % len(examples)], seed) for number in range(VARIED))
        return [tuple(dict.fromkeys((*examples, *varied)))]
    sets = []
    for shape in ("count and list", "count and lines", "pair", "lines"):
        seed = random.Random(shape)
        sets.append(tuple(_drawn(shape, seed) for _ in range(DRAWN)))
    texts = tuple(f"{word}\n" for word in _WORDS)
    return [texts, *sets] if _TEXTS.search(query) else [*sets, texts]


def shown_inputs(query: str) -> tuple[str, ...]:
    """The inputs of the examples in a query: what stands between a line `Input` and a line `Output`."""
    found: dict[str, None] = {}
    lines = query.split("\n")
    for number, line in enumerate(lines):
        head = _INPUT.match(line) if len(line) <= MOST_CHARACTERS else None
        if head is None:
            continue
        content = [head[1].strip("` *")] if head[1] and head[1].strip() else []
        for following in lines[number + 1 :]:
            if _OUTPUT.match(following):
                text = "\n".join(content).strip()
                if text and len(text) <= MOST_CHARACTERS and not _SENTENCE.search(text):
                    found[text + "\n"] = None
                break
            if _INPUT.match(following) or len(content) > 200:
                break
            if not following.strip().startswith(("```", "~~~")):
                content.append(following.strip())
    return tuple(found)[:MOST_EXAMPLES]


def _varied(example: str, seed: random.Random) -> str:
    """An example with other numbers and letters; numbers that count what follows them stay."""
    lines = example.split("\n")
    made = []
    for number, line in enumerate(lines):
        words, following = line.split(), lines[number + 1 :]
        counts = (
            {str(len(following[0].split())), str(len([one for one in following if one.strip()]))}
            if following
            else set()
        )
        whole = [int(word) for word in words if _NUMBER.fullmatch(word)]
        made.append(" ".join(word if word in counts else _other(word, whole, seed) for word in words))
    return "\n".join(made)


def _other(word: str, whole: list[int], seed: random.Random) -> str:
    """Another word of the kind: a number between those of its line, or the same letters in another order."""
    if _NUMBER.fullmatch(word):
        least = min(1, *whole) if len(whole) > 1 else min(1, int(word))
        most = max(*whole, 9) if len(whole) > 1 else max(2 * int(word), 9)
        return str(seed.randint(least, most))
    if word.isalpha():
        return "".join(seed.choice(word) for _ in word)
    return word


def _drawn(shape: str, seed: random.Random) -> str:
    """A text of a usual shape."""
    count = seed.randint(2, 8)
    values = [str(seed.choice((seed.randint(1, 9), seed.randint(1, 40)))) for _ in range(count)]
    match shape:
        case "count and list":
            return f"{count}\n{' '.join(values)}\n"
        case "count and lines":
            return "\n".join((str(count), *values)) + "\n"
        case "pair":
            return f"{values[0]} {values[1]}\n"
    return f"{values[0]}\n{values[1]}\n"
