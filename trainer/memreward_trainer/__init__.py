"""MemReward for RL trainers.

Rewards: verl.manager (verl's reward manager), verl.functions (verl's plain reward functions), trl, slime. What measures
the engine: evaluation, bench. docs/trainers.md says how each trainer is told. Imports nothing: only the module of a
trainer needs that trainer.
"""
