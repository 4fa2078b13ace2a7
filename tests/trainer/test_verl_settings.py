from __future__ import annotations

from pathlib import Path

import pytest

from memreward_trainer.unscored import UnscoredRule
from memreward_trainer.verl_settings import VerlSettings
from trainer.verl_parts import MANAGER_LINES, verl_config

URL = "grpc://10.0.0.1:50051"


def test_the_documented_lines_are_those_of_the_tests_and_verl_takes_them(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "trainers.md").read_text()
    block = page.split("then five lines:\n\n", 1)[1].split("\n\n", 1)[0]
    lines = [line.strip(" \\") for line in block.splitlines()]
    assert len(lines) == 5
    assert tuple(lines[:3]) == MANAGER_LINES
    url, domain = (line.removeprefix("+reward.memreward.").split("=", 1)[1] for line in lines[3:])
    settings = VerlSettings.of(verl_config(tmp_path, url, f"++reward.memreward.domain={domain}"))
    assert (settings.connection.url, settings.domain) == ("http://127.0.0.1:8080", "math")


def test_five_lines_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEMREWARD_API_KEY", raising=False)
    settings = VerlSettings.of(verl_config(tmp_path, URL, "trainer.experiment_name=first", group_size=6))
    assert settings.connection.url == URL
    assert settings.connection.api_key is None
    assert settings.run_id.startswith("verl_examples/first/")
    assert (settings.group_size, settings.domain, settings.allow_partial) == (6, "math", True)
    assert settings.on_unscored == UnscoredRule("mask")
    assert (settings.split_field, settings.training_splits) == ("extra_info.split", ("train",))


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
        ("+reward.memreward.on_unscoerd=mask", "does not know on_unscoerd: it takes url, api_key, allow_partial"),
        ("+reward.memreward.on_unscored=skip", "write raise, mask, or the number"),
        ("+reward.memreward.on_unscored=raise", "needs algorithm.adv_estimator=memreward_grpo, not grpo"),
        ("+reward.memreward.deadline_seconds=0", "deadline_seconds is 0"),
        ("++reward.memreward.domain=maths", "There is no domain 'maths': use one of math, qa, code, text"),
        ("+reward.memreward.domains={arc:maths}", "There is no domain 'maths'"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(tmp_path: Path, override: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        VerlSettings.of(verl_config(tmp_path, URL, override))
