"""Trained models on disk: immutable versions, one of them active.

A version is a folder with weights.safetensors and model.json. Its name is derived from their content, so equal
training gives equal names. Beside them note.json says why it was taken or refused, and queries.json which queries it
learned from. Folders appear by rename, and the active version is a small file replaced by rename, as a note is: a crash
leaves the old state or the new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save

from memreward_proto.errors import Conflict, Internal, NotFound
from memreward_proto.records import Interval, ModelInfo, TrustIntervals
from memreward_service.belief.calibration import Calibration
from memreward_service.network.attachment import AttachRule
from memreward_service.network.gnn import ModelConfig, RewardGNN
from memreward_service.network.trained import TrainedModel

CARD = {"created_at", "config", "calibration", "rule", "training", "metrics"}
"""The fields of a model.json."""


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """What a model was trained on. `encoder` is the revision of the embedding weights it belongs to."""

    memory_version: int
    queries: int
    labels: int
    encoder: str


@dataclass(frozen=True, slots=True)
class Note:
    """What its training found of a model: the sentences that say why it was taken or refused, the intervals of its
    metrics, and how many labels the store had then."""

    reason: str
    intervals: TrustIntervals
    stored_labels: int


class ModelRegistry:
    """The versions in one folder. Any thread may call it."""

    def __init__(self, folder: Path, kept: int) -> None:
        """`kept`: versions that stay; the oldest go first, the active one never."""
        self._folder = folder
        self._kept = kept
        folder.mkdir(parents=True, exist_ok=True)

    def save(
        self, model: TrainedModel, facts: TrainingFacts, note: Note | None = None, learned: Sequence[str] = ()
    ) -> str:
        """Write a model durably and return its version. It is not active yet. `learned`: the ids of the queries that it
        learned from. Raises Internal for one whose weights are not finite."""
        if not _is_finite(model):
            raise Internal("Training gave weights that are not finite numbers: no model was made of them.")
        weights = save(model.network.state_dict())
        card = {
            "created_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "config": asdict(model.network.config),
            "calibration": asdict(model.calibration),
            "rule": asdict(model.rule),
            "training": asdict(facts),
            "metrics": model.metrics,
        }
        version = _version_of(weights, card)
        found = None if note is None else json.dumps(asdict(note)).encode()
        if not self._is_whole(version):
            made = self._folder / f".{version}.new"
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            _write(made / "weights.safetensors", weights)
            _write(made / "model.json", json.dumps(card, indent=2).encode())
            _write(made / "queries.json", json.dumps(sorted(learned)).encode())
            if found is not None:
                _write(made / "note.json", found)
            shutil.rmtree(self._folder / version, ignore_errors=True)  # equal training gives a damaged one again
            made.rename(self._folder / version)
        elif found is not None:  # equal training may find another reason
            made = self._folder / version / ".note.new"
            _write(made, found)
            made.replace(self._folder / version / "note.json")
        return version

    def load(self, version: str) -> TrainedModel:
        """The model of `version`, in eval mode on the CPU.

        Raises NotFound, and Conflict where its content is not what it is named after or has numbers that are not
        finite.
        """
        card = self._card(version)
        try:
            weights = (self._folder / version / "weights.safetensors").read_bytes()
        except FileNotFoundError:
            raise _not_found(version) from None
        if _version_of(weights, card) != version:
            raise _unusable(version, "is damaged: its content is not what it is named after")
        with torch.device("meta"):  # draws no random numbers: a training that runs meanwhile stays reproducible
            network = RewardGNN(ModelConfig(**card["config"]))
        network.load_state_dict(load(weights), assign=True)
        network.requires_grad_(False).eval()
        model = TrainedModel(network, Calibration(**card["calibration"]), AttachRule(**card["rule"]), card["metrics"])
        if not _is_finite(model):
            raise _unusable(version, "has weights that are not finite numbers")
        return model

    def facts(self, version: str) -> TrainingFacts:
        """What `version` was trained on. Raises NotFound."""
        return TrainingFacts(**self._card(version)["training"])

    @contextlib.contextmanager
    def claimed(self) -> Iterator[bool]:
        """Whether no other process has claimed this folder to train by itself; until the end of the block, or of this
        process, none can."""
        with (self._folder / ".training").open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def learned(self, version: str) -> frozenset[str] | None:
        """The ids of the queries that `version` learned from; None where it does not say."""
        found = _json_of(self._folder / version / "queries.json")
        return frozenset(map(str, found)) if isinstance(found, list) and found else None

    def note(self, version: str) -> Note | None:
        """What its training found of `version`; None where it does not say."""
        found = _json_of(self._folder / version / "note.json")
        if not isinstance(found, dict):
            return None
        ends = {name: None if each is None else Interval(**each) for name, each in found["intervals"].items()}
        return Note(found["reason"], TrustIntervals(**ends), found["stored_labels"])

    def active(self) -> str | None:
        """The active version, None before the first."""
        path = self._folder / "active"
        return path.read_bytes().decode(errors="replace").strip() if path.exists() else None

    def activate(self, version: str) -> None:
        """Make `version` the active one, then drop the oldest beyond `kept`. Raises NotFound."""
        self._card(version)
        made = self._folder / ".active.new"
        _write(made, version.encode())
        made.replace(self._folder / "active")
        self.prune()

    def prune(self) -> None:
        """Drop the oldest versions beyond `kept`; the active one stays."""
        for info in self.infos()[self._kept :]:
            if not info.active:
                dropped = self._folder / f".{info.model_version}.old"
                shutil.rmtree(dropped, ignore_errors=True)
                with contextlib.suppress(FileNotFoundError):  # another process dropped it just now
                    (self._folder / info.model_version).rename(dropped)
                shutil.rmtree(dropped, ignore_errors=True)

    def info(self, version: str) -> ModelInfo:
        """What is known of `version`. Raises NotFound."""
        card = self._card(version)
        training = card["training"]
        note = self.note(version)
        return ModelInfo(
            model_version=version,
            created_at=card["created_at"],
            active=version == self.active(),
            memory_version=training["memory_version"],
            training_queries=training["queries"],
            training_labels=training["labels"],
            metrics=card["metrics"],
            reason=None if note is None else note.reason,
            intervals=None if note is None else note.intervals,
        )

    def infos(self) -> list[ModelInfo]:
        """All versions, newest first."""
        infos = []
        for path in self._folder.glob("gnn-*/model.json"):
            with contextlib.suppress(NotFound, Conflict):  # dropped since it was found, or damaged
                infos.append(self.info(path.parent.name))
        return sorted(infos, key=lambda info: (info.created_at, info.memory_version), reverse=True)

    def _card(self, version: str) -> dict[str, Any]:
        if "/" in version or not version.startswith("gnn-"):
            raise _not_found(version)
        try:
            card: dict[str, Any] = json.loads((self._folder / version / "model.json").read_text())
        except FileNotFoundError:
            raise _not_found(version) from None
        except ValueError:
            raise _unusable(version, "is damaged: its model.json cannot be read") from None
        if not _is_card(card):
            raise _unusable(version, "is damaged: its model.json has not the fields that it needs")
        return card

    def _is_whole(self, version: str) -> bool:
        try:
            self.load(version)
        except (NotFound, Conflict):
            return False
        return True


def _json_of(path: Path) -> Any:
    """The content of a file beside a model; None where it is not there or cannot be read."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _version_of(weights: bytes, card: Mapping[str, Any]) -> str:
    """The name of a model: a hash of all that a prediction depends on."""
    content = json.dumps({key: card[key] for key in ("config", "calibration", "rule")}, sort_keys=True)
    return "gnn-" + hashlib.sha256(weights + content.encode()).hexdigest()[:12]


def _is_card(card: Any) -> bool:
    """Whether the content of a model.json has its fields."""
    if not isinstance(card, dict) or not card.keys() >= CARD or not isinstance(card["training"], dict):
        return False
    return card["training"].keys() == {each.name for each in fields(TrainingFacts)}


def _is_finite(model: TrainedModel) -> bool:
    """Whether all numbers of a model are."""
    weights = all(bool(value.isfinite().all()) for value in model.network.state_dict().values())
    return weights and all(map(math.isfinite, astuple(model.calibration)))


def _not_found(version: str) -> NotFound:
    return NotFound(f"There is no model {version!r}: GET /v1/models lists the versions.", model_version=version)


def _unusable(version: str, why: str) -> Conflict:
    return Conflict(
        f"Model {version} {why}. Activate another version, or train again (POST /v1/training, or `memreward train`).",
        model_version=version,
    )


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
