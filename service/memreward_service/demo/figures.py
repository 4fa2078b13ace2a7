"""Rewards of the demo beside the truth: what plain agreement rewards, and how many rewards are right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rich.table import Table

from memreward_client.cli.predictions import RIGHT, PredictedGroup, TruthSummary
from memreward_client.client import RewardClient
from memreward_client.files.convert import group_of
from memreward_client.files.rollouts import FileQuery

Known = frozenset[tuple[int, int]]
"""The rollouts whose labels were paid for, by the places of their query and of their own."""


def with_labels(queries: Sequence[FileQuery], known: Known) -> list[FileQuery]:
    """The queries as they are when the verifier has seen the `known` rollouts only."""
    return [
        replace(
            query,
            rollouts=tuple(
                rollout if (place, index) in known else replace(rollout, label=None)
                for index, rollout in enumerate(query.rollouts)
            ),
        )
        for place, query in enumerate(queries)
    ]


def score_with(
    client: RewardClient, queries: Sequence[FileQuery], known: Known, *, explain: bool = False
) -> list[PredictedGroup]:
    """The rewards of all queries in one request, with the `known` labels; beside them stays the truth."""
    asked = [group_of(query, str(place), with_labels=True) for place, query in enumerate(with_labels(queries, known))]
    answer = client.score(asked, explain=explain)
    return [
        PredictedGroup(query, scored, answer.model_version, answer.memory_version)
        for query, scored in zip(queries, answer.groups, strict=True)
    ]


def truths(query: FileQuery) -> list[bool]:
    """Which rollouts are right."""
    return [(rollout.label or 0.0) >= RIGHT for rollout in query.rollouts]


def rewards(group: PredictedGroup) -> list[bool | None]:
    """Which rollouts are rewarded; None without a reward."""
    return [None if each.reward is None else each.reward >= RIGHT for each in group.scored.rollouts]


def share_right(groups: Sequence[PredictedGroup]) -> float:
    """The share of all rollouts whose reward, given or predicted, says the truth; one without a reward does not."""
    return _share(
        [said == truth for group in groups for said, truth in zip(rewards(group), truths(group.query), strict=True)]
    )


def majority_rewards(group: PredictedGroup) -> list[bool]:
    """What plain agreement rewards: the rollouts with the most shared answer, the earliest on a tie."""
    explanations = [prediction.explanation for prediction in group.scored.rollouts if prediction.explanation]
    winner = max(explanations, key=lambda explanation: explanation.agreement).answer_key
    return [explanation.answer_key == winner for explanation in explanations]


def majority_right(groups: Sequence[PredictedGroup], known: Known = frozenset()) -> float:
    """The share of all rollouts that plain agreement rewards rightly; a `known` label counts as right."""
    return _share(
        [
            said == truth or (place, index) in known
            for place, group in enumerate(groups)
            for index, (said, truth) in enumerate(zip(majority_rewards(group), truths(group.query), strict=True))
        ]
    )


def summarise_majority(groups: Sequence[PredictedGroup]) -> TruthSummary:
    """The truth summary of `majority_rewards`."""
    wrong = [
        said
        for group in groups
        for said, truth in zip(majority_rewards(group), truths(group.query), strict=True)
        if not truth
    ]
    rollouts = sum(len(group.query.rollouts) for group in groups)
    return TruthSummary(rollouts, majority_right(groups), _share(wrong) if wrong else None)


def summary_table(rows: Mapping[str, TruthSummary]) -> Table:
    """By the source of the rewards: rollouts that were predicted, how many right, how many wrong ones rewarded."""
    table = Table("rewards from", "rollouts", "right", "wrong rollouts rewarded")
    for name, summary in rows.items():
        shares = (summary.right, summary.false_positive_rate)
        table.add_row(name, str(summary.compared), *("-" if share is None else f"{share:.1%}" for share in shares))
    table.caption = "Compare the last column too: a wrong rollout that is rewarded teaches the policy a mistake."
    return table


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values)
