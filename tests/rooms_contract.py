"""The rule of rooms for import-linter: a room's `__all__` names the modules that others may import.

A room is a folder of a package (memreward_service.memory). Where its `__init__` has no `__all__`, every module is open.
"""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, output


class PublicModules(Contract):
    """Broken by every import of a module of another room that the room does not name."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        wrong = []
        for module in sorted(graph.modules):
            for imported in sorted(graph.find_modules_directly_imported_by(module)):
                parts = imported.split(".")
                if len(parts) < 3 or module.split(".")[:2] == parts[:2]:
                    continue
                public = named_modules(".".join(parts[:2]))
                if public is not None and parts[2] not in public:
                    wrong.append(f"{module} imports {imported}")
        return ContractCheck(kept=not wrong, metadata={"wrong": wrong})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for sentence in check.metadata["wrong"]:
            output.print_error(f"{sentence}, which __all__ of its room does not name.")


def named_modules(room: str) -> list[str] | None:
    """What `__all__` of the room's `__init__` says, or None."""
    spec = find_spec(room)
    if spec is None or spec.origin is None or not spec.submodule_search_locations:
        return None
    for line in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        target: Any = line.targets[0] if isinstance(line, ast.Assign) else None
        if isinstance(target, ast.Name) and target.id == "__all__" and isinstance(line, ast.Assign):
            names: list[str] = ast.literal_eval(line.value)
            return names
    return None
