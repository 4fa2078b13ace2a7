"""`memreward rewards`: the rewards of a rollout file's rollouts, beside the truth if the file has it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from memreward_client.cli.progress import track
from memreward_client.client import RewardClient
from memreward_client.files.atomic import atomic_file
from memreward_client.files.convert import batches, group_of
from memreward_client.files.rollouts import FileQuery, read_rollout_file
from memreward_proto.records import Explanation, ScoredGroup

GROUPS_PER_CALL = 16
RIGHT = 0.5
"""A label or a soft reward from here on counts as right."""


@dataclass(frozen=True, slots=True)
class PredictedGroup:
    """A query of the file with the service's answer for its group; rollouts are in the same order in both."""

    query: FileQuery
    scored: ScoredGroup
    model_version: str
    memory_version: int


@dataclass(frozen=True, slots=True)
class TruthSummary:
    """Rewards beside the truth. Shares are None if nothing was compared.

    `compared` rollouts have a reward of the model and a label; `right` is the share of them whose reward says
    what the label says, `false_positive_rate` the share of the wrong ones among them that are rewarded.
    """

    compared: int
    right: float | None
    false_positive_rate: float | None


def predict_file(
    client: RewardClient, path: Path, *, with_labels: bool = False, explain: bool = False
) -> Iterator[PredictedGroup]:
    """Ask for the rewards of every group of a rollout file, without its labels unless `with_labels`.

    Raises RolloutFileError and OSError before anything is sent, MemRewardError.
    """
    total = sum(1 for _ in read_rollout_file(path))
    done = 0
    with track("scoring", total, "groups") as progress:
        for queries in batches(read_rollout_file(path), GROUPS_PER_CALL):
            groups = [group_of(query, str(place), with_labels=with_labels) for place, query in enumerate(queries)]
            answer = client.score(groups, explain=explain)
            for query, scored in zip(queries, answer.groups, strict=True):
                yield PredictedGroup(query, scored, answer.model_version, answer.memory_version)
            done += len(queries)
            progress.reached(done)


def summarise_truth(groups: Sequence[PredictedGroup]) -> TruthSummary:
    """Compare the model's rewards with the file's labels; rewards that only repeat a label are left out."""
    compared = [
        (prediction.reward >= RIGHT, rollout.label >= RIGHT)
        for group in groups
        for rollout, prediction in zip(group.query.rollouts, group.scored.rollouts, strict=True)
        if rollout.label is not None and prediction.reward is not None and prediction.source != "label"
    ]
    wrong = [rewarded for rewarded, right in compared if not right]
    return TruthSummary(
        compared=len(compared),
        right=sum(rewarded == right for rewarded, right in compared) / len(compared) if compared else None,
        false_positive_rate=sum(wrong) / len(wrong) if wrong else None,
    )


def rewards_view(group: PredictedGroup, *, explain: bool = False) -> Group:
    """A query and a table of its rollouts: what was predicted, and the truth if a label is known."""
    table = Table(*("answer", "reward", "probability", "status", "truth"), box=SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[1:3]:
        column.justify = "right"
    if explain:
        table.add_column("agreement", justify="right")
        table.add_column("known right/wrong", justify="right")
    for rollout, prediction in zip(group.query.rollouts, group.scored.rollouts, strict=True):
        explanation = prediction.explanation
        answer = explanation.answer if explanation else rollout.answer
        cells = [
            clip(answer, 24) if answer is not None else clip_start(last_line(rollout.response), 24),
            number(prediction.reward),
            number(prediction.probability),
            prediction.status,
            number(rollout.label),
        ]
        table.add_row(*map(Text, cells + (_explanation_cells(explanation) if explain else [])))
    return Group(Text(clip(group.query.query, 240)), table, *map(Text, _reasons(group)))


def write_predictions(path: Path, groups: Iterable[PredictedGroup]) -> list[PredictedGroup]:
    """One JSON line a group: the versions, the query, and for each rollout its prediction and known label.

    Returns the groups. The file is opened before the first one is asked for. Raises OSError.
    """
    written: list[PredictedGroup] = []
    with atomic_file(path) as file:
        for group in groups:
            rollouts = [
                {"policy": rollout.policy, "label": rollout.label, **asdict(prediction)}
                for rollout, prediction in zip(group.query.rollouts, group.scored.rollouts, strict=True)
            ]
            line = {
                "id": group.query.id,
                "dataset": group.query.dataset,
                "query": group.query.query,
                "model_version": group.model_version,
                "memory_version": group.memory_version,
                "rollouts": rollouts,
                "neighbors": [asdict(neighbor) for neighbor in group.scored.neighbors],
            }
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
            written.append(group)
    return written


def last_line(response: str) -> str:
    """The last line of a response that is not blank: where the final answer usually is."""
    lines = response.split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def clip(text: str, width: int) -> str:
    """`text` on one line of at most `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def clip_start(text: str, width: int) -> str:
    """`text` on one line of at most `width` characters, the last ones."""
    line = " ".join(text.split())
    return line if len(line) <= width else "…" + line[1 - width :]


def number(value: float | None) -> str:
    """A number for a table: two decimals if it has any, a dash for None."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value in (0, 1) else f"{value:.2f}"


def _reasons(group: PredictedGroup) -> list[str]:
    """Why the rewards are what they are: a line for each answer and what is true of it."""
    explanations = [prediction.explanation for prediction in group.scored.rollouts if prediction.explanation]
    reasons = [(clip(each.answer, 24) or "no answer", each.summary) for each in explanations if each.summary]
    return [f"{answer}: {why}" for answer, why in dict.fromkeys(reasons)]


def _explanation_cells(explanation: Explanation | None) -> list[str]:
    if explanation is None:
        return ["", ""]
    known = f"{explanation.same_key_right}/{explanation.same_key_wrong}"
    return [f"{explanation.agreement:.2f}", known]
