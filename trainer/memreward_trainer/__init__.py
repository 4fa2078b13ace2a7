"""MemReward for RL trainers: reward managers and verifiers live here."""
