"""Versions on disk: immutable, derived from their content, selectable, pruned."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from memreward_proto.errors import Conflict, Internal, NotFound
from memreward_proto.records import Interval, TrustIntervals
from memreward_service.belief.calibration import Calibration
from memreward_service.groups.features import FEATURES
from memreward_service.network.graph import experience_graph
from memreward_service.network.trained import TrainedModel
from memreward_service.training.registry import ModelRegistry, Note, TrainingFacts
from service.empty_engines import save_older_model
from service.synthetic_groups import batch_of, lively_model, lively_network, synthetic_group

FACTS = TrainingFacts(memory_version=7, queries=20, labels=160, encoder="hash")


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(tmp_path / "models", kept=3)


def logits(model: TrainedModel) -> torch.Tensor:
    batch = batch_of([synthetic_group(1), synthetic_group(2)])
    return model.network.memory_states(experience_graph(batch, with_labels=True))


def test_a_version_is_its_content(registry: ModelRegistry) -> None:
    model = lively_model(1)
    version = registry.save(model, FACTS)
    assert version.startswith("gnn-")
    assert registry.save(lively_model(1), replace(FACTS, labels=3)) == version
    others = [
        lively_model(2),
        replace(model, calibration=replace(model.calibration, slope=0.51)),
        replace(model, rule=replace(model.rule, neighbors=4)),
    ]
    assert len({version, *(registry.save(other, FACTS) for other in others)}) == 4


def test_a_loaded_model_is_the_saved_one(registry: ModelRegistry) -> None:
    model = lively_model(1)
    version = registry.save(model, FACTS)
    torch.manual_seed(5)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    loaded = registry.load(version)
    assert torch.equal(torch.rand(1), drawn), "loading draws no random numbers"
    assert torch.equal(logits(loaded), logits(model))
    assert (loaded.calibration, loaded.rule, loaded.metrics) == (model.calibration, model.rule, model.metrics)
    assert not loaded.network.training
    assert registry.facts(version) == FACTS


def test_nothing_is_active_before_it_is_activated(registry: ModelRegistry, tmp_path: Path) -> None:
    assert (registry.active(), registry.infos()) == (None, [])
    version = registry.save(lively_model(), FACTS)
    assert registry.active() is None
    assert [info.active for info in registry.infos()] == [False]
    registry.activate(version)
    reopened = ModelRegistry(tmp_path / "models", kept=3)
    assert reopened.active() == version
    info = reopened.infos()[0]
    assert (info.model_version, info.active, info.memory_version) == (version, True, 7)
    assert (info.training_queries, info.training_labels, info.metrics) == (20, 160, {"auc": 0.9})


def test_the_previous_version_stays_and_can_be_chosen_again(registry: ModelRegistry) -> None:
    first, second = (registry.save(lively_model(seed), FACTS) for seed in (1, 2))
    registry.activate(first)
    registry.activate(second)
    registry.activate(first)
    assert registry.active() == first
    assert {info.model_version: info.active for info in registry.infos()} == {first: True, second: False}


def test_the_oldest_go_but_never_the_active_one(registry: ModelRegistry, tmp_path: Path) -> None:
    versions = [registry.save(lively_model(seed), replace(FACTS, memory_version=seed)) for seed in range(5)]
    for age, version in enumerate(versions):
        card = tmp_path / "models" / version / "model.json"
        card.write_text(card.read_text().replace('"created_at": "', f'"created_at": "{3000 + age}-'))
    assert [info.model_version for info in registry.infos()] == versions[::-1]
    registry.activate(versions[0])
    assert [info.model_version for info in registry.infos()] == [*versions[:1:-1], versions[0]]
    registry.activate(versions[4])
    assert [info.model_version for info in registry.infos()] == versions[:1:-1]
    with pytest.raises(NotFound):
        registry.load(versions[0])
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == sorted([*versions[2:], "active"])


def test_a_half_written_folder_is_ignored(registry: ModelRegistry, tmp_path: Path) -> None:
    version = registry.save(lively_model(), FACTS)
    whole = tmp_path / "models" / version
    whole.rename(tmp_path / "models" / f".{version}.new")
    (tmp_path / "models" / f".{version}.new" / "weights.safetensors").write_bytes(b"half")
    (tmp_path / "models" / "gnn-empty").mkdir()
    assert registry.infos() == []
    with pytest.raises(NotFound):
        registry.load("gnn-empty")
    assert registry.save(lively_model(), FACTS) == version
    assert torch.equal(logits(registry.load(version)), logits(lively_model()))


@pytest.mark.parametrize("version", ["gnn-000000000000", "", "active", "../models", "gnn-/../gnn-1"])
def test_an_unknown_version_is_not_found(registry: ModelRegistry, version: str) -> None:
    active = registry.save(lively_model(), FACTS)
    registry.activate(active)
    for call in (registry.load, registry.facts, registry.activate):
        with pytest.raises(NotFound) as error:
            call(version)
        assert error.value.details == {"model_version": version}
    assert registry.active() == active


def test_a_version_that_is_dropped_while_they_are_listed_is_left_out(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = [registry.save(lively_model(seed), FACTS) for seed in range(3)]
    registry.activate(versions[0])
    read = Path.read_text

    def raced(path: Path, *arguments: Any, **options: Any) -> str:
        if path.parent.name == versions[1]:
            shutil.rmtree(path.parent)
        return read(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", raced)
    assert {info.model_version for info in registry.infos()} == {versions[0], versions[2]}
    with pytest.raises(NotFound):
        registry.info(versions[1])


def test_another_process_may_drop_the_same_version(registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(5):
        last = registry.save(lively_model(seed), FACTS)
    rename = Path.rename

    def raced(path: Path, target: Path) -> Path:
        if target.suffix == ".old":
            shutil.rmtree(path)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", raced)
    registry.activate(last)
    assert len(registry.infos()) in (3, 4)
    assert registry.active() == last


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "weights.safetensors").write_bytes(save(lively_network(9).state_dict())),
        lambda folder: (folder / "weights.safetensors").write_bytes(b"damaged"),
        lambda folder: (folder / "model.json").write_text((folder / "model.json").read_text().replace("0.5", "0.6")),
        lambda folder: (folder / "model.json").write_bytes(b"{"),
        lambda folder: (folder / "model.json").write_bytes(b"{}"),
        lambda folder: (folder / "model.json").write_bytes(b"[]"),
        lambda folder: (folder / "model.json").write_text((folder / "model.json").read_text().replace("labels", "x")),
    ],
)
def test_a_model_whose_content_is_not_what_it_is_named_after_is_refused(
    registry: ModelRegistry, tmp_path: Path, damage: Callable[[Path], int]
) -> None:
    version = registry.save(lively_model(1), FACTS)
    damage(tmp_path / "models" / version)
    with pytest.raises(Conflict, match=f"Model {version} is damaged.*train again") as error:
        registry.load(version)
    assert error.value.details == {"model_version": version}

    other = registry.save(lively_model(2), FACTS)
    registry.activate(other)
    assert other in {info.model_version for info in registry.infos()}, "the others can be listed and served"
    assert registry.save(lively_model(1), FACTS) == version
    assert torch.equal(logits(registry.load(version)), logits(lively_model(1))), "equal training mends it"


def test_an_active_file_that_is_no_text_names_no_model(registry: ModelRegistry, tmp_path: Path) -> None:
    version = registry.save(lively_model(), FACTS)
    (tmp_path / "models" / "active").write_bytes(b"\xff\xfe")
    assert [info.active for info in registry.infos()] == [False]
    registry.activate(version)
    assert registry.active() == version


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_not_finite_are_neither_saved_nor_loaded(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    weights, calibration = lively_model(1), replace(lively_model(2), calibration=Calibration(intercept=value))
    with torch.no_grad():
        weights.network.linear.weight[0, 3] = value
    for model in (weights, calibration):
        with pytest.raises(Internal, match="not finite"):
            registry.save(model, FACTS)
        assert registry.infos() == []
        with monkeypatch.context() as patch:
            patch.setattr("memreward_service.training.registry._is_finite", lambda _: True)
            version = registry.save(model, FACTS)
        with pytest.raises(Conflict, match=r"not finite numbers.*train again"):
            registry.load(version)
        shutil.rmtree(registry._folder / version)


def test_a_model_of_an_older_version_of_the_features_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match=rf"reads {len(FEATURES) - 1} features.*train again"):
        ModelRegistry(tmp_path / "models", kept=2).load(save_older_model(tmp_path))


def test_a_version_says_why_it_was_taken_and_which_queries_it_learned_from(registry: ModelRegistry) -> None:
    intervals = TrustIntervals(Interval(0.8, 0.95), None, Interval(0.0, 0.1))
    version = registry.save(lively_model(1), FACTS, Note("Refused: worse.", intervals, 170), ["q2", "q1"])
    assert registry.learned(version) == {"q1", "q2"}
    assert registry.note(version) == Note("Refused: worse.", intervals, 170)
    assert (registry.info(version).reason, registry.info(version).intervals) == ("Refused: worse.", intervals)
    again = registry.save(lively_model(1), FACTS, Note("Taken: asked for.", intervals, 171), ["q2", "q1"])
    assert again == version
    assert registry.info(version).reason == "Taken: asked for."


def test_a_version_of_before_says_nothing_of_that(registry: ModelRegistry) -> None:
    version = registry.save(lively_model(1), FACTS)
    assert (registry.learned(version), registry.note(version)) == (None, None)
    assert (registry.info(version).reason, registry.info(version).intervals) == (None, None)
