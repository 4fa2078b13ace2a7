"""How fast the engine is: tables of timings beside a baseline in one run."""

__all__ = ["command"]
