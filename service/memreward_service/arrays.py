"""The two kinds of NumPy arrays that pass between rooms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Embeddings and states: one row each."""
Floats = NDArray[np.float64]
"""Probabilities, odds and figures."""
