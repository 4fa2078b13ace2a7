"""How a process of the sandbox is started: a bare interpreter that is given its modules on the command line.

Nothing of this package has to be readable inside the sandbox, and nothing of the environment of the trainer gets in:
no site-packages, no variables, no keys. The hash seed is fixed, so that a program behaves alike every time.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path

SHARED = ("literals", "landlock", "system_calls", "confinement", "given_names")
"""Modules that every process of the sandbox gets, in the order of their imports."""
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
"""All that a process of the sandbox finds in its environment."""
INTERPRETER = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
"""The interpreter itself, not the link in a virtual environment."""

_START = """
import sys, types
for name, source in {modules!r}:
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
exec(compile({main!r}, "__main__", "exec"))
"""


@lru_cache(maxsize=8)
def python_source(main: str) -> str:
    """One source with the module `main` of the folder inside and all it needs."""
    folder = Path(__file__).parent / "inside"
    modules = [(f"{__package__}.inside.{name}", (folder / f"{name}.py").read_text(encoding="utf-8")) for name in SHARED]
    return _START.format(modules=modules, main=(folder / f"{main}.py").read_text(encoding="utf-8"))


def python_command(main: str) -> tuple[str, ...]:
    """The command line that runs `python_source(main)`."""
    return (INTERPRETER, "-s", "-S", "-B", "-P", "-c", python_source(main))
