"""Which answer of a group is right: what is believed of each, with labels as evidence, and the reward that follows."""

__all__ = ["calibration", "conflicts", "drift", "explanation", "hypotheses", "metrics", "posterior", "rewards"]
