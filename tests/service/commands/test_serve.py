"""The options of serve: as many as there are settings, checked by Settings, secrets never repeated."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from client.cli.command_line import run_command
from memreward_service.settings import Settings


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What the service was asked to run with."""
    settings: list[Settings] = []
    monkeypatch.setattr("memreward_service.app.run", settings.append)
    return settings


def test_every_setting_is_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    done = run_command(capsys, "serve", "--help")
    assert done.code == 0
    for name in Settings.model_fields:
        assert re.search(rf"^  --{name.replace('_', '-')}[ ,]", done.out, re.MULTILINE), name
    assert "sentence-transformers/all-" in done.out


def test_options_win_over_variables(
    served: list[Settings], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMREWARD_HTTP_PORT", "1111")
    monkeypatch.setenv("MEMREWARD_GRPC_PORT", "2222")
    arguments = ["--http-port", "3333", "--no-same-domain", "--reward-mode", "soft", "--threshold", "0.25"]
    done = run_command(capsys, "serve", *arguments, "--data-dir", "elsewhere")
    assert done.code == 0, done.err
    [settings] = served
    assert (settings.http_port, settings.grpc_port, settings.same_domain) == (3333, 2222, False)
    assert (settings.reward_mode, settings.threshold, settings.data_dir) == ("soft", 0.25, Path("elsewhere"))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--threshold", "7"], "--threshold (or MEMREWARD_THRESHOLD)"),
        (["--http-port", "http"], "--http-port (or MEMREWARD_HTTP_PORT)"),
        (["--host", "0.0.0.0"], "set MEMREWARD_API_KEYS"),
        (["--no-such-option"], "--no-such-option"),
        (["stray"], "stray"),
    ],
)
def test_bad_options_are_usage_errors(
    served: list[Settings], arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run_command(capsys, "serve", *arguments)
    assert done.code == 2
    assert complaint in done.err
    assert served == []


def test_a_bad_variable_is_named_and_no_secret_is_shown(
    served: list[Settings], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMREWARD_API_KEYS", "tell-nobody")
    monkeypatch.setenv("MEMREWARD_SEED", "many")
    done = run_command(capsys, "serve")
    assert done.code == 2
    assert "MEMREWARD_SEED" in done.err
    assert "tell-nobody" not in done.out + done.err


def test_the_client_alone_loads_no_library_of_the_service() -> None:
    names = "('torch', 'numpy', 'fastapi', 'memreward_service')"
    probe = f"import sys, memreward_client.cli.main; print([m for m in {names} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
