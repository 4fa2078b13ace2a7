"""What every record has in common: how pydantic reads it, and where its words for the OpenAPI page come from."""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import fields
from itertools import pairwise
from typing import Any, ClassVar, TypeVar

Value = TypeVar("Value")


def field_docs(schema: dict[str, Any], kind: type) -> None:
    """Give each field of the JSON schema of `kind` the docstring that stands under it, in `kind` or what it extends."""
    for name, doc in _docs(kind).items():
        if name in schema.get("properties", {}):
            schema["properties"][name].setdefault("description", doc)


def _docs(kind: type) -> dict[str, str]:
    docs: dict[str, str] = {}
    for each in reversed(kind.__mro__[:-1]):
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        statements = body.body if isinstance(body, ast.ClassDef) else []
        for field, below in pairwise(statements):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
                docs[field.target.id] = inspect.cleandoc(ast.literal_eval(below.value))
    return docs


def fields_of(record: Any) -> dict[str, Any]:
    """The fields of a record by name, as they are: to make a record that has them too."""
    return {each.name: getattr(record, each.name) for each in fields(record)}


def filled(value: Value | None) -> Value:
    """A field that may be absent on the wire, of a record that validation has filled in. Raises ValueError."""
    if value is None:
        raise ValueError("the record was not validated: a field that validation fills in is None")
    return value


class Record:
    """A message of the wire: a frozen dataclass that has exactly the fields of its JSON, and of its protobuf message.

    A field that may be absent on the wire is None until validation fills it in. Nothing here imports pydantic: it finds
    its settings by the name below. Strict: no text where a number belongs; an unknown field is an error, so that a
    wrong name never passes; an answer always has all its fields.
    """

    __slots__ = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "strict": True,
        "extra": "forbid",
        "json_schema_extra": field_docs,
        "json_schema_serialization_defaults_required": True,
    }
