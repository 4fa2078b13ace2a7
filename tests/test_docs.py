"""What the pages say of files and errors is what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from memreward_proto.errors import ERROR_TABLE

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_links_to_exists(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_architecture_walks_through_the_files_of_every_life() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    lives = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    files = {life.splitlines()[0]: len(re.findall(r"\]\(\.\./", life)) for life in lives if life.startswith("The life")}
    assert len(files) == 5
    assert min(files.values()) >= 3, files


def test_the_error_table_is_the_programs() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| ([A-Z_]+) \|", page, re.MULTILINE)
    assert {code: (int(status), grpc) for code, status, grpc in rows} == ERROR_TABLE


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
