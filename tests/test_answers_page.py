"""docs/answers.md says what the program does: the tables of rules, every key, and the printed example are compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from memreward_client.cli.main import main
from memreward_proto.records import Domain, Query, Rollout
from memreward_service.answers.choices.places import CHOICE_PLACES
from memreward_service.answers.places.rules import PLACE_RULES
from memreward_service.answers.programs.find import FENCED_RULES
from memreward_service.answers.reading import read_groups

PAGE = (Path(__file__).parents[1] / "docs" / "answers.md").read_text(encoding="utf-8")
QUERIES = {
    "math": "How many?",
    "qa": "Where is ice kept?\n(A) oven\n(B) freezer\n(C) a cupboard",
    "text": "Which city?",
    "code": "Write add(a, b).",
}
"""The queries of the tables of keys."""


def span(text: str) -> str:
    """A text as the page shows it in a cell."""
    return "`" + text.replace("\n", " ⏎ ") + "`"


def domains(rule_domains: frozenset[Domain]) -> str:
    return ", ".join(domain.value for domain in Domain if domain in rule_domains)


TABLES = {
    "places": [
        f"| {rule.name} | {domains(rule.domains)} | {span(rule.example)} | {span(rule.answer)} |"
        for rule in PLACE_RULES
    ],
    "choices": [f"| {rule.name} | {span(rule.example)} |" for rule in CHOICE_PLACES],
    "programs": [f"| {rule.name} | {span(rule.example)} |" for rule in FENCED_RULES],
}


def part(name: str) -> str:
    """What stands between the marks of a part of the page."""
    return PAGE.partition(f"<!-- {name} -->\n")[2].partition("<!-- end -->")[0]


def rows(name: str) -> list[list[str]]:
    """The cells of the table in a part, without its head."""
    return [line.strip("|").split("|") for line in part(name).strip().splitlines()[2:]]


def keys(domain: str, written: list[str]) -> list[str | None]:
    rollouts = [Rollout("", answer=text.replace(" ⏎ ", "\n")) for text in written]
    (group,) = read_groups([(Query(QUERIES[domain], "q", Domain(domain)), rollouts)])
    return [reading.answer_key for reading in group]


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_of_rules_are_those_of_the_code(name: str) -> None:
    shown = part(name).strip().splitlines()[2:]
    assert shown == TABLES[name], "docs/answers.md has to say:\n" + "\n".join(TABLES[name])


@pytest.mark.slow
def test_the_answers_of_a_row_have_the_key_that_it_says() -> None:
    for domain, written, key in rows("same"):
        (wanted,) = re.findall(r"`([^`]+)`", key)
        said = re.findall(r"`([^`]+)`", written)
        assert set(keys(domain.strip(), said)) == {wanted.replace(" ⏎ ", "\n")}, written


@pytest.mark.slow
def test_the_answers_of_a_row_are_different_answers() -> None:
    for domain, written, _why in rows("different"):
        said = re.findall(r"`([^`]+)`", written)
        assert len(said) > 1
        assert len(set(keys(domain.strip(), said))) == len(said), written


def test_the_printed_example_is_what_the_command_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (file,) = re.findall(r"```json\n(.*?)```", part("example"), re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", part("example"), re.DOTALL)
    (tmp_path / "buns.jsonl").write_text(file)
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        main(["answers", str(tmp_path / "buns.jsonl")])
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert printed == [line.rstrip() for line in shown.splitlines() if line.strip()], "\n".join(printed)


def test_the_page_is_short() -> None:
    assert len(PAGE.splitlines()) <= 150
