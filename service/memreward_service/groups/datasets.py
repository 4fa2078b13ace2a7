"""The domain of a dataset that everyone knows, for queries that come with its name and without a domain."""

from __future__ import annotations

import re

from memreward_proto.records import Domain

DOMAINS: dict[str, Domain] = {
    **dict.fromkeys(
        (
            "aime", "amc", "aqua", "asdiv", "deepmath", "deepscaler", "gsm", "gsmhard", "gsmplus",
            "gsmsymbolic", "hendrycksmath", "math", "mathqa", "mawps", "mgsm", "minervamath", "multiarith",
            "numinamath", "olympiadbench", "omnimath", "openr1math", "orz", "svamp",
        ),
        Domain.MATH,
    ),
    **dict.fromkeys(
        (
            "aiarc", "arc", "arcchallenge", "arceasy", "ceval", "cmmlu", "commonsenseqa",
            "csqa", "gpqa", "gpqadiamond", "hellaswag", "medmcqa", "medqa", "mmlu", "mmlupro",
            "openbookqa", "piqa", "qasc", "sciq", "siqa", "socialiqa",
            "supergpqa", "truthfulqa", "winogrande",
        ),
        Domain.QA,
    ),
    **dict.fromkeys(
        (
            "apps", "bigcodebench", "classeval", "codecontests", "humaneval", "humanevalplus",
            "humanevalx", "kodcode", "livecodebench", "mbpp", "mbppplus", "openaihumaneval",
            "primecode", "taco",
        ),
        Domain.CODE,
    ),
}  # fmt: skip
"""Name without owner, punctuation and the number at its end -> domain. QA: only sets of multiple choice."""


def domain_of(dataset: str | None) -> Domain:
    """The domain of a dataset by its name: "openai/gsm8k", "GSM8K", "gsm8k_train" are math; unknown is text.

    The owner before a slash, letter case, punctuation, a number at the end (a year, a size) and the name of a
    split do not count.
    """
    if dataset is None:
        return Domain.TEXT
    name = dataset.rsplit("/", 1)[-1].casefold()
    name = re.sub(r"[_\-. ](train|test|val|valid|validation|dev)$", "", name)
    name = re.sub(r"[^a-z0-9+]", "", name).replace("+", "plus")
    return DOMAINS.get(re.sub(r"(?<!\d)\d+k?$", "", name), Domain.TEXT)
