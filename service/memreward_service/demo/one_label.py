"""A group whose majority is wrong, and what one label on it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console

from memreward_client.cli.predictions import PredictedGroup, rewards_view
from memreward_client.client import RewardClient
from memreward_client.files.convert import group_of
from memreward_service.demo.figures import majority_rewards, rewards, score_with, truths
from memreward_service.demo.process import DemoError

LEAST_RIGHT = 2
"""Right rollouts that the group shown has at least."""


def show_one_label(client: RewardClient, console: Console, groups: Sequence[PredictedGroup]) -> None:
    """Show a misled group without a label, ask the service which label it wants, show the group with it.

    Raises DemoError where no group is misled.
    """
    misled = misled_groups(groups)
    if not misled:
        raise DemoError("no group of the demo rewards a wrong majority beside right rollouts.")
    print(f"In {len(misled)} of {len(groups)} groups a wrong majority is rewarded while {LEAST_RIGHT}+ are right.")
    print("The first of them:\n")
    group = misled[0]
    console.print(rewards_view(without_sentences(group)))
    print(f"The answer that most rollouts share is wrong here: the true one is {group.query.ground_truth}.")
    print(f"{matching(group)} rewards are right.")
    plan = client.plan_labels([group_of(group.query, "0", with_labels=False)], 1).plan
    if not plan:
        print("The service asks for no label in this group: it expects none to change a reward.")
        return
    index, truth = plan[0].rollout_index, truths(group.query)[plan[0].rollout_index]
    print(
        f"\nPOST /v1/label-plan asks for the label of rollout {index} ({plan[0].reason}). The verifier says:", end=" "
    )
    print("right." if truth else "wrong.")
    [turned] = score_with(client, [group.query], frozenset({(0, index)}), explain=True)
    console.print(rewards_view(without_sentences(turned)))
    print(f"With one label of {len(group.query.rollouts)}, {matching(turned)} rewards are right.")


def misled_groups(groups: Sequence[PredictedGroup]) -> list[PredictedGroup]:
    """The groups whose most shared answer is wrong and rewarded, while LEAST_RIGHT rollouts are right."""
    return [group for group in groups if sum(truths(group.query)) >= LEAST_RIGHT and _misled(group)]


def without_sentences(group: PredictedGroup) -> PredictedGroup:
    """The group without the summaries of its explanations, which would fill a page here."""
    rollouts = tuple(
        replace(each, explanation=each.explanation and replace(each.explanation, summary=None))
        for each in group.scored.rollouts
    )
    return replace(group, scored=replace(group.scored, rollouts=rollouts))


def matching(group: PredictedGroup) -> str:
    """How many rewards of the group are right: "5 of 8"."""
    pairs = list(zip(rewards(group), truths(group.query), strict=True))
    return f"{sum(said == truth for said, truth in pairs)} of {len(pairs)}"


def _misled(group: PredictedGroup) -> bool:
    first = majority_rewards(group).index(True)
    return not truths(group.query)[first] and rewards(group)[first] is True
