"""How often the verifiers agree with the labels of rollout files.

    python -m memreward_trainer.verifiers.agreement gsm8k.jsonl.gz commonsenseqa.jsonl.gz humaneval.jsonl.gz

prints a table, and with `--list` every rollout on which they differ, with the verifier's reason.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from memreward_client import Domain
from memreward_client.files.rollouts import FileQuery, read_rollout_file
from memreward_trainer.sandbox.isolation import Isolation
from memreward_trainer.sandbox.sandbox import LocalSandbox
from memreward_trainer.verifiers.choice_verifier import ChoiceVerifier
from memreward_trainer.verifiers.code_verifier import CodeVerifier
from memreward_trainer.verifiers.math_verifier import MathVerifier
from memreward_trainer.verifiers.text_verifier import TextVerifier
from memreward_trainer.verifiers.verdicts import Attempt, Verdict, Verifier


def main(
    files: Annotated[list[Path], typer.Argument(help="Labelled rollouts, JSON Lines, plain or .gz.")],
    list_differences: Annotated[bool, typer.Option("--list", help="Print every rollout on which they differ.")] = False,
    isolation: Annotated[Isolation, typer.Option(help="How programs are isolated.")] = Isolation.AUTO,
) -> None:
    """Print how often the verifiers agree with the labels of FILES."""
    asyncio.run(_measure(files, list_differences, isolation))


async def _measure(files: list[Path], list_differences: bool, isolation: Isolation) -> None:
    console = Console()
    table = Table("file", "rollouts", "agree", "wrong, label right", "right, label wrong", "cannot say")
    async with MathVerifier() as math:
        code = CodeVerifier(LocalSandbox(isolation))
        verifiers: dict[str, Verifier] = {"math": math, "qa": ChoiceVerifier(), "code": code, "text": TextVerifier()}
        for file in files:
            counts: Counter[tuple[float | None, float | None]] = Counter()
            for query in track(list(read_rollout_file(file)), file.name, console=Console(stderr=True)):
                for place, label, verdict in await verdicts_of(query, verifiers):
                    counts[label, verdict.label] += 1
                    if list_differences and verdict.label != label:
                        console.print(f"{query.id} rollout {place}: label {label}, {verdict.ruling}: {verdict.reason}")
            total, agree = counts.total(), counts[1.0, 1.0] + counts[0.0, 0.0]
            unsure = sum(count for (_, found), count in counts.items() if found is None)
            shown = (total, f"{agree / max(1, total):.2%}", counts[1.0, 0.0], counts[0.0, 1.0], unsure)
            table.add_row(file.name, *map(str, shown))
    console.print(table)


async def verdicts_of(query: FileQuery, verifiers: Mapping[str, Verifier]) -> list[tuple[int, float, Verdict]]:
    """(place, label, verdict) of every labelled rollout of a query."""
    labelled = [(place, one) for place, one in enumerate(query.rollouts) if one.label is not None]
    domain = Domain(query.domain or "text")
    attempts = [
        Attempt(query.query, one.response, domain, one.answer, query.ground_truth, query.tests or ())
        for _, one in labelled
    ]
    verdicts = await asyncio.gather(*(verifiers[domain].verify(attempt) for attempt in attempts))
    return [(place, float(one.label or 0), verdict) for (place, one), verdict in zip(labelled, verdicts, strict=True)]


if __name__ == "__main__":
    typer.run(main)
