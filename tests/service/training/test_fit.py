"""Warm-up training: it learns, it repeats, no label leaks, it keeps the best."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from memreward_proto.errors import Internal, NotEnoughLabels
from memreward_proto.records import Domain, Group
from memreward_service.belief.metrics import auc
from memreward_service.groups.batch import GroupBatch
from memreward_service.network.attachment import nearest
from memreward_service.network.gnn import Attachment, ModelConfig, RewardGNN
from memreward_service.network.graph import experience_graph
from memreward_service.network.trained import TrainedModel
from memreward_service.training import fit
from memreward_service.training.fit import MIN_QUERIES, train_best
from memreward_service.training.task import FOLDS, TrainingSet, TrainingTask, split
from service.hash_encoder import DIMENSION
from service.synthetic_groups import RULE, batch_of, flipped, lively_network, synthetic_group, with_labels


def training_set(groups: list[Group]) -> TrainingSet:
    return TrainingSet(batch_of(groups), torch.zeros(len(groups), dtype=torch.int64))


def trained(groups: list[Group], seed: int = 0, seeds: int = 1, epochs: int = 60) -> TrainedModel:
    return train_best(
        training_set(groups), RULE, seeds=seeds, epochs=epochs, seed=seed, threshold=0.5, label_noise=0.002
    ).model


@pytest.fixture(scope="module")
def groups() -> list[Group]:
    return [synthetic_group(i) for i in range(60)]


@pytest.fixture(scope="module")
def model(groups: list[Group]) -> TrainedModel:
    return trained(groups)


def auc_without_memory(network: RewardGNN, unseen: list[Group]) -> float:
    batch = batch_of(unseen)
    nothing = Attachment(torch.empty(0, 32), torch.empty(2, 0, dtype=torch.int64), torch.empty(0))
    with torch.no_grad():
        logits = network.eval()(experience_graph(batch), nothing)
    return auc(batch.label.numpy() >= 0.5, logits.double().numpy())


def test_it_learns_what_agreement_tells(model: TrainedModel) -> None:
    assert auc_without_memory(model.network, [synthetic_group(1000 + i) for i in range(60)]) > 0.95
    assert model.metrics["auc"] > 0.85
    assert model.metrics["rollouts"] == 12 * 6, "the figures are those of the held-out fifth"
    assert model.calibration.slope > 0
    assert model.rule == RULE


def test_it_learns_the_contrary_of_what_an_untrained_network_believes(groups: list[Group]) -> None:
    unseen = [flipped(synthetic_group(1000 + i)) for i in range(60)]
    torch.manual_seed(0)
    untrained = [auc_without_memory(RewardGNN(ModelConfig(dimension=DIMENSION)), unseen) for _ in range(5)]
    assert max(untrained) < 0.1
    assert auc_without_memory(trained([flipped(group) for group in groups]).network, unseen) > 0.9


def test_two_runs_with_one_seed_are_equal(groups: list[Group], model: TrainedModel) -> None:
    torch.rand(3)
    again, other = trained(groups), trained(groups, seed=1)
    weights, more, others = (m.network.state_dict() for m in (model, again, other))
    assert all(torch.equal(weights[name], more[name]) for name in weights)
    assert (again.calibration, again.metrics) == (model.calibration, model.metrics)
    assert not torch.equal(weights["linear.weight"], others["linear.weight"])


def test_the_network_is_ready_to_serve(model: TrainedModel) -> None:
    assert not any(module.training for module in model.network.modules())
    assert not any(parameter.requires_grad for parameter in model.network.parameters())


def test_progress_rises_to_one_and_may_stop_the_training(groups: list[Group]) -> None:
    heard: list[float] = []
    data = training_set(groups[:12])
    train_best(data, RULE, seeds=2, epochs=3, seed=0, threshold=0.5, label_noise=0.002, progress=heard.append)
    assert heard == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1])

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_best(data, RULE, seeds=2, epochs=3, seed=0, threshold=0.5, label_noise=0.002, progress=stop)


def test_too_few_labelled_queries(groups: list[Group]) -> None:
    hidden = [with_labels(g, [None] * 6) for g in groups[MIN_QUERIES - 1 :]]
    with pytest.raises(NotEnoughLabels) as error:
        trained([*groups[: MIN_QUERIES - 1], *hidden])
    assert error.value.details == {"labelled_queries": MIN_QUERIES - 1, "needed": MIN_QUERIES}
    trained(groups[:MIN_QUERIES], epochs=1)


@pytest.mark.parametrize(("label", "kind"), [(1.0, "right"), (0.0, "wrong")])
def test_labels_of_one_kind_teach_nothing(groups: list[Group], label: float, kind: str) -> None:
    same = [with_labels(g, [label] * 6) for g in groups[:20]]
    with pytest.raises(NotEnoughLabels, match=f"All 120 labelled rollouts are {kind}"):
        trained(same)


def test_no_label_reaches_the_prediction_of_its_group(model: TrainedModel, groups: list[Group]) -> None:
    """Whatever the labels of a new group are, its logits are the same; those of its neighbours do count."""
    memory, new = batch_of(groups[:30]), batch_of(groups[30:])
    domain = torch.zeros(30, dtype=torch.int64)
    neighbors = nearest(new.query_vectors, domain, memory.query_vectors, domain, RULE)
    assert neighbors.valid.any()

    def logits(memory: GroupBatch, new: GroupBatch) -> Tensor:
        return TrainingTask(torch.arange(30), memory, new, neighbors, neighbors).held_out_logits(model.network)

    said = logits(memory, new)
    assert torch.equal(said, logits(memory, replace(new, label=1 - new.label)))
    assert torch.equal(said, logits(memory, replace(new, label=torch.full_like(new.label, torch.nan))))
    assert not torch.allclose(said, logits(replace(memory, label=1 - memory.label), new))


def test_a_network_that_rewards_nothing_is_not_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most answers are wrong here: who says so of all of them has no false positive, and an AUC near 0.5."""
    chance, groups = random.Random(0), [synthetic_group(i, domain=Domain.TEXT) for i in range(60)]
    labels = [[float(chance.random() < (0.02 if r.label else 0.6)) for r in group.rollouts] for group in groups]
    wrong = [with_labels(group, given) for group, given in zip(groups, labels, strict=True)]
    good, silent = trained(wrong, epochs=40).network, RewardGNN(ModelConfig(dimension=DIMENSION)).eval()
    torch.nn.init.zeros_(silent.linear.weight)
    torch.nn.init.zeros_(silent.read_answer.bias)
    data = training_set(wrong)
    task = split(data, RULE, 0, 0)
    figures = [
        fit._finished(network, [fit._Run(task, network, 0.0)], data.batch, RULE, 0.5, 0.002).model.metrics
        for network in (silent, good)
    ]
    assert figures[0]["false_positive_rate"] == 0.0 < figures[1]["false_positive_rate"]
    assert figures[0]["auc"] < 0.55 < 0.8 < figures[1]["auc"]
    runs = iter([good, silent, good, silent])

    def run(task: TrainingTask, *arguments: object) -> fit._Run:
        network = next(runs)
        return fit._Run(task, network, task.held_out_loss(network))

    monkeypatch.setattr(fit, "_train", run)
    for _ in range(2):
        assert trained(wrong, seeds=2).network is good


def test_every_run_has_a_seed_of_its_own(groups: list[Group], monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []

    def run(task: TrainingTask, epochs: int, seed: int, *arguments: object) -> fit._Run:
        seeds.append(seed)
        return fit._Run(task, lively_network(), 1.0)

    monkeypatch.setattr(fit, "_train", run)
    trained(groups, seed=2, seeds=4)
    trained(groups, seed=3, seeds=4)
    assert len(set(seeds)) == 8


def test_runs_hold_out_different_queries_and_figures_rest_on_all_of_them(groups: list[Group]) -> None:
    data = training_set(groups)
    parts = [split(data, RULE, 0, fold).chosen.tolist() for fold in range(FOLDS)]
    assert sorted(query for part in parts for query in part) == list(range(60))
    assert trained(groups, seeds=3, epochs=5).metrics["rollouts"] == 36 * 6
    assert trained(groups, seeds=FOLDS + 1, epochs=1).metrics["rollouts"] == 60 * 6


def test_logits_of_queries_are_of_networks_that_held_them_out(groups: list[Group]) -> None:
    """Seeds beyond the folds hold a fold out again: their logits are the mean."""
    data, networks = training_set(groups), [lively_network(seed) for seed in range(3)]
    runs = [fit._Run(split(data, RULE, 0, fold), networks[at], 0.0) for at, fold in enumerate((0, 1, 1))]
    chosen, logits = fit._cross_fitted(runs, data.batch)
    assert len(chosen) == 24
    own = [run.task.held_out_logits(run.network).double() for run in runs]
    expected = torch.zeros(len(data.batch.group), dtype=torch.float64)
    expected[torch.isin(data.batch.group, runs[0].task.chosen)] = own[0]
    expected[torch.isin(data.batch.group, runs[1].task.chosen)] = (own[1] + own[2]) / 2
    assert torch.equal(logits, expected[expected != 0])


def test_the_loss_of_a_network_that_says_the_base_rate_is_zero(groups: list[Group]) -> None:
    task = split(training_set(groups), RULE, 0, 0)
    silent = RewardGNN(ModelConfig(dimension=DIMENSION)).eval()
    for parameter in (silent.linear.weight, silent.read_answer.bias):
        torch.nn.init.zeros_(parameter)
    torch.nn.init.constant_(silent.linear.bias, float(torch.logit(task.held_out.label.mean())))
    assert task.held_out_loss(silent) == pytest.approx(0, abs=1e-6)


def test_training_ends_when_held_out_queries_say_so_and_keeps_the_best_weights(
    groups: list[Group], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels by chance: there is nothing to learn from but noise."""
    chance = random.Random(0)
    noise = [with_labels(group, [float(chance.random() < 0.5) for _ in group.rollouts]) for group in groups]
    task = split(training_set(noise), RULE, 0, 0)
    losses: list[float] = []
    look = TrainingTask.held_out_loss

    def noted(self: TrainingTask, network: RewardGNN) -> float:
        losses.append(look(self, network))
        return losses[-1]

    monkeypatch.setattr(TrainingTask, "held_out_loss", noted)
    heard: list[float] = []
    run = fit._train(task, 400, 0, None, heard.append)
    assert len(losses) < 40
    assert losses.index(min(losses)) == len(losses) - 1 - fit.PATIENCE
    assert run.loss == min(losses) == look(task, run.network)
    assert (len(heard), heard[-1]) == (5 * len(losses), 1.0)


def test_a_training_that_gives_no_numbers_fails(groups: list[Group], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "RANKING_WEIGHT", math.nan)
    with pytest.raises(Internal, match="did not converge"):
        trained(groups, seeds=2, epochs=6)


def test_thinned_groups_have_every_size_and_keep_a_known_label() -> None:
    groups = [synthetic_group(n) for n in range(200)]
    groups = [with_labels(g, [None] * 5 + [g.rollouts[5].label]) for g in groups]
    batch = batch_of(groups)
    new = fit.thinned(batch, torch.Generator().manual_seed(0))
    size = torch.bincount(new.group, minlength=new.groups)
    assert new.groups == 200
    assert set(size.tolist()) == {1, 2, 3, 4, 5, 6}
    assert 90 < int((size == 6).sum()) < 150
    assert torch.bincount(new.group[new.known], minlength=new.groups).tolist() == [1] * 200


def test_a_group_of_another_size_than_all_training_groups_is_scored_sensibly(model: TrainedModel) -> None:
    """Trained on groups of six: three equal answers of three are likelier right than one that stands alone."""
    batch = batch_of([with_labels(synthetic_group(n, size=3), [None] * 3) for n in range(900, 960)])
    nothing = Attachment(torch.zeros(0, 32), torch.zeros(2, 0, dtype=torch.int64), torch.zeros(0))
    with torch.inference_mode():
        graph = experience_graph(batch)
        share = graph["answer"].features[:, 0].clone()
        probability = model.calibration.probability(model.network(graph, nothing))
    agreed, alone = probability[share > 0.9].mean(), probability[share < 0.4].mean()
    assert agreed > 0.6
    assert alone < 0.5
