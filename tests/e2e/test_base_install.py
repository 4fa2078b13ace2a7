"""The base install: httpx, rich, typer and what these bring. What only the extras bring cannot be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from e2e.service_process import clean_environment

pytestmark = pytest.mark.slow

ABSENT = """
import sys

HEAVY = {"torch", "numpy", "sqlalchemy", "fastapi", "grpc", "pydantic_settings", "faiss", "redis", "google"}

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in HEAVY else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""


def base_install(program: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program where only the base install can be imported."""
    command = [sys.executable, "-c", ABSENT + program, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=clean_environment(), timeout=60, check=False
    )


COMMAND_LINE = "from memreward_client.cli import main; main.main(sys.argv[1:])"


def test_every_module_of_the_client_can_be_imported(tmp_path: Path) -> None:
    program = """
import importlib, pkgutil, memreward_client
names = [module.name for module in pkgutil.walk_packages(memreward_client.__path__, "memreward_client.")]
for name in names:
    if ".grpc" not in name:
        importlib.import_module(name)
print("memreward_client.cli.main" in names, len([name for name in names if ".grpc" in name]))
"""
    done = base_install(program, tmp_path)
    assert (done.returncode, done.stdout) == (0, "True 1\n"), done.stderr


def test_the_client_works_and_names_the_extra_that_grpc_needs(tmp_path: Path) -> None:
    program = """
from memreward_client import FakeService, Group, MissingExtra, MockTransport, Query, RewardClient, Rollout
client = RewardClient(transport=MockTransport(FakeService(lambda query, rollout: 0.75)))
print(client.score([Group(Query("2 + 2?"), [Rollout("4")])]).groups[0].rollouts[0].reward)
try:
    RewardClient("grpc://127.0.0.1:1").models()
except MissingExtra as error:
    print(error)
"""
    done = base_install(program, tmp_path)
    assert done.returncode == 0, done.stderr
    reward, sentence = done.stdout.splitlines()
    assert reward == "0.75"
    assert sentence.endswith("pip install 'memreward[grpc]', or use the http:// URL.")


@pytest.mark.parametrize("arguments", [["--help"], ["ingest", "--help"], ["train", "--help"], ["evaluate", "--help"]])
def test_help_is_there(arguments: list[str], tmp_path: Path) -> None:
    done = base_install(COMMAND_LINE, tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: memreward")


@pytest.mark.parametrize("arguments", [["serve"], ["serve", "--help"], ["bench"], ["demo", "--once"]])
def test_what_needs_the_service_names_its_extra(arguments: list[str], tmp_path: Path) -> None:
    done = base_install(COMMAND_LINE, tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("memreward: This command needs the service extra (")
    assert done.stderr.endswith("pip install 'memreward[service]'.\n")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
