"""Names that judges have ready for programs that use them without an import. Runs inside the sandbox.

Every program gets the names of typing, and the exit and quit of an interactive Python. A program with a `class
Solution` also gets what the judges of such classes import for it.
"""

from __future__ import annotations

import builtins
import importlib
import re
from _sitebuiltins import Quitter

TYPING = (
    *("Any", "Callable", "Deque", "DefaultDict", "Dict", "FrozenSet", "Generator", "Generic", "Iterable", "Iterator"),
    *("List", "Mapping", "NamedTuple", "Optional", "Sequence", "Set", "Tuple", "Type", "TypeVar", "Union"),
)
SOLUTION = {
    "collections": ("Counter", "OrderedDict", "defaultdict", "deque"),
    "functools": ("cache", "cmp_to_key", "lru_cache", "partial", "reduce"),
    "itertools": (
        *(
            "accumulate",
            "chain",
            "combinations",
            "combinations_with_replacement",
            "count",
            "cycle",
            "groupby",
            "islice",
        ),
        *("pairwise", "permutations", "product", "repeat", "starmap", "takewhile", "zip_longest"),
    ),
    "heapq": ("heapify", "heappop", "heappush", "heappushpop", "heapreplace", "nlargest", "nsmallest"),
    "bisect": ("bisect", "bisect_left", "bisect_right", "insort", "insort_left", "insort_right"),
    "math": ("ceil", "comb", "factorial", "floor", "gcd", "inf", "isqrt", "lcm", "log", "log2", "perm", "sqrt"),
    "string": ("ascii_letters", "ascii_lowercase", "ascii_uppercase", "digits"),
    "copy": ("deepcopy",),
}
"""By the module that has them; the modules themselves are there too."""
SOLUTION_MODULES = (*SOLUTION, "operator", "random", "re", "sys")


def give_names(source: str) -> None:
    """Make the names that `source` uses built-in, so that every definition of its own wins over them."""
    words = set(re.findall(r"[A-Za-z_]\w*", source))
    for name in words & {"exit", "quit"}:
        setattr(builtins, name, Quitter(name, "Ctrl-D"))
    _give("typing", words.intersection(TYPING))
    if not re.search(r"^class Solution\b", source, re.MULTILINE):
        return
    for module, names in SOLUTION.items():
        _give(module, words.intersection(names))
    for module in words.intersection(SOLUTION_MODULES):
        if not hasattr(builtins, module):
            setattr(builtins, module, importlib.import_module(module))


def _give(module: str, names: set[str]) -> None:
    for name in names:
        if not hasattr(builtins, name):
            setattr(builtins, name, getattr(importlib.import_module(module), name))
