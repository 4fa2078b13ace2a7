"""How well the agreement of behaviours separates right programs from wrong ones, on labelled rollouts.

    python -m memreward_trainer.behaviour.quality humaneval.jsonl.gz --rollouts 8

prints the AUC over all rollouts and the mean AUC inside the groups that hold both labels. Labels are only used to
measure. The constants of behaviour/run.py and behaviour/inputs.py were chosen on the even queries of HumanEval (half).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from memreward_client.files.rollouts import read_rollout_file
from memreward_service.belief.metrics import auc, within_group_auc
from memreward_service.groups.behaviour import ComparedBehaviour, compared
from memreward_trainer.behaviour.run import rollout_behaviour
from memreward_trainer.sandbox.isolation import Isolation
from memreward_trainer.sandbox.sandbox import LocalSandbox


@dataclass(frozen=True, slots=True)
class LabelledGroup:
    """The labels of one group beside what the service makes of its behaviours."""

    labels: tuple[float, ...]
    compared: tuple[ComparedBehaviour | None, ...]

    def key_shares(self) -> list[float]:
        """Share of the group with the same key; 0 without a key."""
        counts = Counter(one.key for one in self.compared if one is not None)
        return [
            counts[one.key] / len(self.compared) if one is not None and one.key is not None else 0.0
            for one in self.compared
        ]

    def agreements(self) -> list[float]:
        """Partial agreement with the group; 0 where no behaviour is known."""
        return [0.0 if one is None else one.agreement for one in self.compared]


MEASURES: dict[str, Callable[[LabelledGroup], list[float]]] = {
    "share of the same key": LabelledGroup.key_shares,
    "agreement": LabelledGroup.agreements,
    "share + agreement": lambda group: list(map(sum, zip(group.key_shares(), group.agreements(), strict=True))),
}
"""What is compared with the labels."""


def report(groups: Sequence[LabelledGroup]) -> Table:
    """A table: measures by halves of the groups."""
    table = Table("measure", "even queries", "odd queries", "all queries", title="AUC (inside the group)")
    for name, measure in MEASURES.items():
        cells = []
        for part in (groups[0::2], groups[1::2], groups):
            truth = np.array([label >= 0.5 for group in part for label in group.labels])
            scores = np.array([score for group in part for score in measure(group)])
            places = np.repeat(np.arange(len(part)), [len(group.labels) for group in part])
            cells.append(f"{auc(truth, scores):.3f} ({within_group_auc(truth, scores, places):.3f})")
        table.add_row(name, *cells)
    return table


def main(
    file: Annotated[Path, typer.Argument(help="Labelled rollouts of programs, JSON Lines, plain or .gz.")],
    rollouts: Annotated[int, typer.Option(help="The first so many rollouts of a query.")] = 8,
    isolation: Annotated[Isolation, typer.Option(help="How programs are isolated.")] = Isolation.AUTO,
) -> None:
    """Print the AUC of the agreement of behaviours on FILE."""
    asyncio.run(_measure(file, rollouts, isolation))


async def _measure(file: Path, rollouts: int, isolation: Isolation) -> None:
    sandbox, console = LocalSandbox(isolation), Console()
    groups, seconds = [], 0.0
    for query in track(list(read_rollout_file(file)), "running programs", console=Console(stderr=True)):
        kept = query.rollouts[:rollouts]
        if any(one.label is None for one in kept):
            raise typer.BadParameter(f"The query {query.id} has rollouts without a label: label all of them.")
        start = time.monotonic()
        found = await asyncio.gather(*(rollout_behaviour(query.query, one.response, sandbox) for one in kept))
        seconds += time.monotonic() - start
        groups.append(LabelledGroup(tuple(one.label or 0.0 for one in kept), tuple(compared(found))))
    console.print(report(groups))
    console.print(f"{len(groups)} queries, isolation {sandbox.isolation}, {seconds / len(groups):.2f} s a query")


if __name__ == "__main__":
    typer.run(main)
