"""MemReward as slime's custom reward model: whole groups, by `Sample.group_index`.

    --custom-rm-path memreward_trainer.slime.custom_rm --group-rm
    --custom-config-path memreward.yaml       # memreward_url: http://127.0.0.1:8080, memreward_domain: math

slime puts the keys of that file on `args`: memreward_url (else --rm-url, else MEMREWARD_URL), memreward_domain,
memreward_dataset, memreward_query_key (key of Sample.metadata with the text of the query, where the prompt is already
a rendered chat), memreward_on_unscored (raise, or a number) and memreward_deadline_seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memreward_client import Group, Query, Rollout
from memreward_trainer.adapter.connection import Connection, async_client, known_domain
from memreward_trainer.adapter.outcomes import rewards, score_groups
from memreward_trainer.adapter.query_text import conversation_text, query_text
from memreward_trainer.adapter.unscored import Tally, UnscoredRule

TALLY = Tally()
"""Of this process."""


async def custom_rm(args: Any, sample: Any, **_: Any) -> Any:
    """The reward of a sample, or of a list of samples in its order, as slime asks for with --group-rm.

    Samples with one `group_index` and one query are scored together. A single sample is a group of one, which takes
    groups of one (--n-samples-per-prompt 1).

    Raises:
        NotScored: a sample could not be scored and no number is stated; slime ends with it.
        MemRewardError: the set-up has to be corrected: a wrong key, no trained model.
        ValueError: a single sample came although groups have more.
    """
    if isinstance(sample, list):
        return await _rewards(args, sample)
    if args.n_samples_per_prompt != 1:
        raise ValueError(
            f"One sample came alone of a group of {args.n_samples_per_prompt}: add --group-rm, so that slime asks for "
            "the rewards of a group together. An evaluation needs a reward function of its own."
        )
    return (await _rewards(args, [sample]))[0]


async def _rewards(args: Any, samples: Sequence[Any]) -> list[float | None]:
    rule = UnscoredRule.parse(getattr(args, "memreward_on_unscored", "raise"), can_mask=False)
    url = getattr(args, "memreward_url", None) or getattr(args, "rm_url", None)
    client, deadline = async_client(Connection.named(url)), float(getattr(args, "memreward_deadline_seconds", 600.0))
    # The query is part of the key: slime gives no group_index in some paths, and two prompts are never one group.
    places: dict[tuple[Any, Query], list[int]] = {}
    for place, sample in enumerate(samples):
        places.setdefault((sample.group_index, _query(args, sample)), []).append(place)
    groups = [
        Group(query, [Rollout(conversation_text(samples[place].response)) for place in group])
        for (_, query), group in places.items()
    ]
    found = rewards(await score_groups(client, groups, deadline), rule, TALLY)
    order = [place for group in places.values() for place in group]
    return [reward for _, reward in sorted(zip(order, found, strict=True))]


def _query(args: Any, sample: Any) -> Query:
    key = getattr(args, "memreward_query_key", None)
    prompt = sample.prompt if key is None else sample.metadata[key]
    return Query(
        query_text(prompt),
        domain=known_domain(getattr(args, "memreward_domain", None)),
        dataset=getattr(args, "memreward_dataset", None),
    )
