"""The engine: groups in, rewards out, with no transport in it. READ FIRST: engine.py.

The rooms that a request passes: groups (texts -> thinking, answer, key -> arrays), embedding (texts -> vectors), memory
(the nearest queries and their states), network (the graph and its layers), belief (which answer is right, the reward).
Beside it: trust, labels, rendezvous, training.
"""

__all__ = ["engine"]
