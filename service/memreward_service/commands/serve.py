"""`memreward serve`: every field of Settings is an option, read by pydantic-settings."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from memreward_client.cli.extras import CommandError, needs_extra

if TYPE_CHECKING:
    from memreward_service.settings import Settings

DESCRIPTION = """Run the service until Ctrl-C or SIGTERM.

Every option is an environment variable too, which it wins over: --http-port is MEMREWARD_HTTP_PORT.

Examples:
  memreward serve
  memreward serve --http-port 9000 --data-dir /var/lib/memreward
  MEMREWARD_API_KEYS=secret memreward serve --host 0.0.0.0
"""
HELP_WIDTH = 110

app = typer.Typer()


@app.command(
    "serve",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def serve(context: typer.Context) -> None:
    """Run the service; `memreward serve --help` lists every setting."""
    with needs_extra("service"):
        settings = settings_of(context.args)
        from memreward_service.app import run
    run(settings)


def settings_of(arguments: Sequence[str]) -> Settings:
    """Settings from options and the environment. Raises CommandError, and SystemExit for --help and unknown options."""
    from pydantic import ValidationError
    from pydantic_settings import CliSettingsSource

    from memreward_service.settings import Settings

    parser = argparse.ArgumentParser(
        prog="memreward serve", usage="memreward serve [options]", description=DESCRIPTION, allow_abbrev=False,
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, width=HELP_WIDTH),
    )  # fmt: skip
    options: CliSettingsSource[Any] = CliSettingsSource(
        Settings, root_parser=parser, cli_parse_args=list(arguments), cli_kebab_case=True, cli_implicit_flags=True,
        cli_hide_none_type=True, cli_parse_none_str="none",
    )  # fmt: skip
    try:
        return Settings(_cli_settings_source=options)
    except ValidationError as error:
        # The input is left out on purpose: it may be a secret.
        complaints = error.errors(include_input=False, include_url=False, include_context=False)
        raise CommandError("; ".join(_sentence(one["loc"], one["msg"]) for one in complaints), code=2) from None


def _sentence(place: tuple[int | str, ...], complaint: str) -> str:
    text = complaint.removeprefix("Value error, ")
    if not place:
        return text
    name = str(place[0])
    return f"--{name.replace('_', '-')} (or MEMREWARD_{name.upper()}): {text}"
