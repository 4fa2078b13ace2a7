"""Routes for trainers that bring a format of their own: OpenRLHF, slime and miles, NeMo Gym."""
