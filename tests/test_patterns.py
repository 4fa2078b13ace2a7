"""No regular expression over callers' text backtracks: each is run on hostile texts of the greatest length."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOUND_WHERE_IT_RUNS = {
    "memreward_trainer.behaviour.inputs: re.finditer(f'(?<![\\\\w.]){re.escape(code.entry_point)}\\\\(', text)",
}
"""Expressions made while the program runs: the name of a function between fixed letters."""

HOW_TO_MEND = "use possessive quantifiers, a bounded number, or str.find"


def probe(*given: str) -> dict[str, Any]:
    """What pattern_probe says, from a process that may be stopped."""
    command = [sys.executable, "-W", "ignore", "-m", "pattern_probe", *given]
    ran = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=280, check=False)
    assert ran.returncode == 0, ran.stderr[-2_000:]
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What the probe says of all packages."""
    return probe()


@pytest.mark.slow
def test_no_pattern_is_slow_on_any_text(told: dict[str, Any]) -> None:
    assert told["patterns"] > 50
    assert set(told["hidden"]) == FOUND_WHERE_IT_RUNS, "compile it where the module begins, so that it is found here"
    assert told["slow"] == [], HOW_TO_MEND


def test_the_probe_finds_what_backtracks_and_lets_pass_what_does_not() -> None:
    slow = [r"\s+x", r"\d+k?$", r"<a(.*?)>", r"(?:a|b|ab)*c", r"[ \t]*\n[ \t]*x", r"(\w+\s*)+:"]
    quick = [r"\s++x?", r"(?<!\d)\d++k?$", r"<a([^<>]{0,99})>", r"\n[^\n]*+", r"a{1,30}b"]
    found = probe(*slow, *quick)["slow"]
    assert [pattern for _, pattern, _, _ in found] == slow
    for _, _, text, seconds in found:
        assert text
        assert seconds > 0.5
