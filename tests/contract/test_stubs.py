from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import memreward_proto

PACKAGE = Path(memreward_proto.__file__).parent


def test_the_stubs_are_those_of_the_proto(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools", reason="grpcio-tools comes with the extra dev")
    outputs = [f"--{kind}_out={tmp_path}" for kind in ("python", "grpc_python", "pyi")]
    source = PACKAGE / "reward.proto"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PACKAGE.parent}", *outputs, str(source)]
    subprocess.run(command, check=True)
    for name in ("reward_pb2.py", "reward_pb2_grpc.py", "reward_pb2.pyi"):
        assert (tmp_path / "memreward_proto" / name).read_text() == (PACKAGE / name).read_text(), name
