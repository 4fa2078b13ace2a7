"""Files that are either the old one or the whole new one."""

from __future__ import annotations

from pathlib import Path

import pytest

from memreward_client.files.atomic import atomic_file


def test_a_file_that_fails_half_way_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_file(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("out.jsonl", "old")]
