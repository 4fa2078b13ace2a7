"""Writes the blocking half of the client from the awaited half, with unasync: `make client`.

`--check` writes nothing; it names the files that differ from what would be written, and then exits with 1.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import unasync

PACKAGE = Path(__file__).parent / "memreward_client"
CONFIGURATION = Path(__file__).parent.parent / "pyproject.toml"
GENERATED = {
    "async_client.py": "client.py",
    "async_retry_loop.py": "retry_loop.py",
    "transport/async_http.py": "transport/http.py",
}
"""The source of each file that is generated."""
NAMES = {
    "AsyncClient": "Client",
    "AsyncHttpTransport": "HttpTransport",
    "AsyncLanes": "Lanes",
    "AsyncRetryLoop": "RetryLoop",
    "AsyncRewardClient": "RewardClient",
    "AsyncTransport": "Transport",
    "aclose": "close",
    "aready": "ready",
    "asend": "send",
    "async_connections": "connections",
    "async_retry_loop": "retry_loop",
    "asyncio": "time",
}
"""What a name of the awaited half is in the blocking one."""
EXAMPLES = {"async with AsyncRewardClient": "with RewardClient", "await client.": "client."}
"""The same for examples in docstrings, which unasync leaves alone."""
RUFF = (sys.executable, "-m", "ruff")


def blocking(source: Path, name: str) -> str:
    """The text of the generated file `name`."""
    with tempfile.TemporaryDirectory() as folder:
        awaited, made = Path(folder, "awaited", name), Path(folder, "blocking", name)
        awaited.parent.mkdir()
        awaited.write_text(source.read_text())
        unasync.unasync_files([str(awaited)], [unasync.Rule("/awaited/", "/blocking/", NAMES)])
        text = made.read_text()
    for example, without_await in EXAMPLES.items():
        text = text.replace(example, without_await)
    return _formatted(f"# Made from {source.name} by `make client`: change that file.\n{text}")


def _formatted(text: str) -> str:
    """Imports in order, lines joined where `async` and `await` made them too long."""
    for command in (("check", "--select", "I", "--fix"), ("format",)):
        options = ("--quiet", "--config", str(CONFIGURATION), "--stdin-filename", str(PACKAGE / "client.py"), "-")
        text = subprocess.run(
            [*RUFF, *command, *options], input=text, capture_output=True, text=True, check=True
        ).stdout
    return text


def main() -> None:
    """Write the generated files, or check them."""
    different = []
    for source, name in GENERATED.items():
        made, text = PACKAGE / name, blocking(PACKAGE / source, Path(name).name)
        if not made.exists() or made.read_text() != text:
            different.append(name)
            if "--check" not in sys.argv:
                made.write_text(text)
    if different and "--check" in sys.argv:
        sys.exit(f"{', '.join(different)}: not what `make client` writes. Run it, and change only the async files.")


if __name__ == "__main__":
    main()
