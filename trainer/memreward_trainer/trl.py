"""MemReward as a reward function of TRL's GRPOTrainer (1.16).

    trainer = GRPOTrainer(..., reward_funcs=GroupReward("http://127.0.0.1:8080", domain="math", num_generations=8))

TRL calls it once a step and process, with the rollouts of a prompt one behind the other. A rollout that could not be
scored, or has no text (a call of tools, an image), gets None: TRL leaves it out of its group's mean and deviation, and
gives it no advantage. Its siblings are scored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from memreward_client import AsyncRewardClient, Group, Query, Rollout
from memreward_trainer.adapter.connection import Connection, known_domain
from memreward_trainer.adapter.outcomes import rewards, score_groups
from memreward_trainer.adapter.query_text import conversation_text, query_text
from memreward_trainer.adapter.unscored import Tally, UnscoredRule


class GroupReward:
    """An async reward function; picklable, its connections are opened by the first call.

    A group is a run of equal prompts. TRL may split a group over processes, and does not say so: with `num_generations`
    (that of GRPOConfig) a run is cut into groups of that size, so that a prompt drawn twice in a row makes two groups,
    and what is left over is an error; without it, a run is one group whatever its length.
    """

    __name__ = "memreward"
    """The name under which TRL logs the rewards."""

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        domain: str | None = None,
        dataset: str | None = None,
        query_column: str | None = None,
        domain_column: str | None = None,
        dataset_column: str | None = None,
        num_generations: int | None = None,
        on_unscored: object = "mask",
        deadline_seconds: float = 600.0,
    ) -> None:
        """Where the service is, and what a query is.

        Args:
            url: http(s):// or grpc(s)://; else MEMREWARD_URL.
            api_key: else MEMREWARD_API_KEY.
            domain: math, qa, code or text, of all rows; else the service goes by the name of the data set.
            dataset: name of the data set in memory, of all rows.
            query_column: column with the text of the query, where it is not the prompt itself.
            domain_column: column with the domain of each row.
            dataset_column: column with the name of the data set of each row.
            num_generations: rollouts of a group, at an evaluation too.
            on_unscored: mask (None for TRL), raise (the training ends), or the number to give instead.
            deadline_seconds: longest time for one call.

        Raises:
            ValueError: a value cannot be, or nothing says where the service is.
        """
        connection = Connection.named(url, api_key)
        self.client = AsyncRewardClient(connection.url, connection.api_key, deadline=deadline_seconds)
        self.domain = known_domain(domain)
        self.dataset = dataset
        self.query_column, self.domain_column, self.dataset_column = query_column, domain_column, dataset_column
        self.num_generations = num_generations
        self.rule = UnscoredRule.parse(on_unscored)
        self.tally = Tally()

    async def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]] | None = None,  # noqa: ARG002 (TRL passes it)
        *,
        log_extra: Callable[[str, list[Any]], None] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """One reward a completion, None where there is none; TRL's own signature.

        Raises:
            NotScored: a rollout could not be scored and on_unscored is raise.
            MemRewardError: the set-up has to be corrected: a wrong key, no trained model.
            ValueError: the prompts do not fall into whole groups.
        """
        found = await score_groups(self.client, self._groups(prompts, completions, columns))
        if log_extra is not None:
            for name in ("probability", "status", "source", "model_version", "reason"):
                log_extra(f"memreward_{name}", [getattr(outcome, name) for outcome in found])
        if log_metric is not None:
            log_metric("memreward/unscored", float(sum(outcome.reward is None for outcome in found)))
        return rewards(found, self.rule, self.tally)

    def _groups(self, prompts: Sequence[Any], completions: Sequence[Any], columns: dict[str, Any]) -> list[Group]:
        queries = [self._query(row, prompt, columns) for row, prompt in enumerate(prompts)]
        groups: list[Group] = []
        for query, run in groupby(range(len(queries)), key=queries.__getitem__):
            rows = list(run)
            size = self.num_generations or len(rows)
            if len(rows) % size:
                raise ValueError(
                    f"{len(rows)} rollouts of one prompt came where groups have {size}: choose "
                    "per_device_train_batch_size * steps_per_generation as a multiple of num_generations, so that no "
                    "group is split over processes, or leave num_generations of the reward function out."
                )
            for first in range(0, len(rows), size):
                texts = [conversation_text(completions[row]) for row in rows[first : first + size]]
                groups.append(Group(query, [Rollout(text) for text in texts]))
        return groups

    def _query(self, row: int, prompt: Any, columns: dict[str, Any]) -> Query:
        def cell(column: str | None, otherwise: Any) -> Any:
            return otherwise if column is None else columns[column][row]

        return Query(
            query_text(cell(self.query_column, prompt)),
            domain=known_domain(cell(self.domain_column, self.domain)),
            dataset=cell(self.dataset_column, self.dataset),
        )
