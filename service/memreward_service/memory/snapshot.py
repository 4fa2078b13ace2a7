"""The memory on disk, so that a start need not build it again. It can be derived from the store at any time."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from memreward_proto.errors import Unavailable
from memreward_proto.records import Domain
from memreward_service.memory.histories import Histories
from memreward_service.memory.memory import Memory
from memreward_service.store import ExperienceStore

HISTORIES = "histories.jsonl"
IDS_A_LINE = 1000
"""Ids written at once: encoding all of a large memory in one go would hold every other thread up."""
IDS_CHECKED = 1000
"""Queries added last that have to be in the store: those that a store which was set back has lost."""

_log = logging.getLogger(__name__)


def write_snapshot(memory: Memory, folder: Path) -> None:
    """Write `memory` into `folder` in place of what is there; interrupted, `opened_memory` finds the one or the other.

    On any thread, while nobody changes the memory. Raises OSError, or RuntimeError (FAISS), where it cannot be written.
    """
    made = folder.with_name(folder.name + ".new")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    for domain, index in memory.indexes.items():
        index.save(made / domain)
    np.save(made / "states.npy", memory.states[: len(memory)])
    with (made / "ids.jsonl").open("w") as file:
        for start in range(0, len(memory), IDS_A_LINE):
            file.write(json.dumps(memory.ids(start, start + IDS_A_LINE)) + "\n")
    histories = hashlib.sha256()
    with (made / HISTORIES).open("wb") as lines:
        for block in memory.histories.blocks(IDS_A_LINE):
            line = json.dumps(block).encode("ascii") + b"\n"
            histories.update(line)
            lines.write(line)
    manifest = {
        "store": memory.store,
        "encoder": memory.encoder,
        "version": memory.version,
        "model_version": memory.model_version,
        "domains": list(memory.indexes),
        "histories": histories.hexdigest(),
    }
    (made / "memory.json").write_text(json.dumps(manifest))
    old = _replaced(folder)
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    made.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def opened_memory(folder: Path, memory: Memory, store: ExperienceStore) -> Memory:
    """The empty `memory` with the snapshot in `folder`, if that was made of this `store` as it is and with the encoder
    of `memory`. Else it stays empty, to be built again, and one log line says why. Raises Unavailable where the store
    does not answer."""
    folder = folder if folder.exists() else _replaced(folder)
    if not folder.exists():
        return memory
    try:
        reason = _read(folder, memory, store)
    except Unavailable:
        raise
    except Exception:
        _log.exception("the memory snapshot in %s is damaged: memory is built again from the store", folder)
        return memory
    if reason is None:
        _log.info("memory snapshot: %d queries at version %d", len(memory), memory.version)
    else:
        _log.warning("the memory snapshot in %s is set aside: %s; memory is built again", folder, reason)
    return memory


def _read(folder: Path, memory: Memory, store: ExperienceStore) -> str | None:
    """Fill `memory`, all or nothing; returns why the snapshot does not fit, None where it does.

    A damaged one raises whatever its reader does: OSError, ValueError, KeyError, BadZipFile, RuntimeError (FAISS) …
    """
    manifest: dict[str, Any] = json.loads((folder / "memory.json").read_text())
    if manifest["encoder"] != memory.encoder:
        return "it was made with other embedding weights"
    if manifest.get("store") != memory.store:
        return "it is of another store"
    newest = store.counts().version
    if manifest["version"] > newest:
        return f"it is of version {manifest['version']} and the store is at {newest}"
    with (folder / "ids.jsonl").open() as file:
        ids: list[str] = [key for line in file for key in json.loads(line)]
    last = ids[-IDS_CHECKED:]
    if len(store.query_texts(last)) < len(last):
        return "it has queries that the store has not"
    indexes = {Domain(domain): memory.new_index() for domain in manifest["domains"]}
    for domain, index in indexes.items():
        index.load(folder / domain)
    states = np.load(folder / "states.npy")
    if "histories" not in manifest:
        return "its histories are those of an earlier version"
    histories = _histories(folder / HISTORIES, manifest["histories"])
    memory.restore(ids, states, indexes, manifest["version"], manifest["model_version"], histories)
    return None


def _histories(file: Path, digest: str) -> Histories:
    """Raises ValueError where the file is not the one that was written."""
    histories, read = Histories(), hashlib.sha256()
    with file.open("rb") as lines:
        for line in lines:
            read.update(line)
            histories.restore(json.loads(line))
    if read.hexdigest() != digest:
        raise ValueError("the histories are not those that were written")
    return histories


def _replaced(folder: Path) -> Path:
    """Where the snapshot before this one stands while it is being replaced."""
    return folder.with_name(folder.name + ".old")
