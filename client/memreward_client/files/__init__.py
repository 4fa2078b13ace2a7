"""Rollout files: read, written and turned into records."""
