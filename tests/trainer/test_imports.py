from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["trl", "slime", "verl.functions", "adapter.query_text"])
def test_what_trl_and_slime_load_needs_no_verl_and_no_torch(module: str) -> None:
    program = (
        f"import sys, memreward_trainer.{module}; "
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'verl', 'ray', 'torch', 'numpy', 'trl'}))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
