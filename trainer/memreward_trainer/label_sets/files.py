"""`memreward label-set`: the ids of the queries in data files, out of which a label set is chosen (choose.py).

Files are rollout files (.jsonl, .jsonl.gz: `dataset` and `id` of each line) or the Parquet data sets of verl
(`data_source`, and extra_info.index or another column), which need pyarrow.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from memreward_client.cli.progress import track
from memreward_client.files.rollouts import read_rollout_file
from memreward_trainer.label_sets.choose import LabelSet, LabelSetError

ID_FIELD = "extra_info.index"
"""Where a row of verl's data sets usually has its id."""


@dataclass(frozen=True, slots=True)
class FileId:
    """One query of a file; `place` (file:line or file, row n) is for messages, `content` a digest of what it asks."""

    dataset: str
    query_id: str
    content: bytes
    place: str


def query_ids(files: Sequence[Path], id_field: str = ID_FIELD) -> dict[str, set[str]]:
    """The ids of all queries by data set. `id_field`: the column of Parquet files with the id, dots lead inside.

    A query may be given several times; it has one id.

    Raises:
        LabelSetError: a query has no id or data set, two have the same, or a Parquet file cannot be read.
        RolloutFileError: a line of a rollout file is wrong.
        OSError: a file cannot be opened.
    """
    found: dict[tuple[str, str], FileId] = {}
    with track("reading", len(files), "files") as progress:
        for done, file in enumerate(files, start=1):
            rows = _parquet_ids(file, id_field) if file.suffix == ".parquet" else _rollout_file_ids(file)
            for row in rows:
                first = found.setdefault((row.dataset, row.query_id), row)
                if first.content != row.content:
                    raise LabelSetError(
                        f"{row.place}: the id {row.query_id!r} of {row.dataset} is also that of another query "
                        f"({first.place}): every query of a data set needs an id of its own."
                    )
            progress.reached(done, str(file))
    ids: dict[str, set[str]] = {}
    for dataset, query_id in found:
        ids.setdefault(dataset, set()).add(query_id)
    if not ids:
        raise LabelSetError(f"There is no query in {', '.join(map(str, files))}: give files with queries.")
    return ids


def summary_table(label_set: LabelSet, ids: dict[str, set[str]]) -> Table:
    """How many queries of each data set are labelled at each ratio."""
    table = Table()
    table.add_column("data set")
    table.add_column("queries", justify="right")
    for ratio in label_set.ratios:
        table.add_column(f"{ratio:g}", justify="right")
    for dataset in sorted(ids):
        counts = [str(len(chosen[dataset])) for chosen in label_set.ratios.values()]
        table.add_row(dataset, str(len(ids[dataset])), *counts)
    return table


def _rollout_file_ids(file: Path) -> Iterator[FileId]:
    for number, query in enumerate(read_rollout_file(file), start=1):
        place = f"{file}, query {number}"
        if query.id is None or query.dataset is None:
            raise LabelSetError(f"{place} has no {'id' if query.id is None else 'dataset'}: add it to every line.")
        yield FileId(query.dataset, query.id, _digest(query.query), place)


def _parquet_ids(file: Path, id_field: str) -> Iterator[FileId]:
    try:
        parquet: Any = importlib.import_module("pyarrow.parquet")
        arrow: Any = importlib.import_module("pyarrow")
    except ImportError as error:
        raise LabelSetError(
            f"{file} needs pyarrow: install it (pip install pyarrow), or give rollout files."
        ) from error
    try:
        with parquet.ParquetFile(file) as opened:
            # A dotted path reads one field of a struct, and a file without it gives rows without it.
            batches = opened.iter_batches(columns=["data_source", id_field, "prompt"])
            rows = (row for batch in batches for row in batch.to_pylist())
            for number, row in enumerate(rows, start=1):
                yield _row_id(row, id_field, f"{file}, row {number}")
    except arrow.ArrowInvalid as error:
        raise LabelSetError(f"{file} is no Parquet file that can be read ({error}).") from error


def _row_id(row: dict[str, Any], id_field: str, place: str) -> FileId:
    value: Any = row
    for name in id_field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, int | str) or isinstance(value, bool) or value == "":
        raise LabelSetError(
            f"{place} has no whole number or text at {id_field}: name the column of the ids by --id-field."
        )
    if not isinstance(row.get("data_source"), str):
        raise LabelSetError(f"{place} has no data_source: verl names the data set of a row in that column, add it.")
    return FileId(row["data_source"], str(value), _digest(row.get("prompt")), place)


def _digest(content: object) -> bytes:
    return hashlib.sha256(json.dumps(content, default=str).encode("ascii")).digest()
