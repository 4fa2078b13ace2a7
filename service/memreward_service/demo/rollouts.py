"""The demo's rollout files: one whose labels the service gets, one whose labels stay here as the truth."""

from __future__ import annotations

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


def draw_rollouts(seed: int, queries: int = QUERIES) -> list[FileQuery]:
    """`queries` distinct problems with 8 rollouts each, in random order; the same for the same seed."""
    random = Random(seed)
    drawn: dict[str, FileQuery] = {}
    while len(drawn) < queries:
        problem = draw_problem(random, TEMPLATES[len(drawn) % len(TEMPLATES)])
        if problem.text not in drawn:
            drawn[problem.text] = _attempted(problem, f"demo-{len(drawn):03d}", random)
    ordered = list(drawn.values())
    random.shuffle(ordered)
    return ordered


def write_demo_files(folder: Path, seed: int) -> tuple[Path, Path]:
    """Write labelled.jsonl (a fifth of the queries) and asked.jsonl (the rest, truth in `label`)."""
    queries = draw_rollouts(seed)
    labelled = int(len(queries) * LABELLED_SHARE)
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "labelled.jsonl", folder / "asked.jsonl"
    write_rollout_file(paths[0], queries[:labelled])
    write_rollout_file(paths[1], queries[labelled:])
    return paths


def _attempted(problem: WordProblem, query_id: str, random: Random) -> FileQuery:
    """The problem with what every policy makes of it; right is what ends in the true answer."""
    hardness = random.gauss(0, HARDNESS_SPREAD)
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
