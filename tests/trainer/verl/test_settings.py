from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pytest

from memreward_client import LabelBudget
from memreward_trainer.adapter.unscored import UnscoredRule
from memreward_trainer.verl.settings import VerlSettings
from trainer.verl.verl_parts import MANAGER_LINES, verl_config

URL = "grpc://10.0.0.1:50051"


def test_the_documented_lines_are_those_of_the_tests_and_verl_takes_them(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "trainers.md").read_text()
    block = page.split("then five lines:\n\n", 1)[1].split("\n\n", 1)[0]
    lines = [line.strip(" \\") for line in block.splitlines()]
    assert len(lines) == 5
    assert tuple(lines[:3]) == MANAGER_LINES
    url, domain = (line.removeprefix("+reward.memreward.").split("=", 1)[1] for line in lines[3:])
    settings = VerlSettings.of(verl_config(tmp_path, url, f"++reward.memreward.domain={domain}"))
    assert (settings.connection.url, settings.domain) == ("http://127.0.0.1:8080", "math")


def test_five_lines_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEMREWARD_API_KEY", raising=False)
    settings = VerlSettings.of(verl_config(tmp_path, URL, "trainer.experiment_name=first"))
    assert settings.connection.url == URL
    assert settings.connection.api_key is None
    assert settings.run_id.startswith("verl_examples/first/")
    assert (settings.domain, settings.allow_partial) == ("math", True)
    assert settings.rule == UnscoredRule("mask")
    assert (settings.split_field, settings.training_splits) == ("extra_info.split", ["train"])


def test_values_have_the_types_of_their_keys(tmp_path: Path) -> None:
    lines = ("training_splits=mine", "domains={openai/gsm8k:math,arc:qa}", "deadline_seconds='90'", "remember=no")
    settings = VerlSettings.of(verl_config(tmp_path, URL, *(f"+reward.memreward.{line}" for line in lines)))
    assert settings.training_splits == ["mine"]
    assert settings.domains == {"openai/gsm8k": "math", "arc": "qa"}
    assert (settings.deadline_seconds, settings.remember) == (90.0, False)


def test_a_second_run_of_the_same_name_has_another_id(tmp_path: Path) -> None:
    config = verl_config(tmp_path, URL)
    assert VerlSettings.of(config).run_id != VerlSettings.of(config).run_id
    named = verl_config(tmp_path, URL, "+reward.memreward.run_id=mine")
    assert VerlSettings.of(named).run_id == "mine"


def test_the_environment_stands_in_for_address_and_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMREWARD_URL", "http://elsewhere:8080")
    monkeypatch.setenv("MEMREWARD_API_KEY", "from-the-environment")
    given = VerlSettings.of(verl_config(tmp_path, URL, "+reward.memreward.api_key=given"))
    assert (given.connection.url, given.connection.api_key) == (URL, "given")
    absent = VerlSettings.of(verl_config(tmp_path, "null"))
    assert (absent.connection.url, absent.connection.api_key) == ("http://elsewhere:8080", "from-the-environment")
    assert "from-the-environment" not in repr(absent)
    monkeypatch.delenv("MEMREWARD_URL")
    with pytest.raises(ValueError, match="Nothing says where the reward service is"):
        VerlSettings.of(verl_config(tmp_path, "null"))


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("+reward.memreward.on_unscoerd=mask", "does not know on_unscoerd: it takes url, api_key, run_id"),
        ("+reward.memreward.on_unscored=skip", "write raise, mask, or the number"),
        ("+reward.memreward.on_unscored=raise", "needs algorithm.adv_estimator=memreward_grpo, not grpo"),
        ("+reward.memreward.deadline_seconds=0", "deadline_seconds is 0"),
        ("++reward.memreward.domain=maths", "There is no domain 'maths': use one of math, qa, code, text"),
        ("+reward.memreward.domains={arc:maths}", "There is no domain 'maths'"),
        ("+reward.memreward.label_share=0", r"label_share is 0\.0: give a number above 0 and at most 1"),
        ("+reward.memreward.label_share=1.5", r"label_share is 1\.5"),
        ("+reward.memreward.group_size=8", "does not know group_size"),
        ("+reward.memreward.label_share=true", "memreward.label_share: Value 'True' of type 'bool' .* to Float"),
        ("+reward.memreward.label_share=few", "memreward.label_share: Value 'few' of type 'str' .* to Float"),
        ("+reward.memreward.allow_partial=perhaps", "memreward.allow_partial: Value 'perhaps' is not a valid bool"),
        ("+reward.memreward.verify_seconds=null", "memreward.verify_seconds: Incompatible value 'None'.* 'float'"),
        ("+reward.memreward.datasets=gsm8k", "memreward.datasets: Cannot assign str to Dict"),
        ("+reward.memreward.label_limit=5", "label_limit is 5: give a whole number from 1, beside a label_share"),
        ("+reward.memreward.verifier=maths", "There is no verifier 'maths': write reward_function, math"),
        ("+reward.memreward.verifier=math", "verifier is set, and nothing is verified: add a label_share, or"),
        ("+reward.memreward.behaviour=yes_please", "behaviour: Value 'yes_please' is not a valid bool"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(tmp_path: Path, override: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        VerlSettings.of(verl_config(tmp_path, URL, override))


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("+reward.memreward.label_limit=0", "label_limit is 0"),
        ("+reward.memreward.label_limit=2.5", r"label_limit: Value '2\.5' of type 'float' .* to Integer"),
        ("+reward.memreward.verify_seconds=590", "leaves no time to verify a rollout: give more than verify_seconds"),
        ("+reward.memreward.verifier=[/nowhere/grade]", "program '/nowhere/grade' is not on this machine"),
    ],
)
def test_what_cannot_be_beside_a_share_is_told_in_a_sentence(tmp_path: Path, override: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        VerlSettings.of(verl_config(tmp_path, URL, "+reward.memreward.label_share=0.2", override))


def test_an_external_verifier_needs_a_domain_to_tell(tmp_path: Path) -> None:
    lines = ("+reward.memreward.label_share=0.2", "+reward.memreward.verifier='https://grader/verify'")
    assert VerlSettings.of(verl_config(tmp_path, URL, *lines)).verifier == "https://grader/verify"
    with pytest.raises(ValueError, match=r"gets the domain of a rollout: set reward\.memreward\.domain"):
        VerlSettings.of(verl_config(tmp_path, URL, *lines, "++reward.memreward.domain=null"))


def test_the_budget_that_is_sent_is_awaited_longer_than_a_verification_takes(tmp_path: Path) -> None:
    assert VerlSettings.of(verl_config(tmp_path, URL)).label_budget is None
    lines = ("+reward.memreward.label_share=1", "+reward.memreward.label_limit=5000")
    assert VerlSettings.of(verl_config(tmp_path, URL, *lines)).label_budget == LabelBudget(1.0, 5000, 75_000)


@pytest.mark.parametrize(
    ("overrides", "programs"),
    [
        ((), 0),
        (("++reward.memreward.domain=code",), 1),
        (("+reward.memreward.domains={humaneval:code}",), 1),
        (("++reward.memreward.domain=code", "+reward.memreward.behaviour=false"), 0),
        (("+reward.memreward.behaviour=true",), 1),
        (("+reward.memreward.label_share=0.2", "+reward.memreward.verifier=code"), 1),
        (("++reward.memreward.domain=code", "+reward.memreward.label_share=1", "+reward.memreward.verifier=code"), 2),
    ],
)
def test_programs_run_only_where_something_needs_them(tmp_path: Path, overrides: Sequence[str], programs: int) -> None:
    assert len(VerlSettings.of(verl_config(tmp_path, URL, *overrides)).programs) == programs


def test_what_verl_ignores_beside_a_sampler_of_ours_is_told(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "trainers.md").read_text()
    block = page.split("for all of verl's loggers:\n\n", 1)[1].split("\n\n", 1)[0]
    lines = [line.strip(" \\") for line in block.splitlines()]
    assert len(lines) == 3
    VerlSettings.of(verl_config(tmp_path, URL, *lines))
    for ignored, name in (
        ("+algorithm.filter_groups={enable:true,metric:reward}", r"algorithm\.filter_groups where"),
        ("trainer.v1.sampler.sync_refill_failed_groups=true", "sync_refill_failed_groups where"),
    ):
        with pytest.raises(ValueError, match=f"verl ignores {name}"):
            VerlSettings.of(verl_config(tmp_path, URL, *lines, ignored))
        VerlSettings.of(verl_config(tmp_path, URL, ignored))


def test_the_page_has_every_key_and_its_line_for_labels_is_taken(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "trainers.md").read_text()
    table = page.split("Keys under `reward.memreward`", 1)[1].split("**Validation**", 1)[0]
    assert {each.name for each in fields(VerlSettings)} == {name for row in table.splitlines() for name in _keys(row)}
    section = page.split("### Verify some rollouts yourself", 1)[1]
    line = section.split("\n\n    ", 1)[1].split("\n", 1)[0]
    settings = VerlSettings.of(verl_config(tmp_path, URL, line))
    assert settings.label_share == 0.17
    assert settings.label_budget is not None
    assert f"more than `verify_seconds` + {settings.label_budget.deadline_ms / 1000 - 60:g}" in section


def _keys(row: str) -> list[str]:
    return re.findall("`([a-z_]+)`", row.split("|")[1]) if row.startswith("| `") else []
