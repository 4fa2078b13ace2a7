"""Plain reward functions for verl, where the reward manager of verl/manager.py cannot be used.

    reward.custom_reward_function.path=pkg://memreward_trainer.verl.functions     one rollout a call (naive manager)
    custom_reward_function.path=pkg://memreward_trainer.verl.functions            whole batches (verl 0.7 and before)
    custom_reward_function.name=compute_score_batch  reward_manager.name=batch

verl tells such a function neither the group of a rollout nor its siblings. `compute_score` therefore scores every
rollout as a group of one, which leaves the service without its best evidence, agreement: prefer the reward manager.
`compute_score_batch` sees the whole batch and takes rollouts of equal queries as one group.

A row of a validation gets the true reward of verl's own reward functions and is never sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memreward_client import Group, MemRewardError, NotScored, Query, Rollout, Scored
from memreward_trainer.adapter.connection import Connection, async_client, blocking_client
from memreward_trainer.adapter.domains import known_domain
from memreward_trainer.adapter.outcomes import outcomes, requests
from memreward_trainer.adapter.query_text import query_text
from memreward_trainer.adapter.unscored import Tally, UnscoredRule, is_about_the_rollout

QUERY_FIELDS = ("question", "prompt", "problem", "query")
"""Where extra_info holds the text of the query, looked at in this order."""
TALLY = Tally()
"""Of this process."""


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """What verl passes on from `reward.custom_reward_function.reward_kwargs`.

    `on_unscored`: raise, or the number that the user states for a rollout that could not be scored. raise is an error
    in verl's reward code: a trainer of verl up to 0.7 ends, the V1 trainer leaves the rollout out. `training_splits`:
    the values of extra_info["split"] that are for training; None: there is no validation.
    """

    connection: Connection
    rule: UnscoredRule
    domain: str | None
    query_field: str | None
    training_splits: tuple[str, ...] | None
    deadline: float

    @classmethod
    def of(
        cls,
        url: str | None = None,
        api_key: str | None = None,
        on_unscored: object = "raise",
        domain: str | None = None,
        query_field: str | None = None,
        training_splits: Sequence[str] | None = ("train",),
        deadline_seconds: float = 600.0,
        reward_router_address: str | None = None,  # noqa: ARG003 (of verl, where it serves a reward model)
        reward_model_tokenizer: Any = None,  # noqa: ARG003
    ) -> ScoreOptions:
        """The options in keyword arguments.

        Raises:
            ValueError: a value cannot be.
            TypeError: there is no such option.
        """
        rule = UnscoredRule.parse(on_unscored)
        if rule.action == "mask":
            raise ValueError("A plain reward function cannot mask a rollout: set on_unscored to raise or a number.")
        splits = None if training_splits is None else tuple(training_splits)
        return cls(Connection.named(url, api_key), rule, domain, query_field, splits, float(deadline_seconds))

    def is_training(self, extra_info: Mapping[str, Any] | None) -> bool:
        """Whether the service scores this row. Raises ValueError where the row does not say."""
        if self.training_splits is None:
            return True
        split = (extra_info or {}).get("split")
        if split is None:
            raise ValueError(
                "A row has no extra_info['split'], so nobody knows whether it is for training or for validation, which "
                "is never scored by prediction: add it, or set training_splits to null where there is no validation."
            )
        return str(split) in self.training_splits

    def query(self, data_source: str, extra_info: Mapping[str, Any] | None) -> Query:
        """The query of a row. Raises ValueError where extra_info does not hold its text."""
        fields = (self.query_field,) if self.query_field else QUERY_FIELDS
        prompt = next((found for field in fields if (found := (extra_info or {}).get(field)) is not None), None)
        if prompt is None:
            raise ValueError(
                f"extra_info holds no text of the query (looked at {', '.join(fields)}): add it to the data set, name "
                "its key by query_field, or use the manager of memreward_trainer.verl.manager, which has the prompt."
            )
        return Query(query_text(prompt), domain=known_domain(self.domain), dataset=str(data_source))

    def results(self, request: Sequence[Group], scored: Scored | MemRewardError) -> list[dict[str, Any]]:
        """What verl takes for the rollouts of a request: the score, and beside it always the same keys.

        Raises:
            NotScored: there is no reward for a rollout, and none is stated for this case.
        """
        found = outcomes(request, scored)
        unscored = [outcome.status for outcome in found if outcome.reward is None]
        error = scored if isinstance(scored, MemRewardError) else None
        to_correct = error is not None and not is_about_the_rollout(error)
        TALLY.count(unscored, len(found) - len(unscored), "That is an error" if to_correct else str(self.rule))
        if unscored and (self.rule.reward is None or to_correct):
            raise NotScored(f"MemReward could not score {len(unscored)} rollouts: {error or unscored[0]}") from error
        scores = [self.rule.reward if outcome.reward is None else outcome.reward for outcome in found]
        return [{"score": score} | outcome.provenance() for score, outcome in zip(scores, found, strict=True)]


async def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    **reward_kwargs: Any,
) -> Any:
    """The reward of one rollout: {"score", "probability", "status", "source", "model_version"}.

    Of a validation row: what verl's default_compute_score gives. `reward_kwargs`: see ScoreOptions.of.

    Raises:
        NotScored: there is no reward, and none is stated for this case.
        ValueError: extra_info lacks the query or the split.
    """
    options = ScoreOptions.of(**reward_kwargs)
    if not options.is_training(extra_info):
        return _true_reward(data_source, solution_str, ground_truth, extra_info)
    groups = [Group(options.query(data_source, extra_info), [Rollout(solution_str)])]
    scored: Scored | MemRewardError
    try:
        scored = await async_client(options.connection).score(groups, deadline=options.deadline)
    except MemRewardError as error:
        scored = error
    return options.results(groups, scored)[0]


def compute_score_batch(
    data_sources: Sequence[str],
    solution_strs: Sequence[str],
    ground_truths: Sequence[Any],
    extra_infos: Sequence[Mapping[str, Any] | None],
    **reward_kwargs: Any,
) -> list[Any]:
    """The rewards of a batch, in its order, each as compute_score gives it; equal queries are one group.

    Raises:
        NotScored: there is no reward for a rollout, and none is stated for this case.
        ValueError: an extra_info lacks the query or the split.
    """
    options = ScoreOptions.of(**reward_kwargs)
    results: list[Any] = [None] * len(solution_strs)
    places: dict[Query, list[int]] = {}
    for place, (source, extra_info) in enumerate(zip(data_sources, extra_infos, strict=True)):
        if options.is_training(extra_info):
            places.setdefault(options.query(source, extra_info), []).append(place)
        else:
            results[place] = _true_reward(source, solution_strs[place], ground_truths[place], extra_info)
    order = iter([place for group in places.values() for place in group])
    groups = [Group(query, [Rollout(solution_strs[place]) for place in group]) for query, group in places.items()]
    scored: Scored | MemRewardError
    for request in requests(groups):
        try:
            scored = blocking_client(options.connection).score(request, deadline=options.deadline)
        except MemRewardError as error:
            scored = error
        for result in options.results(request, scored):
            results[next(order)] = result
    return results


def _true_reward(data_source: str, solution: str, ground_truth: Any, extra_info: Mapping[str, Any] | None) -> Any:
    from verl.utils.reward_score import default_compute_score

    return default_compute_score(data_source, solution, ground_truth, extra_info)
