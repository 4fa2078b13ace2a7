"""`memreward demo`: the tour of a real service on made-up word problems."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from memreward_client.cli.extras import CommandError, needs_extra

app = typer.Typer()


@app.command("demo")
def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop after the tour instead of serving on.")] = False,
    data_dir: Annotated[Path, typer.Option(help="Folder of the demo's service.")] = Path("memreward-data/demo"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of HTTP; 0 takes a free one.")] = 8080,
    grpc_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of gRPC; 0 takes a free one.")] = 50051,
) -> None:
    """Start a real service on made-up word problems, train it, and show what it predicts; then it serves on.

    \b
    Examples:
      memreward demo
      memreward demo --once --port 0 --grpc-port 0
    """
    with needs_extra("service"):
        import memreward_service.app  # noqa: F401 - the child process needs it
    from memreward_service.demo.process import DemoError
    from memreward_service.demo.tour import give_tour

    try:
        give_tour(data_dir, http_port=port, grpc_port=grpc_port, once=once)
    except DemoError as error:
        raise CommandError(str(error)) from error
