"""The demo's rollout files: one whose labels the service gets, two whose labels stay here as the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

from memreward_client.files.rollouts import FileQuery, FileRollout, write_rollout_file
from memreward_service.demo.simulated_policy import POLICIES
from memreward_service.demo.templates import TEMPLATES
from memreward_service.demo.word_problems import WordProblem, draw_problem

QUERIES = 300
ROLLOUTS_PER_POLICY = 2
LABELLED_SHARE = 0.2
HARDNESS_SPREAD = 1.1
"""Standard deviation, in logits, of what one problem is harder or easier than its template."""


def draw_rollouts(seed: int, queries: int = QUERIES, *, again: int | None = None) -> list[FileQuery]:
    """`queries` distinct problems with 8 rollouts each, in random order; the same for the same seed.

    With `again`, another seed, the same problems in the same order with other rollouts of the same policies.
    """
    random = Random(seed)
    later = None if again is None else Random(again)
    drawn: dict[str, FileQuery] = {}
    while len(drawn) < queries:
        problem = draw_problem(random, TEMPLATES[len(drawn) % len(TEMPLATES)])
        if problem.text not in drawn:
            query_id, hardness = f"demo-{len(drawn):03d}", random.gauss(0, HARDNESS_SPREAD)
            drawn[problem.text] = _attempted(problem, query_id, hardness, random)
            if later is not None:
                drawn[problem.text] = _attempted(problem, query_id, hardness, later)
    ordered = list(drawn.values())
    random.shuffle(ordered)
    return ordered


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """`labelled`: a fifth of the queries, to learn from. `asked`: the others; their labels are the truth. `again`: the
    same others in a second epoch, with other rollouts."""

    labelled: Path
    asked: Path
    again: Path


def write_demo_files(folder: Path, seed: int) -> DemoFiles:
    """Write labelled.jsonl, asked.jsonl and again.jsonl."""
    queries, later = draw_rollouts(seed), draw_rollouts(seed, again=seed + 1)
    labelled = int(len(queries) * LABELLED_SHARE)
    folder.mkdir(parents=True, exist_ok=True)
    files = DemoFiles(folder / "labelled.jsonl", folder / "asked.jsonl", folder / "again.jsonl")
    write_rollout_file(files.labelled, queries[:labelled])
    write_rollout_file(files.asked, queries[labelled:])
    write_rollout_file(files.again, later[labelled:])
    return files


def _attempted(problem: WordProblem, query_id: str, hardness: float, random: Random) -> FileQuery:
    """The problem with what every policy makes of it; right is what ends in the true answer."""
    rollouts = []
    for policy in POLICIES * ROLLOUTS_PER_POLICY:
        response, answer = policy.respond(problem, hardness, random)
        rollouts.append(FileRollout(response, float(answer == problem.answer), policy.name))
    random.shuffle(rollouts)
    return FileQuery(
        query=problem.text,
        rollouts=tuple(rollouts),
        id=query_id,
        dataset="word-problems",
        domain="math",
        ground_truth=str(problem.answer),
    )
