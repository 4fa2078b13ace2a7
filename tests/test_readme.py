"""What the README says in tables is what the program does."""

from __future__ import annotations

import re
from pathlib import Path

from memreward_proto.errors import ERROR_TABLE

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_error_table_is_the_programs() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| ([A-Z_]+) \|", README, re.MULTILINE)
    assert {code: (int(status), grpc) for code, status, grpc in rows} == ERROR_TABLE
