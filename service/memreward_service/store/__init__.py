"""The durable store. READ FIRST: experience_store.py, then changes.py (the rules), rows.py, database.py."""

from memreward_service.store.experience_store import ExperienceStore
from memreward_service.store.identity import query_id, rollout_id, with_ids

__all__ = ["ExperienceStore", "query_id", "rollout_id", "with_ids"]
