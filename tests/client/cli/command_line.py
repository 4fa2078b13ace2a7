"""Runs the command line in the test process, as the console script does."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from memreward_client.cli import main as cli


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


def run_command(capsys: pytest.CaptureFixture[str], *arguments: object) -> Outcome:
    """Run `memreward arguments…` to its end."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return Outcome(ended.value.code, said.out, said.err)
