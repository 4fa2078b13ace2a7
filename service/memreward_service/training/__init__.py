"""Training a model, the jobs that do it, and the versions that are kept.

A model is served as soon as the memory has its states; an older version can be made active again.
"""

__all__ = ["jobs", "registry", "retraining"]
