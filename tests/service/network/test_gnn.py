"""Batch independence, equivariance, and the one direction in which messages flow."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from memreward_proto.errors import Conflict
from memreward_proto.records import Domain, Group, Rollout
from memreward_service.groups.batch import GroupBatch
from memreward_service.groups.features import FEATURES
from memreward_service.network.gnn import Attachment, ModelConfig, RewardGNN
from memreward_service.network.graph import experience_graph
from service.synthetic_groups import batch_of, lively_network, synthetic_group


@pytest.fixture(scope="module")
def network() -> RewardGNN:
    return lively_network()


def states(network: RewardGNN, groups: list[Group]) -> Tensor:
    batch = batch_of(groups)
    return network.memory_states(experience_graph(batch, with_labels=True))


def attachment_of(states: Tensor, edges: list[tuple[int, int, float]]) -> Attachment:
    index = torch.tensor([(row, new) for row, new, _ in edges], dtype=torch.int64).reshape(-1, 2).T
    return Attachment(states, index, torch.tensor([similarity for *_, similarity in edges], dtype=torch.float32))


def logits(network: RewardGNN, batch: GroupBatch, attachment: Attachment) -> Tensor:
    return network(experience_graph(batch), attachment)


def mixed_groups() -> list[Group]:
    """Sizes 1 … 40, all domains, some labels shown."""
    domains = list(Domain)
    groups = [synthetic_group(size, size, domains[size % 4]) for size in range(1, 41)]
    return [
        replace(g, rollouts=tuple(replace(r, label=r.label if i % 3 == 0 else None) for i, r in enumerate(g.rollouts)))
        for g in groups
    ]


def test_a_group_alone_is_scored_as_in_any_batch(network: RewardGNN) -> None:
    groups = mixed_groups()
    memory = states(network, [synthetic_group(100 + i) for i in range(9)])
    edges = [[(row, 0.9 - row / 10) for row in range(new % 5)] for new in range(len(groups))]
    together = attachment_of(memory, [(row, new, s) for new, near in enumerate(edges) for row, s in near])
    batch = batch_of(groups)
    in_batch = logits(network, batch, together)
    assert in_batch.std() > 0.1
    for new, group in enumerate(groups):
        alone = logits(network, batch_of([group]), attachment_of(memory, [(row, 0, s) for row, s in edges[new]]))
        assert torch.allclose(in_batch[batch.group == new], alone, atol=1e-5, rtol=1e-5), f"group of {new + 1}"


def test_the_order_of_the_groups_changes_nothing(network: RewardGNN) -> None:
    groups = mixed_groups()[:12]
    batch, backwards = batch_of(groups), batch_of(groups[::-1])
    nothing = attachment_of(torch.empty(0, 32), [])
    first, second = logits(network, batch, nothing), logits(network, backwards, nothing)
    for new in range(12):
        assert torch.allclose(first[batch.group == new], second[backwards.group == 11 - new], atol=1e-5)


@pytest.mark.parametrize("size", [2, 8, 33])
def test_permuted_rollouts_have_permuted_predictions(network: RewardGNN, size: int) -> None:
    group = synthetic_group(3, size)
    group = replace(group, rollouts=(*group.rollouts[:1], *(replace(r, label=None) for r in group.rollouts[1:])))
    order = torch.randperm(size, generator=torch.Generator().manual_seed(1))
    permuted = replace(group, rollouts=tuple(group.rollouts[i] for i in order))
    near = attachment_of(states(network, [synthetic_group(50)]), [(0, 0, 0.7)])
    first = logits(network, batch_of([group]), near)
    assert torch.allclose(first[order], logits(network, batch_of([permuted]), near), atol=1e-5)
    assert len(first.unique()) > size // 2


def test_a_memory_state_depends_on_its_own_group_and_labels_alone(network: RewardGNN) -> None:
    groups = [synthetic_group(i, 1 + i) for i in range(8)]
    together = states(network, groups)
    for place, group in enumerate(groups):
        assert torch.allclose(together[place], states(network, [group])[0], atol=1e-5)
    relabelled = replace(groups[5], rollouts=tuple(replace(r, label=1 - (r.label or 0.0)) for r in groups[5].rollouts))
    changed = states(network, [*groups[:5], relabelled, *groups[6:]])
    apart = (together - changed).abs().amax(1)
    assert apart[5] > 0.01
    assert (apart[torch.arange(8) != 5] < 1e-5).all()


def test_messages_flow_from_memory_to_the_new_query_only(network: RewardGNN) -> None:
    memory = states(network, [synthetic_group(i) for i in range(4)])
    before = memory.clone()
    new = batch_of([synthetic_group(20), synthetic_group(21)])
    alone = logits(network, new, attachment_of(memory, []))
    attached = logits(network, new, attachment_of(memory, [(0, 0, 0.8), (3, 0, 0.4)]))
    assert torch.equal(memory, before)
    assert (alone - attached)[new.group == 0].abs().max() > 1e-3, "memory is heard"
    assert torch.allclose(alone[new.group == 1], attached[new.group == 1], atol=1e-5), "by the attached one only"


def test_state_and_similarity_of_a_neighbour_count(network: RewardGNN) -> None:
    memory = states(network, [synthetic_group(i) for i in range(3)])
    new = batch_of([synthetic_group(20)])

    def scored(*edges: tuple[int, int, float]) -> Tensor:
        return logits(network, new, attachment_of(memory, list(edges)))

    first = scored((0, 0, 0.9), (1, 0, 0.2))
    assert (first - scored((0, 0, 0.2), (1, 0, 0.9))).abs().max() > 1e-4
    assert (first - scored((0, 0, 0.9), (2, 0, 0.2))).abs().max() > 1e-4
    assert torch.allclose(first, scored((1, 0, 0.2), (0, 0, 0.9)), atol=1e-5)


def test_a_feature_far_outside_the_training_range_is_bounded() -> None:
    network = lively_network()
    graph = experience_graph(batch_of([synthetic_group(1)]))
    graph["answer"].features = graph["answer"].features + 1e6
    nothing = Attachment(torch.zeros(0, 32), torch.zeros(2, 0, dtype=torch.int64), torch.zeros(0))
    assert network(graph, nothing).abs().max() < 100


def test_a_model_of_other_features_is_refused_with_what_to_do() -> None:
    with pytest.raises(Conflict, match=rf"{len(FEATURES) - 1} features .* {len(FEATURES)}: train again"):
        RewardGNN(ModelConfig(features=len(FEATURES) - 1))


def test_an_untrained_network_believes_in_agreement() -> None:
    batch = batch_of([replace(synthetic_group(3, 8), rollouts=tuple(Rollout("same") for _ in range(8)))])
    alone = batch_of([replace(synthetic_group(3, 8), rollouts=tuple(Rollout(f"other {n}") for n in range(8)))])
    nothing = attachment_of(torch.empty(0, 32), [])
    fresh = RewardGNN(ModelConfig(dimension=batch.query_vectors.shape[1])).eval()
    assert (logits(fresh, batch, nothing) > logits(fresh, alone, nothing) + 0.5).all()
