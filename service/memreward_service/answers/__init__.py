"""How the answer of a response is read: where it stands, then what its value is. READ FIRST reading.py.

The trainer may import this room: its verifiers read answers by the same rules.
"""

__all__ = ["choices", "math_values", "options", "programs", "prompts", "reading", "responses", "words"]
