"""MemReward for RL trainers.

Rewards: verl_reward (verl's reward manager), compute_score (verl's plain reward functions), trl_reward, slime_reward.
docs/trainers.md says how each trainer is told. Imports nothing: only the module of a trainer needs that trainer.
"""
