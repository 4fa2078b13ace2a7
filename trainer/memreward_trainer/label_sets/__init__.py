"""Which queries of a data set get labels."""

__all__ = ["choose", "files"]
