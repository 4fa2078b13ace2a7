"""Nearest queries: exact while small, graph search beyond, the same answers after a restart."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from memreward_service.arrays import Vectors
from memreward_service.memory.index import QueryIndex

D = 16


def unit(count: int, seed: int) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(count, D)).astype(np.float32)
    normed: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return normed


def filled(count: int, exact_limit: int, seed: int = 0) -> tuple[QueryIndex, Vectors]:
    """Rows 5, 6, 7 …, added in pieces."""
    index, vectors = QueryIndex(D, exact_limit), unit(count, seed)
    for start in range(0, count, 50):
        part = vectors[start : start + 50]
        index.add(np.arange(start, start + len(part)) + 5, part)
        index.settle(120)
    return index, vectors


def brute_force(vectors: Vectors, asked: Vectors, k: int) -> tuple[np.ndarray, np.ndarray]:
    cosine = asked @ vectors.T
    order = np.argsort(-cosine, axis=1)[:, :k]
    return order + 5, np.take_along_axis(cosine, order, 1)


def test_exact_search_is_brute_force() -> None:
    index, vectors = filled(400, exact_limit=1000)
    asked = unit(20, seed=1)
    rows, cosines = index.search(asked, 7)
    expected_rows, expected_cosines = brute_force(vectors, asked, 7)
    assert np.array_equal(rows, expected_rows)
    assert cosines == pytest.approx(expected_cosines, abs=1e-5)


def test_settled_vectors_are_found_and_none_is_lost() -> None:
    index, vectors = filled(1000, exact_limit=100)
    assert len(index) == 1000
    assert index._settled.ntotal >= 900, "the test is about the HNSW part"
    rows, cosines = index.search(vectors, 1)
    assert (rows[:, 0] == np.arange(1000) + 5).mean() > 0.99
    assert cosines[:, 0].min() > 0.5
    asked = unit(100, seed=2)
    found, expected = index.search(asked, 8)[0], brute_force(vectors, asked, 8)[0]
    recall = np.mean([len(set(a) & set(b)) / 8 for a, b in zip(found, expected, strict=True)])
    assert recall > 0.95


def test_both_parts_are_merged_in_order() -> None:
    index, vectors = filled(300, exact_limit=100)
    index.add(np.array([900, 901]), unit(2, seed=7))
    assert index._recent.ntotal >= 2
    every = np.concatenate([vectors, unit(2, seed=7)])
    rows, cosines = index.search(unit(2, seed=7), 5)
    assert rows[:, 0].tolist() == [900, 901]
    assert (np.diff(cosines, axis=1) <= 0).all()
    assert cosines == pytest.approx(brute_force(every, unit(2, seed=7), 5)[1], abs=1e-5)


def test_settle_moves_no_more_than_asked_and_nothing_while_small() -> None:
    index = QueryIndex(D, exact_limit=100)
    index.add(np.arange(100), unit(100, 0))
    assert index.settle(30) == 0
    index.add(np.array([100]), unit(1, 1))
    assert index.settle(30) == 30
    assert (index._settled.ntotal, index._recent.ntotal, len(index)) == (30, 71, 101)
    assert index.settle(1000) == 71
    assert index.settle(1000) == 0
    assert sorted(index.search(unit(1, 2), 101)[0][0].tolist()) == list(range(101))


@pytest.mark.parametrize("exact_limit", [50, 1000])
def test_a_saved_index_answers_the_same_and_goes_on(tmp_path: Path, exact_limit: int) -> None:
    index, _ = filled(330, exact_limit)
    index.add(np.array([800]), unit(1, 9))
    index.save(tmp_path / "math")
    loaded = QueryIndex(D, exact_limit)
    loaded.load(tmp_path / "math")
    assert sorted(loaded.rows().tolist()) == [*range(5, 335), 800]
    asked = unit(30, seed=3)
    for mine, theirs in zip(index.search(asked, 6), loaded.search(asked, 6), strict=True):
        assert np.array_equal(mine, theirs)
    assert len(loaded) == 331
    loaded.add(np.array([801]), unit(1, 10))
    loaded.settle(1000)
    assert loaded.search(np.concatenate([unit(1, 9), unit(1, 10)]), 1)[0].tolist() == [[800], [801]]


def test_fewer_than_k_and_none_at_all(tmp_path: Path) -> None:
    index = QueryIndex(D, 10)
    rows, cosines = index.search(unit(2, 0), 3)
    assert rows.tolist() == [[-1] * 3] * 2
    assert np.isneginf(cosines).all()
    index.save(tmp_path / "empty")
    loaded = QueryIndex(D, 10)
    loaded.load(tmp_path / "empty")
    assert len(loaded) == 0
    index.add(np.array([4, 9]), unit(2, 0))
    rows, cosines = index.search(unit(2, 0), 3)
    assert rows.tolist() == [[4, 9, -1], [9, 4, -1]]
    assert np.isneginf(cosines[:, 2]).all()
    assert index.search(unit(2, 0), 0)[0].shape == (2, 0)


def test_a_search_builds_nothing_as_long_as_the_index() -> None:
    index = QueryIndex(4, exact_limit=10)
    vectors = np.random.default_rng(0).normal(size=(40_000, 4)).astype(np.float32)
    index.add(np.arange(40_000), vectors)
    index.settle(40_000)
    index.search(vectors[:1], 8)
    tracemalloc.start()
    rows, _ = index.search(vectors[:1], 8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows.shape == (1, 8)
    assert peak < 40_000, "bytes: one array of all rows takes 320,000"
