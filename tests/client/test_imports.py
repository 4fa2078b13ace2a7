"""What importing the client brings with it, in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = [
    *("torch", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "pydantic", "pydantic_settings", "fastapi"),
    *("sqlalchemy", "redis", "ray", "verl", "faiss", "transformers", "grpc", "google.protobuf"),
    *("memreward_proto.codec", "memreward_proto.reward_pb2", "memreward_service", "typer", "rich"),
]


def loaded(program: str) -> list[str]:
    """Which of HEAVY are there at the end of a program."""
    probe = f"{program}\nimport sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_importing_the_client_loads_nothing_heavy() -> None:
    assert loaded("import memreward_client; memreward_client.RewardClient('grpc://host')") == []


def test_a_call_over_http_loads_nothing_of_grpc() -> None:
    ask = (
        "from memreward_client import *\n"
        "try: RewardClient('http://127.0.0.1:9', await_service=False).memory()\n"
        "except Unreachable: pass"
    )
    # httpx looks for rich for its own command.
    assert set(loaded(ask)) <= {"rich"}


@pytest.mark.parametrize("absent", ["grpc", "google"])
def test_grpc_without_its_extra_is_a_sentence(absent: str) -> None:
    ask = (
        f"import sys; sys.modules['{absent}'] = None\n"
        "from memreward_client import *\n"
        "try: RewardClient('grpc://127.0.0.1:9').memory()\n"
        "except MissingExtra as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("A grpc:// URL needs the extra grpc (")
    assert done.stdout.endswith("pip install 'memreward[grpc]', or use the http:// URL.\n")
