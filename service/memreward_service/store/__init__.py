"""The durable store. READ FIRST: experience_store.py, then changes.py (the rules), rows.py, histories.py."""

from memreward_service.store.experience_store import ExperienceStore
from memreward_service.store.histories import HistoryStore, KeptHistory, Removal, RolloutSize
from memreward_service.store.identity import is_derived, query_id, rollout_id, text_identity, with_ids

__all__ = [
    "ExperienceStore",
    "HistoryStore",
    "KeptHistory",
    "Removal",
    "RolloutSize",
    "is_derived",
    "query_id",
    "rollout_id",
    "text_identity",
    "with_ids",
]
