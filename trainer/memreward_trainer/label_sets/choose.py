"""Label sets: which queries of a data set have a reference answer, in the regime queries.

    {"seed": 0, "ratios": {"0.1": {"gsm8k": ["17", ...]}, "0.2": {"gsm8k": ["17", ..., "4", ...]}}}

Chosen by a digest of (seed, data set, id): the same on every machine, nested (a larger ratio holds all that a smaller
one does), and the same for a data set whatever others are chosen beside it. `memreward label-set` writes the file
(label_sets/files.py reads the ids), and trainers read it. Needs the standard library only.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from memreward_client.files.atomic import atomic_file


class LabelSetError(ValueError):
    """A label set cannot be made or read. The message says what to do."""


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The ids of the labelled queries by ratio and data set, each list in the order in which they were chosen."""

    seed: int
    ratios: Mapping[float, Mapping[str, tuple[str, ...]]]

    @classmethod
    def choose(cls, ids: Mapping[str, Iterable[str]], ratios: Sequence[float], seed: int) -> LabelSet:
        """The label set of data sets with these ids: round(ratio * n) of the n ids of each. `ratios` are in (0, 1]."""
        ordered = {dataset: _in_order(set(ids[dataset]), dataset, seed) for dataset in sorted(ids)}
        return cls(
            seed,
            {
                ratio: {dataset: chosen[: round(ratio * len(chosen))] for dataset, chosen in ordered.items()}
                for ratio in sorted(set(ratios))
            },
        )

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> LabelSet:
        """The label set of a file.

        Raises:
            LabelSetError: the file cannot be read, or holds no label set.
        """
        try:
            return _parsed(json.loads(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise LabelSetError(
                f"The label set {path} cannot be read ({error.strerror or error}): name a file that every machine with "
                "reward workers has."
            ) from error
        except ValueError as error:
            raise LabelSetError(f"{path} holds no label set ({error}): make one by memreward label-set.") from error

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all. Raises OSError."""
        ratios = {repr(ratio): chosen for ratio, chosen in self.ratios.items()}
        with atomic_file(path) as file:
            file.write(json.dumps({"seed": self.seed, "ratios": ratios}, ensure_ascii=False).encode() + b"\n")

    def at(self, ratio: float) -> dict[str, frozenset[str]]:
        """The labelled ids by data set at one of its ratios.

        Raises:
            LabelSetError: it was not made with that ratio.
        """
        for known, chosen in self.ratios.items():
            if math.isclose(known, ratio):
                return {dataset: frozenset(ids) for dataset, ids in chosen.items()}
        raise LabelSetError(
            f"The label set has no ratio {ratio!r}: use one of {', '.join(map(repr, self.ratios))}, or make it anew "
            "by memreward label-set --ratios."
        )


def parse_ratios(text: str) -> list[float]:
    """The ratios in "0.1,0.2".

    Raises:
        LabelSetError: it holds something else, or what is no share of a whole.
    """
    try:
        ratios = [float(ratio) for ratio in text.split(",")]
    except ValueError:
        ratios = []
    if not ratios or not all(0 < ratio <= 1 for ratio in ratios):
        raise LabelSetError(f"{text!r} is no list of shares above 0 and up to 1: write it like 0.1,0.2.")
    return ratios


def _in_order(ids: set[str], dataset: str, seed: int) -> tuple[str, ...]:
    def digest(query_id: str) -> bytes:
        # JSON keeps the parts apart; its ASCII form takes any Python string.
        return hashlib.sha256(json.dumps([seed, dataset, query_id]).encode("ascii")).digest()

    return tuple(sorted(ids, key=digest))


def _parsed(record: object) -> LabelSet:
    """Raises ValueError with what is wrong."""
    if not isinstance(record, dict) or not isinstance(record.get("ratios"), dict):
        raise ValueError("it has no object named ratios")
    seed = record.get("seed")
    if not isinstance(seed, int):
        raise ValueError("its seed is not a whole number")
    ratios: dict[float, dict[str, tuple[str, ...]]] = {}
    for ratio, datasets in record["ratios"].items():
        if not isinstance(datasets, dict):
            raise ValueError(f"ratio {ratio} is not an object of data sets")
        for dataset, ids in datasets.items():
            if not isinstance(ids, list) or not all(isinstance(query_id, str) for query_id in ids):
                raise ValueError(f"data set {dataset} of ratio {ratio} is not a list of ids, which are strings")
        ratios[float(ratio)] = {dataset: tuple(ids) for dataset, ids in datasets.items()}
    return LabelSet(seed, ratios)
