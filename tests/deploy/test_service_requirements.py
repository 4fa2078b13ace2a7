"""What an image installs before the code: the service's requirements with the FAISS build it asks for."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("arguments", "faiss"), [([], "faiss-cpu"), (["faiss-gpu"], "faiss-gpu")])
def test_torch_is_left_out_and_faiss_is_chosen(arguments: list[str], faiss: str) -> None:
    script = [sys.executable, str(ROOT / "deploy/service_requirements.py"), str(ROOT / "pyproject.toml")]
    printed = subprocess.run([*script, *arguments], capture_output=True, text=True, check=True).stdout.split("\n")[:-1]

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = project["optional-dependencies"]["service"]
    plain = {line for line in [*project["dependencies"], *extra] if not line.startswith(("torch>", "faiss"))}
    assert plain < set(printed)
    assert [line for line in printed if line not in plain] == [faiss]
    assert any(line.startswith("torch-geometric") for line in printed)


def test_every_direct_dependency_is_locked() -> None:
    locked = {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["service"]]
    names = {line.split(">=")[0].split("[")[0] for line in [*wanted, *project["optional-dependencies"]["dev"]]}
    assert {name.replace("-", "_") for name in names} <= {name.replace("-", "_") for name in locked}
