"""Training a model, the jobs that do it, and the versions that are kept."""
