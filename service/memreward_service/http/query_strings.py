"""The parameters behind the question mark: FastAPI wants a pydantic model for them, to refuse unknown ones."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class QueryString(BaseModel):
    """Parameters behind the question mark: text, turned into numbers where a number belongs."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class PageString(QueryString):
    """GET /v1/experience?after=&limit="""

    after: str | None = None
    """Start behind this query id: the `next` of the page before."""
    limit: int | None = Field(None, json_schema_extra={"minimum": 1, "maximum": 1000})
    """Queries on the page; 100 where not given."""


class SearchString(QueryString):
    """GET /v1/queries?text=&k="""

    text: str
    """The text whose nearest queries are looked up."""
    k: int | None = Field(None, json_schema_extra={"minimum": 1, "maximum": 100})
    """How many; 8 where not given."""


class SpendingString(QueryString):
    """GET /v1/label-spending?run_id="""

    run_id: str
    """The training run."""


class TaskString(QueryString):
    """What a trainer's format has no field for, behind the question mark of the URL that is configured."""

    domain: str | None = None
    """math, qa, code or text. Without it: that of a known dataset, else text."""
    dataset: str | None = None
    """The data set's name in memory, for example gsm8k."""
