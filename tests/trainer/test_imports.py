from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.mark.parametrize("module", ["trl", "slime", "verl.functions", "adapter.query_text"])
def test_what_trl_and_slime_load_needs_no_verl_and_no_torch(module: str) -> None:
    program = (
        f"import sys, memreward_trainer.{module}; "
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'verl', 'ray', 'torch', 'numpy', 'trl'}))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_every_name_that_the_pages_say_is_there() -> None:
    root = Path(__file__).parents[2]
    pages = "\n".join(page.read_text() for page in (root / "README.md", *(root / "docs").glob("*.md")))
    imported = {
        f"{module}.{name}" for module, name in re.findall(r"from (memreward_trainer[.\w]+) import (\w+)", pages)
    }
    names = imported | set(re.findall(r"memreward_trainer(?:\.\w+)+", pages))
    assert len(names) >= 10
    for name in names:
        module, _, attribute = name.rpartition(".")
        spec = find_spec(module)
        assert spec is not None, name
        origin = Path(spec.origin or "")
        defined = re.search(rf"^(?:class|(?:async )?def) {attribute}\b", origin.read_text(), re.MULTILINE)
        assert defined or (origin.name == "__init__.py" and find_spec(name)), name
