"""A rollout's thinking, its final answer, and the key in which equal answers agree (pure functions, microseconds).

READ FIRST `parse_rollout`. What the caller gave wins. The key by domain: math an exact value or normalised LaTeX
(math_values.py), qa the letter of the choice, code the program text, text the normalised words.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from memreward_service.engine.final_answers import FinalAnswer, last_code, last_line, split_thinking, stated_answer
from memreward_service.engine.math_values import last_number, math_key, number_key
from memreward_service.records import Domain, Query, Rollout
