"""What `memreward answers` does: how the answers of a rollout file are read, and where labels contradict that."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from memreward_client.files.convert import experience_of
from memreward_client.files.rollouts import read_rollout_file
from memreward_proto.errors import InvalidArgument
from memreward_proto.records import Experience
from memreward_service.answers.reading import Reading
from memreward_service.groups.batch import parse_groups
from memreward_service.groups.datasets import domain_of
from memreward_service.store import with_ids
from memreward_trainer.evaluation.program_behaviour import SandboxRunner, needs_behaviour, with_behaviour
from memreward_trainer.evaluation.stored_encoder import CACHE_FOLDER

SHOWN_ROWS = 40
"""Rows of a table on the screen, unless all are asked for."""
SHOWN_CHARACTERS = 60
"""Of an answer or a key, on the screen."""
RIGHT = 0.5
"""A label from here on says that the answer is right."""


@dataclass(frozen=True, slots=True)
class ReadRollout:
    """One rollout as it was read."""

    query_id: str
    place: int
    """Among the rollouts of its query, from 0."""
    domain: str
    reading: Reading
    label: float | None

    @property
    def right(self) -> bool | None:
        """What its label says, None without one."""
        return None if self.label is None else self.label >= RIGHT


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Rollouts of one query whose labels do not fit their keys."""

    query_id: str
    keys: tuple[str, ...]
    rollouts: tuple[ReadRollout, ...]


def answers(
    file: Path, *, disagree: bool, query_id: str | None, every: bool, output: Path | None, behaviour: bool
) -> None:
    """Print how the answers of `file` are read. Raises RolloutFileError, InvalidArgument."""
    console = Console()
    read = read_answers(_queries(file, behaviour, console))
    if query_id is not None and not (read := [one for one in read if one.query_id == query_id]):
        raise InvalidArgument(f"{file} has no query with the id {query_id!r}.", field="query")
    if output is not None:
        output.write_text("".join(json.dumps(_line(one), ensure_ascii=False) + "\n" for one in read), "utf-8")
    limit = len(read) if every or query_id is not None else SHOWN_ROWS
    if disagree:
        _print_disagreements(console, read, limit)
    else:
        console.print(readings_table(read[:limit]))
        _say_rest(console, len(read) - limit, "rollouts")
    console.print(rules_table(file.name, read))
    if any(one.label is not None for one in read):
        console.print(_shares(read))
    if output is not None:
        console.print(f"Written to {output}.")


def read_answers(queries: Sequence[Experience]) -> list[ReadRollout]:
    """Every rollout of `queries` as the service reads it."""
    parsed = parse_groups([(query, query.rollouts) for query in queries])
    return [
        ReadRollout(str(query.id), place, str(query.domain), reading, rollout.label)
        for query, group in zip(queries, parsed, strict=True)
        for place, (rollout, reading) in enumerate(zip(query.rollouts, group.parsed, strict=True))
    ]


def contradicted_keys(read: Iterable[ReadRollout]) -> list[Disagreement]:
    """Keys of one query that have right and wrong labels: the rollouts that the majority of their key contradicts."""
    by_key: dict[tuple[str, str], list[ReadRollout]] = defaultdict(list)
    for one in read:
        if one.right is not None and one.reading.answer_key is not None:
            by_key[one.query_id, one.reading.answer_key].append(one)
    found = []
    for (query_id, key), rollouts in by_key.items():
        right = sum(one.right is True for one in rollouts)
        if 0 < right < len(rollouts):
            minority = right * 2 <= len(rollouts)
            found.append(Disagreement(query_id, (key,), tuple(one for one in rollouts if one.right is minority)))
    return found


def split_right_answers(read: Iterable[ReadRollout]) -> list[Disagreement]:
    """Queries whose right answers have several keys: the rollouts with another key than most of them."""
    right: dict[str, list[ReadRollout]] = defaultdict(list)
    for one in read:
        if one.right and one.reading.answer_key is not None:
            right[one.query_id].append(one)
    found = []
    for query_id, rollouts in right.items():
        votes = Counter(str(one.reading.answer_key) for one in rollouts)
        if len(votes) > 1:
            (most, _), *_ = votes.most_common(1)
            others = tuple(one for one in rollouts if one.reading.answer_key != most)
            found.append(Disagreement(query_id, (most, *sorted(votes.keys() - {most})), others))
    return found


def readings_table(read: Sequence[ReadRollout]) -> Table:
    """One row a rollout: final answer, key, rule, label."""
    table = _table("query", "rollout", "final answer", "key", "rule", "label")
    for one in read:
        key = one.reading.answer_key
        label = "" if one.label is None else f"{one.label:g}"
        shown = "no key" if key is None else _short(key)
        table.add_row(one.query_id, str(one.place), _short(one.reading.answer), shown, one.reading.rule, label)
    return table


def rules_table(name: str, read: Sequence[ReadRollout]) -> Table:
    """By domain and rule: how many rollouts it read, and the share of them without a key."""
    table = _table("domain", "rule", "rollouts", "share", "without a key", "labelled right")
    table.title, table.title_justify = f"{name}: {len(read)} rollouts", "left"
    by_rule: dict[tuple[str, str], list[ReadRollout]] = defaultdict(list)
    for one in read:
        by_rule[one.domain, one.reading.rule].append(one)
    for (domain, rule), rollouts in sorted(by_rule.items(), key=lambda item: (item[0][0], -len(item[1]))):
        table.add_row(domain, rule, str(len(rollouts)), f"{len(rollouts) / len(read):.1%}", *_rates(rollouts))
    table.add_row("", "all", str(len(read)), "100.0%", *_rates(read))
    return table


def _queries(file: Path, behaviour: bool, console: Console) -> list[Experience]:
    lines = [experience_of(line, with_labels=True) for line in read_rollout_file(file)]
    queries = with_ids([_with_domain(one) for one in lines])
    programs = sum(needs_behaviour(one, rollout) for one in queries for rollout in one.rollouts) if behaviour else 0
    if not programs:
        return queries
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f}%"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as bars:
        running = bars.add_task("running programs (kept for the next run)", total=programs)
        return with_behaviour(
            queries, SandboxRunner(), CACHE_FOLDER.expanduser(), lambda done: bars.advance(running, done)
        )


def _with_domain(query: Experience) -> Experience:
    return replace(query, domain=query.domain or domain_of(query.dataset))


def _print_disagreements(console: Console, read: Sequence[ReadRollout], limit: int) -> None:
    kinds = (
        ("one key, right and wrong labels", contradicted_keys(read)),
        ("two keys, both labelled right", split_right_answers(read)),
    )
    for title, found in kinds:
        if not found:
            console.print(f"{title}: none.")
            continue
        table = _table("query", "keys", "rollout", "final answer", "rule", "label")
        table.title, table.title_justify = f"{title}: {len(found)} of the queries", "left"
        rows = [(one, rollout) for one in found for rollout in one.rollouts]
        for one, rollout in rows[:limit]:
            keys, reading = " | ".join(map(_short, one.keys)), rollout.reading
            label = "" if rollout.label is None else f"{rollout.label:g}"
            table.add_row(one.query_id, keys, str(rollout.place), _short(reading.answer), reading.rule, label)
        console.print(table)
        _say_rest(console, len(rows) - limit, "rollouts")


def _shares(read: Sequence[ReadRollout]) -> str:
    """The two figures that say how well answers are read."""
    labelled = sum(one.label is not None for one in read)
    right = sum(one.right is True for one in read)
    against = sum(len(one.rollouts) for one in contradicted_keys(read))
    apart = sum(len(one.rollouts) for one in split_right_answers(read))
    return (
        f"Labels against the majority of their key: {against} of {labelled} ({against / labelled:.2%}). "
        f"Right answers under another key than most: {apart} of {right} ({apart / max(1, right):.2%})."
    )


def _rates(rollouts: Sequence[ReadRollout]) -> tuple[str, str]:
    """The share without a key, and the share of the labelled ones that are right."""
    lacking = sum(one.reading.answer_key is None for one in rollouts) / len(rollouts)
    labels = [one.right for one in rollouts if one.right is not None]
    return f"{lacking:.1%}", f"{sum(labels) / len(labels):.1%}" if labels else "-"


def _line(one: ReadRollout) -> dict[str, object]:
    reading = one.reading
    return {
        "query": one.query_id, "rollout": one.place, "domain": one.domain, "answer": reading.answer,
        "answer_key": reading.answer_key, "rule": reading.rule, "label": one.label,
    }  # fmt: skip


def _table(*columns: str) -> Table:
    table = Table(*columns, box=SIMPLE_HEAD)
    table.padding, table.pad_edge = (0, 1, 0, 0), False
    return table


def _say_rest(console: Console, rest: int, what: str) -> None:
    if rest > 0:
        console.print(f"… and {rest} {what} more: see them all with --all, or write them with --output FILE.")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return escape(line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + "…")
