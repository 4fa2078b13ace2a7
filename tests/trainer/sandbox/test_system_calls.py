from __future__ import annotations

import struct

import pytest

from memreward_trainer.sandbox.inside.system_calls import MACHINES, REFUSED, filter_program

ALLOW, KILL, REFUSE, UNKNOWN = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026


def decision(machine: str, number: int, first: int = 0, architecture: int | None = None) -> int:
    """What the filter says about one call: its instructions, stepped through by hand."""
    audit, column = MACHINES[machine]
    fields = {0: number, 4: audit if architecture is None else architecture, 16: first}
    program = [struct.unpack("HBBI", step) for step in filter_program(audit, column)]
    at = accumulator = 0
    while True:
        code, if_true, if_false, value = program[at]
        at += 1
        match code:
            case 0x20:
                accumulator = fields[value]
            case 0x15:
                at += if_true if accumulator == value else if_false
            case 0x35:
                at += if_true if accumulator >= value else if_false
            case 0x45:
                at += if_true if accumulator & value else if_false
            case 0x06:
                return int(value)


@pytest.mark.parametrize(("machine", "column"), [("x86_64", 0), ("aarch64", 1)])
def test_every_call_of_the_list_is_refused(machine: str, column: int) -> None:
    for numbers in REFUSED.values():
        if (number := numbers[column]) is not None:
            assert decision(machine, number) == REFUSE


@pytest.mark.parametrize(
    ("machine", "clone", "clone3", "prctl", "prlimit", "read"),
    [("x86_64", 56, 435, 157, 302, 0), ("aarch64", 220, 435, 167, 261, 63)],
)
def test_threads_live_and_processes_do_not(
    machine: str, clone: int, clone3: int, prctl: int, prlimit: int, read: int
) -> None:
    assert decision(machine, clone, 0x003D0F00) == ALLOW
    assert decision(machine, clone, 17) == REFUSE
    assert decision(machine, clone3) == UNKNOWN
    assert decision(machine, prctl, 1) == REFUSE
    assert decision(machine, prctl, 15) == ALLOW
    assert decision(machine, prlimit, 0) == ALLOW
    assert decision(machine, prlimit, 4711) == REFUSE
    assert decision(machine, read) == ALLOW


def test_calls_of_another_machine_end_the_process() -> None:
    assert decision("x86_64", 1, architecture=0x40000003) == KILL
    assert decision("x86_64", 0x40000000 + 41) == KILL
