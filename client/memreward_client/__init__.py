"""MemReward's base install: the command line, and what a trainer needs to ask a service. Imports no torch."""
