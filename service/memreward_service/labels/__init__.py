"""Which rollouts are worth a label, and what a run has been asked for."""
