"""The sandbox for model-written programs. READ FIRST: sandbox.py, then in the order of a program's life:

limits.py        how much a program may use
isolation.py     what stands between it and the machine: bubblewrap, else Landlock
launch.py        the command line of a process that knows nothing of the trainer
process.py       that process seen from outside: JSON lines, a clock, an end that leaves nothing
program.py       a program that was loaded, and the calls of its functions
literals.py      plain values as JSON: all that crosses the wall
fusion.py        the same programs on a SandboxFusion server

Inside the sandbox:
  confinement.py     what a process does to itself first: landlock.py, system_calls.py
  function_server.py holds one program and calls its functions
  script_runner.py   becomes one script
  test_runner.py     runs the tests of a query, beside the sandbox, and reaches the program only through calls

Why a verdict cannot be faked: the tests run in another process than the program, and what comes out of the program's
process is taken as the value that a function returned, never as a verdict.
"""

__all__ = [
    "answers",
    "fusion",
    "isolation",
    "launch",
    "limits",
    "literals",
    "process",
    "program",
    "query_code",
    "sandbox",
    "system_calls",
]
