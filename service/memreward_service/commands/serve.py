"""The options of `memreward serve`: made from the fields of Settings, so that they cannot drift."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from memreward_client.cli.extras import SettingError, service_module, service_sentences

if TYPE_CHECKING:
    from memreward_service.settings import Settings

HELP = """Run the service until Ctrl-C or SIGTERM.

Every option is an environment variable too, which it wins over: --http-port is MEMREWARD_HTTP_PORT.

\b
Examples:
  memreward serve
  memreward serve --http-port 9000 --data-dir /var/lib/memreward
  MEMREWARD_API_KEYS=secret memreward serve --host 0.0.0.0
"""


def serve(arguments: Sequence[str]) -> None:
    """Parse the options, check them, and run the service until it ends; then exit.

    Raises LocalFailureError, MissingExtraError, SettingError, SystemExit.
    """
    fields = service_module("memreward_service.settings").Settings.model_fields

    def run(**given: Any) -> None:
        settings = checked_settings({name: value for name, value in given.items() if value is not None})
        with service_sentences():
            service_module("memreward_service.app").run(settings)

    parameters = [_parameter(name, field) for name, field in fields.items()]
    # Typer reads the options off a function's signature.
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    command.command(help=HELP)(run)
    command(list(arguments), prog_name="memreward serve")


def checked_settings(chosen: dict[str, Any]) -> Settings:
    """Settings from the options `chosen` and the environment. Raises SettingError."""
    from pydantic import ValidationError

    try:
        settings: Settings = service_module("memreward_service.settings").Settings(**chosen)
    except ValidationError as error:
        # The input is left out on purpose: it may be a secret.
        complaints = error.errors(include_input=False, include_url=False, include_context=False)
        raise SettingError("; ".join(_sentence(one["loc"], one["msg"]) for one in complaints)) from None
    return settings


def _sentence(place: tuple[int | str, ...], complaint: str) -> str:
    text = complaint.removeprefix("Value error, ")
    if not place:
        return text
    name = str(place[0])
    return f"--{name.replace('_', '-')} (or MEMREWARD_{name.upper()}): {text}"


def _parameter(name: str, field: Any) -> inspect.Parameter:
    """The option of one field. Its text is checked by Settings, as the variable's text is."""
    flag = name.replace("_", "-")
    help_text = field.description if field.default is None else f"{field.description} [{_shown(field.default)}]"
    if field.annotation is bool:
        option = typer.Option(f"--{flag}/--no-{flag}", help=help_text, show_default=False)
        annotation: Any = Annotated[bool | None, option]
    else:
        metavar = _metavar(field.annotation)
        option = typer.Option(f"--{flag}", help=help_text, metavar=metavar, show_default=False)
        annotation = Annotated[str | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _shown(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def _metavar(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    kinds = {int: "INTEGER", float: "NUMBER"}
    return next((kinds[kind] for kind in (annotation, *get_args(annotation)) if kind in kinds), "TEXT")
