"""The reward manager of verl, and what belongs to it."""
