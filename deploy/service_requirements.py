"""Print what the service needs, from pyproject.toml, so that an image can install it before the code.

usage: python service_requirements.py pyproject.toml [FAISS], where FAISS takes the place of faiss-cpu (as
faiss-gpu does on a GPU image) and torch is left out, because the image installs its own build of it first.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path


def service_requirements(pyproject: Path, faiss: str) -> list[str]:
    """The requirements of the base install and the service extra, with `faiss` in the place of faiss-cpu."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    requirements: list[str] = [*project["dependencies"], *project["optional-dependencies"]["service"]]
    kept = [line for line in requirements if re.split(r"[^\w.-]", line)[0] != "torch"]
    return [faiss if line.startswith("faiss-cpu") else line for line in kept]


if __name__ == "__main__":
    print("\n".join(service_requirements(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "faiss-cpu")))
