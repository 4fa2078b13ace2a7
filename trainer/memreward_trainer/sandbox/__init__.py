"""The sandbox for model-written programs. READ FIRST: sandbox.py, then in the order of a program's life:

limits.py        how much a program may use
isolation.py     what stands between it and the machine: bubblewrap, else Landlock
launch.py        the command line of a process that knows nothing of the trainer
process.py       that process seen from outside: JSON lines, a clock, an end that leaves nothing
program.py       a program that was loaded, and the calls of its functions
inside/          what runs inside: the server of a program's functions, the runner of scripts, plain values
fusion.py        the same programs on a SandboxFusion server

Why a verdict cannot be faked: the tests run in another process than the program, and what comes out of the program's
process is taken as the value that a function returned, never as a verdict.
"""

__all__ = [
    "answers",
    "fusion",
    "inside",
    "isolation",
    "launch",
    "limits",
    "process",
    "program",
    "query_code",
    "sandbox",
]
