"""MemReward for RL trainers.

Rewards: verl.manager (verl's reward manager), verl.functions (verl's plain reward function), trl, slime. What measures
the engine: evaluation, bench. docs/trainers.md says what to write into the configuration of each trainer. Imports
nothing: only the module of a trainer needs that trainer.
"""
